"""How many workers there are to be: what people say, and what the leader borrows to replace one.

A master has one number, and everybody changes it by the same means: a person who sends `TTIN`, and the leader
who wants one worker more for as long as another is replaced.  The master can't tell the two apart, and need
not: one more is one more.  So it counts as the leader's as many as the leader has ordered, whichever come
first, and all others as people's.  Each side keeps a file:

`orders`   the leader's, written before each order: how many of each kind this master was ever given
`wanted`   the master's, written when its number changes: the number, how many of the orders are in it, and
           how many workers there would be without them, which is what people want

What is ordered and not in it is still out: it may come late, or never if its leader died first.  Both name
their master, so what an earlier one was told means nothing.  Neither is synced to the disk: a power cut ends
the master too.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from attrs import evolve, field, frozen

from hotpatch.errors import HotpatchError
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.home.disk import OS_FILES, Files, discard, write_whole

WANTED: Final = "wanted"
ORDERS: Final = "orders"
LONGEST: Final = 4096
"""Bytes of such a file that are read."""
_NEVER: Final = Instant(0.0, 0.0, "")
Noted = TypeVar("Noted")


@frozen
class Orders:
    """How often this master was ordered to have one worker more, or one less; the last time at `at`."""

    master: str
    more: int = 0
    less: int = 0
    at: Instant = field(default=_NEVER)


@frozen
class Wanted:
    """How many workers this master means to have, and how many of the leader's orders are in that."""

    master: str
    workers: int
    people: int
    """How many there would be without the leader's."""
    more: int = 0
    less: int = 0


@frozen
class Count:
    """Both together, as a leader sees them."""

    wanted: Wanted
    orders: Orders

    @property
    def borrowed(self) -> int:
        """How many workers there are to be beyond those that people want."""
        return self.wanted.workers - self.wanted.people

    @property
    def more(self) -> int:
        """Orders for one more that are still out."""
        return max(0, self.orders.more - self.wanted.more)

    @property
    def less(self) -> int:
        """Orders for one less that are still out."""
        return max(0, self.orders.less - self.wanted.less)

    def ordering(self, more: int, less: int, at: Instant) -> Orders:
        """So many orders more of each kind: the note for it."""
        has, orders = self.wanted, self.orders
        return Orders(has.master, max(orders.more, has.more) + more, max(orders.less, has.less) + less, at)

    def written_off(self) -> Orders:
        """What is still out does not count any more."""
        return evolve(self.orders, more=self.wanted.more, less=self.wanted.less)


class Headcount:
    """In the master: whose each worker more, or less, is.  Safe in any thread."""

    def __init__(self, home: Path, master: str, files: Files = OS_FILES) -> None:
        self._home, self._files = home, files
        self._turn = threading.RLock()
        self.wanted = Wanted(master, 0, 0)

    def begins_with(self, workers: int) -> None:
        """The configuration was read, anew perhaps: so many, whatever was borrowed."""
        with self._turn:
            self.wanted = evolve(self.wanted, workers=workers, people=workers)

    def becomes(self, workers: int) -> None:
        """The number was changed by an order or by a person."""
        with self._turn:
            was = self.wanted
            change = workers - was.workers
            count = Count(was, read_orders(self._home, was.master, self._files))
            more, less = min(max(change, 0), count.more), min(max(-change, 0), count.less)
            people = was.people + change - more + less
            self.wanted = Wanted(
                was.master, workers, max(min(workers, 1), people), was.more + more, was.less + less
            )


def note_wanted(home: Path, wanted: Wanted, files: Files = OS_FILES) -> None:
    """In the master.  Where it can't be noted, the number that is no longer so is taken away."""
    path = f"{home}/{WANTED}"
    try:
        write_whole(path, wire.dump(wanted), WANTED, files, durable=False)
    except (HotpatchError, OSError):
        discard(path, files)
        raise


def note_orders(home: Path, orders: Orders, files: Files = OS_FILES) -> None:
    """In the leader, before it gives the order."""
    write_whole(f"{home}/{ORDERS}", wire.dump(orders), ORDERS, files, durable=False)


def read_wanted(home: Path, files: Files = OS_FILES) -> Wanted | None:
    """What the master said last; None if it has not."""
    return _read(Wanted, f"{home}/{WANTED}", files)


def read_orders(home: Path, master: str, files: Files = OS_FILES) -> Orders:
    """What this master was ordered: nothing, if what is there was for another one."""
    found = _read(Orders, f"{home}/{ORDERS}", files)
    return found if found is not None and found.master == master else Orders(master)


def read_count(home: Path, master: str, files: Files = OS_FILES) -> Count | None:
    """What holds for this master; None if it has not said."""
    wanted = read_wanted(home, files)
    if wanted is None or wanted.master != master:
        return None
    return Count(wanted, read_orders(home, master, files))


def _read(kind: type[Noted], path: str, files: Files) -> Noted | None:
    try:
        found: Noted | None = _load(cast(Any, kind), files.read(path, LONGEST))
    except (OSError, wire.Malformed):
        return None
    return found


@functools.lru_cache(maxsize=64)
def _load(kind: Any, line: bytes) -> Any:
    # It is looked at again and again, and is a frozen value.
    return wire.load(kind, line)

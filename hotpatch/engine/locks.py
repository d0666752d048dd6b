"""Locks that give way to locks of another type, at a moment when nobody has one or is about to take it.

A thread that waits for the old lock, or has loaded it and not taken it yet, would enter what it guards while
another is there by the new one.  So the locks are taken, without waiting, before the first store, and no
frame may know one of them by then: as a variable, or by a name that its statement has loaded.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import Op

from . import stacks
from .held import loaded

TYPES: Final[dict[str, type]] = {
    "_thread.lock": type(threading.Lock()),
    "_thread.RLock": type(threading.RLock()),
}
_KNOWN: Final = frozenset(TYPES.values())


def gives_way(op: Op) -> bool:
    before, after = type(op.before), type(op.after)
    return before is not after and {before, after} <= _KNOWN


def _going(op: Op, forward: bool) -> Any:
    return op.before if forward else op.after


@contextlib.contextmanager
def taken(ops: Sequence[Op], forward: bool) -> Iterator[None]:
    """Have all the locks that go while the steps are made.  Raises PatchRefused if one is held."""
    with contextlib.ExitStack() as stack:
        for op in {id(_going(op, forward)): op for op in ops}.values():
            lock = _going(op, forward)
            mine = getattr(lock, "_is_owned", bool)()  # one that may be taken twice by who has it
            if mine or not lock.acquire(blocking=False):
                raise _busy(op)
            stack.callback(lock.release)
        yield


def refuse_if_known(ops: Sequence[Op], forward: bool, objects: Sequence[Any] = ()) -> None:
    """To be called right before the first store: is a frame about to take one of the locks?  Of `objects`
    greenlets are asked as well."""
    by_id = {id(_going(op, forward)): op for op in ops}
    by_name = {name: op for op in ops if type(name := getattr(op.key, "__name__", op.key)) is str}
    for _, frame in stacks.of_the_program(objects):
        of_its_own = frame.f_code.co_flags & stacks.OPTIMIZED or frame.f_locals is not frame.f_globals
        for value in stacks.values_in(frame) if of_its_own else ():
            if id(value) in by_id:
                raise _busy(by_id[id(value)])
        if not by_name.keys().isdisjoint(frame.f_code.co_names):
            for name in loaded(frame.f_code, frame.f_lasti) & by_name.keys():
                raise _busy(by_name[name])


def _busy(op: Op) -> PatchRefused:
    return PatchRefused(
        f"{op.where} becomes a lock of another type, and the one that lives is in use just now: try again "
        "when it is idle"
    )

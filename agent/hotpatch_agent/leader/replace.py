"""One worker replaced, or a few together: new ones healthy on the head first, then the old asked to finish.

Every gunicorn's master has two levers (`levers`): one worker more, and one less, for which it asks the
oldest.  So that it asks the one that is meant, the leader names that worker in a file of the home folder and
the master goes by that (`who_leaves`).  A worker that is asked to go answers what it has accepted and says
`Connection: close`.

Each call of `replace` does what can be done now; it is called at every step until the worker has gone.  Each
order is noted before it is given, and the master notes which it has taken up (`headcount`): whoever leads
next knows what is still out and how many workers are borrowed, however long ago that was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from hotpatch_agent.clock import Instant, now
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.overdue import are_healthy
from hotpatch_agent.decision.states import Replacement
from hotpatch_agent.home.disk import OS_FILES, Files, write_whole
from hotpatch_agent.home.headcount import Count, note_orders, read_count, read_orders
from hotpatch_agent.home.status import HERE, Life, Status
from hotpatch_agent.leader.levers import Levers

LEAVER: Final = "leaver"
"""The file of the home folder that names the worker to go, by its pid; or, after `BUT`, those that stay."""
BUT: Final = "but"
PATIENCE: Final = 60.0
"""Seconds after which a lever that has shown no effect is pulled again, and its order counts no more: a
master that is in the middle of a `HUP` looks at nothing else for as long as its old workers take."""
TAKEOVER: Final = 10.0
"""Seconds that are given to levers which may have been pulled: by the leader before, or without an answer."""
LOOK: Final = 1.0
"""Seconds between two looks at a replacement that goes on."""


@frozen
class _Pulled:
    """A lever that was pulled last: it has shown its effect when the master has taken up so many orders."""

    taken: int = 0
    until: float = 0.0
    """When it is pulled again if it has not."""


class Replacer:
    """The leader's hand on the master.  Not thread-safe."""

    def __init__(
        self,
        home: Path,
        levers: Levers,
        log: Any,
        master: str,
        files: Files = OS_FILES,
        clock: Callable[[], Instant] = now,
    ) -> None:
        self._home = home
        self._levers = levers
        self._log = log
        self._master = master
        self._files = files
        self._clock = clock
        self._more = self._less = _Pulled()

    def begin(self) -> None:
        """This worker leads from now on: what the one before has ordered a moment ago has its time."""
        count = self._count()
        if count is not None:
            until = self._clock().tick + TAKEOVER
            self._more = _Pulled(count.wanted.more + min(count.more, 1), until)
            self._less = _Pulled(count.wanted.less + min(count.less, 1), until)

    def replace(
        self, act: Replace, current: Replacement, alive: Sequence[Status], stacks: Collection[tuple[int, ...]]
    ) -> None:
        """Goes on with this replacement, among the workers that live; `stacks`: what a new one may run."""
        count = self._count()
        if count is None:
            return  # it will say once the disk has space for it
        here = [one for one in alive if one.life in HERE]
        coming = [one for one in alive if one.life is Life.BOOTING]
        to_be = count.wanted.people + act.beside
        if len(here) + len(coming) < to_be:
            # As many as the master means to have it starts anyhow: one is about to go, or has just died.
            if count.wanted.workers < to_be and not self._is_out(self._more, count.wanted.more):
                self._log.info("hotpatch: starting a successor for worker %s", act.worker)
                self._ask_more(count)
        elif act.keep or coming or not are_healthy(here, current, stacks):
            return
        # Where it means to have less, one is on its way out already.
        elif count.wanted.workers >= to_be and not self._is_out(self._less, count.wanted.less):
            self._log.info("hotpatch: worker %s may go: its successor serves", act.worker)
            self._ask_less(count, act.worker.partition("-")[0])

    def give_up(self, alive: Sequence[Status]) -> bool:
        """No worker is being replaced (any more): those that were started for it go again.  Says whether that
        has still to be seen to."""
        count = self._count()
        if count is None:
            return read_orders(self._home, self._master, self._files).more > 0
        if not (count.borrowed or count.more or count.less):
            return False
        if count.borrowed > 0 and not self._is_out(self._less, count.wanted.less):
            # The one to go may have no status, nor a pid that lasts: one that dies while it is started is
            # started again at once.  So those that stay are named.
            serving = [one for one in alive if one.life is Life.SERVING]
            staying = sorted(serving, key=lambda one: one.started.tick)[: count.wanted.people]
            self._ask_less(count, " ".join((BUT, *(str(one.pid) for one in staying))))
        elif count.borrowed < 0 and not self._is_out(self._more, count.wanted.more):
            self._ask_more(count)
        return True

    def _count(self) -> Count | None:
        """What the master means to have.  An order that has come to nothing for so long was never given."""
        count = read_count(self._home, self._master, self._files)
        if count is None or not (count.more or count.less):
            return count
        if self._clock().since(count.orders.at) < PATIENCE:
            return count
        note_orders(self._home, count.written_off(), self._files)
        return Count(count.wanted, count.written_off())

    def _is_out(self, pulled: _Pulled, taken: int) -> bool:
        return taken < pulled.taken and self._clock().tick < pulled.until

    def _ask_more(self, count: Count) -> None:
        note_orders(self._home, count.ordering(1, 0, self._clock()), self._files)
        self._more = _Pulled(count.wanted.more + 1, self._until(self._levers.more()))

    def _ask_less(self, count: Count, leaver: str) -> None:
        write_whole(f"{self._home}/{LEAVER}", f"{leaver}\n".encode(), LEAVER, self._files, durable=False)
        note_orders(self._home, count.ordering(0, 1, self._clock()), self._files)
        self._less = _Pulled(count.wanted.less + 1, self._until(self._levers.less()))

    def _until(self, certain: bool) -> float:
        """When a lever that was pulled now is pulled again: soon, where the master may not have noticed."""
        return self._clock().tick + (PATIENCE if certain else TAKEOVER)

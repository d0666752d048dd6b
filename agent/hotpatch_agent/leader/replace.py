"""One worker replaced, or a few together: new ones healthy on the head first, then the old asked to finish.

Every gunicorn's master has two levers (`levers`): one worker more, and one less, for which it asks the
oldest.  So that it asks the one that is meant, the leader names that worker in a file of the home folder and
the master goes by that (`who_leaves`).  A worker that is asked to go answers what it has accepted and says
`Connection: close`.

Each call of `replace` does what can be done now; it is called at every step until the worker has gone.  What
has been sent is remembered in the leader's memory alone: a leader that comes after a crash waits for
`TAKEOVER` before it sends anything again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from hotpatch.errors import HotpatchError
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.states import Replacement, State
from hotpatch_agent.home.disk import OS_FILES, Files, discard, write_whole
from hotpatch_agent.home.status import HERE, Life, Status
from hotpatch_agent.leader.levers import Levers

LEAVER: Final = "leaver"
"""The file of the home folder that names the worker to go, by its pid; or, after `BUT`, those that stay."""
BUT: Final = "but"
WANTED: Final = "wanted"
"""The file of the home folder in which the master says how many workers it means to have."""
PATIENCE: Final = 60.0
"""Seconds after which a lever that has shown no effect is pulled again: a master that is in the middle of a
`HUP` looks at nothing else for as long as its old workers take."""
TAKEOVER: Final = 10.0
"""Seconds that are given to levers which may have been pulled: by the leader before, or without an answer."""
LOOK: Final = 1.0
"""Seconds between two looks at a replacement that goes on."""


class Replacer:
    """The leader's hand on the master.  Not thread-safe."""

    def __init__(
        self,
        home: Path,
        levers: Levers,
        log: Any,
        files: Files = OS_FILES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._levers = levers
        self._log = log
        self._files = files
        self._clock = clock
        self._asked_more: float | None = None
        self._asked_less: float | None = None
        self._owes = False
        """Can it be that one worker more was asked for, whoever led then, and not yet one less?"""
        self._is_more_taken = True
        """Has the master been seen to mean more since?"""
        self._was_wanted = 0
        """How many workers the master meant to have when a lever was pulled last."""
        self._current: Replacement | None = None
        self._leaver = ""
        self._among = 0

    def replace(
        self,
        act: Replace,
        current: Replacement,
        alive: Sequence[Status],
        stacks: Collection[tuple[int, ...]],
        mine: bool,
    ) -> None:
        """Goes on with this replacement, among the workers that are alive; `stacks`: what a new one may run.
        If it is not this leader's own decision (`mine`), another may have pulled the levers already."""
        if current != self._current:
            self._current = current
            earlier = self._clock() - PATIENCE + TAKEOVER
            self._asked_more = self._asked_less = None if mine else earlier
            self._was_wanted = wanted(self._home, self._files)
            self._leaver = act.worker
        if act.worker != self._leaver:
            self._leaver, self._asked_less = act.worker, None
        self._among = act.among
        here = [one for one in alive if one.life in HERE]
        coming = [one for one in alive if one.life is Life.BOOTING]
        if len(here) + len(coming) < act.among + act.beside:
            self._ask_more(act)
        elif act.keep or coming:
            return
        elif len(here) >= act.among + act.beside and _healthy(here, current, stacks):
            self._ask_less(act)

    def begin(self, state: State, moment: Instant) -> None:
        """This worker leads from now on: of a replacement that goes on, or has just ended, it can't know what
        became of the levers."""
        former = state.former
        if state.replacement is not None:
            self.take_over(state.replacement)
        elif former is not None and moment.since(former.since) < PATIENCE:
            self.take_over(former)

    def take_over(self, former: Replacement) -> None:
        """Another leader's replacement ended, and that leader too, perhaps in between: it may have asked for
        one worker more and not for one less.  `give_up` sees to that."""
        self._asked_more = self._asked_less = self._clock() - PATIENCE + TAKEOVER
        self._owes, self._is_more_taken = True, False
        self._was_wanted, self._among = wanted(self._home, self._files), former.among

    def give_up(self, alive: Sequence[Status], left: Replacement | None = None) -> bool:
        """No worker is being replaced (any more): the one that was started for it goes again.  Says whether
        that has still to be seen to.  `left`: a replacement that has left too many, whoever led then."""
        if not self._owes and left is not None:
            self.take_over(left)
        if not self._owes:
            return False
        now, means = self._clock(), self._wanted()
        is_less_pending = self._asked_less is not None and now - self._asked_less < PATIENCE
        if not means:
            return True  # it has not said; it will once the disk has space for it
        if means <= self._among:
            # One less already; or it has not come to one more yet, or its number was set anew meanwhile.
            is_more_pending = self._asked_more is not None and now - self._asked_more < PATIENCE
            self._owes = is_more_pending and not self._is_more_taken
            if not self._owes:
                self._asked_more = self._asked_less = None
            return self._owes
        if is_less_pending and means == self._was_wanted:
            return True
        # The one to go may have no status, nor a pid that lasts: one that dies while it is started is started
        # again at once.  So those that stay are named.
        serving = [one for one in alive if one.life is Life.SERVING]
        staying = sorted(serving, key=lambda one: one.started.tick)[: self._among]
        self._name(" ".join((BUT, *(str(one.pid) for one in staying))))
        self._was_wanted = means
        self._asked_less = self._pulled_at(self._levers.less())
        return True

    def _ask_more(self, act: Replace) -> None:
        """One more; the next one once the master has taken that up, or seems to have forgotten it."""
        means = self._wanted()
        self._owes = True
        if means >= act.among + act.beside:
            return  # the master starts as many anyhow: one is about to go, or has just died
        is_taken = self._was_wanted < means < act.among + act.beside
        pending = self._asked_more is not None and self._clock() - self._asked_more < PATIENCE
        if pending and not is_taken:
            return
        self._log.info("hotpatch: starting a successor for worker %s", act.worker)
        self._was_wanted = means
        self._is_more_taken = False
        self._asked_more = self._pulled_at(self._levers.more())

    def _ask_less(self, act: Replace) -> None:
        if self._asked_less is not None and self._clock() - self._asked_less < PATIENCE:
            return
        means = self._wanted()
        if means <= act.among and (means or self._asked_less is not None):
            return  # one is on its way out already: a successor that is not needed any more, say
        self._log.info("hotpatch: worker %s may go: its successor serves", act.worker)
        self._was_wanted = means
        self._name(act.worker.partition("-")[0])
        self._asked_less = self._pulled_at(self._levers.less())

    def _wanted(self) -> int:
        means = wanted(self._home, self._files)
        self._is_more_taken = self._is_more_taken or means > self._was_wanted
        return means

    def _name(self, leaver: str) -> None:
        write_whole(str(self._home / LEAVER), f"{leaver}\n".encode(), "leaver", self._files, durable=False)

    def _pulled_at(self, certain: bool) -> float:
        """When a lever was pulled: now; or so long ago that it is pulled again after `TAKEOVER`, where it is
        not known whether the master has noticed."""
        now = self._clock()
        return now if certain else now - PATIENCE + TAKEOVER


def note_wanted(home: Path, workers: int, files: Files = OS_FILES) -> None:
    """In the master: this many workers there are to be, whoever has just died or is just being started.
    Where that can't be noted, the number that is no longer so is taken away."""
    path = str(home / WANTED)
    try:
        write_whole(path, f"{workers}\n".encode(), "wanted", files, durable=False)
    except (HotpatchError, OSError):
        discard(path, files)
        raise


def wanted(home: Path, files: Files = OS_FILES) -> int:
    """How many workers the master means to have; 0 if it has not said."""
    try:
        return int(files.read(f"{home}/{WANTED}", 32))
    except (OSError, ValueError):
        return 0


def _healthy(here: Sequence[Status], current: Replacement, stacks: Collection[tuple[int, ...]]) -> bool:
    """Do the newest of those that stay, as many as are replaced, run one of these stacks?"""
    staying = sorted(
        (one for one in here if one.worker not in current.workers), key=lambda one: one.started.tick
    )
    return all(_runs_one_of(one, stacks) for one in staying[-len(current.workers) :])


def _runs_one_of(status: Status, stacks: Collection[tuple[int, ...]]) -> bool:
    ours = tuple(tuple(version for version in stack if version not in status.absorbs) for stack in stacks)
    return status.stack in ours

"""What became of a push or a request: found in the ledger by the name it has in the spool.

`Trail` is pure: records go in, one by one, and at some point there is an `End`.  `follow` reads a home folder
until then.  Whoever follows decides nothing: that it is killed, or its terminal closed, changes nothing.
"""

from __future__ import annotations

import contextlib
import enum
import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Final

from attrs import evolve, frozen

from hotpatch_agent.cli import tell
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Problem, Status, read_roll
from hotpatch_agent.home.watch import Watch
from hotpatch_agent.rollout.progress import Progress, advance, begin
from hotpatch_agent.rollout.states import Station

GLANCE: Final = 0.5
"""Seconds between two looks when nothing is seen to happen."""
BLIND: Final = 0.05
"""Seconds between two looks where nothing can be seen to happen."""


class Ending(enum.Enum):
    """How it came out."""

    DONE = "done"
    """Every worker runs what was asked for."""
    REFUSED = "refused"
    """Turned away, or failed before the commit: the old code never stopped serving."""
    REVERTED = "reverted"
    """Committed, and gone back since."""
    ON_TRIAL = "on trial"
    """A canary by hand: a part of the requests get it, and it waits for a person."""
    HELD = "held"
    """Its rollout has stopped by itself, or a person has paused it; someone has to say how it goes on."""
    CALLED_OFF = "called off"
    """A rollback ended a release that was not committed yet."""


_RESTS: Final = {
    Station.PROMOTED: Ending.DONE,
    Station.HELD: Ending.HELD,
    Station.PAUSED: Ending.HELD,
    Station.ROLLED_BACK: Ending.REVERTED,
    Station.ABORTED: Ending.REVERTED,
    Station.SUPERSEDED: Ending.REVERTED,
}
"""The stations at which a rollout stays until somebody does something."""


@frozen
class End:
    """The last word on it."""

    ending: Ending
    problem: Problem | None = None
    reason: str = ""
    workers: int = 0
    seconds: float = 0.0
    """Since `begun`."""
    version: int = 0


@frozen
class Trail:
    """What is known so far of one file that was put into the spool."""

    name: str
    begun: Instant
    version: int | None = None
    """The release on its way, or to be gone back to; None until the service has answered."""
    digest: str = ""
    how: How | None = None
    committed: bool = False
    back_from: int | None = None
    """For a rollback that was accepted."""
    progress: Progress | None = None
    """Of its rollout, once that has begun."""
    workers: int = 0
    """That ran it when it had settled."""
    end: End | None = None

    def after(self, record: Record) -> Trail:
        """The trail with this record taken into account."""
        if self.end is not None:
            return self
        found = self._answer(record) if self.version is None else self._progress(record)
        if found.end is None:
            return found
        seconds = record.at.since(self.begun)
        return evolve(found, end=evolve(found.end, seconds=0.0 if math.isinf(seconds) else max(0.0, seconds)))

    def _answer(self, record: Record) -> Trail:
        match record.fact:
            case facts.Offered(version=version, digest=digest, name=self.name):
                return evolve(self, version=version, digest=digest)
            case facts.RolledBack(version=version, to=to, request=self.name):
                return evolve(self, version=to, back_from=version, committed=True)
            case facts.Refused(name=self.name, problem=problem, version=version):
                return evolve(self, end=End(Ending.REFUSED, problem, problem.text, version=version))
            case facts.Failed(version=version, problem=problem, request=self.name):
                return evolve(self, end=End(Ending.CALLED_OFF, None, problem.text, version=version))
            case _:
                return self

    def _moved(self, progress: Progress) -> Trail:
        """Where a rollout comes to rest, whoever pushed has waited long enough."""
        moved = evolve(self, progress=progress)
        by_hand = progress.strategy.manual and progress.station is Station.WATCHING
        ending = Ending.ON_TRIAL if by_hand else _RESTS.get(progress.station)
        if ending is None:
            return moved
        end = End(ending, None, progress.reason, workers=self.workers, version=progress.version)
        return evolve(moved, end=end)

    def _progress(self, record: Record) -> Trail:
        version = self.version or 0
        match record.fact:
            case facts.Began(digest=self.digest) as fact:
                return evolve(self, progress=begin(fact, record.at))
            case facts.Moved(version=moved) as fact if self.progress is not None and moved == version:
                return self._moved(advance(self.progress, fact, record.at))
            case facts.Settled(workers=workers) if self.progress is not None:
                return evolve(self, workers=workers)
            case facts.Rehearsed(digest=self.digest, how=how) if not self.committed:
                return evolve(self, how=how)
            case facts.Committed(digest=self.digest, how=how):
                return evolve(self, how=how, committed=True)
            case facts.Settled(version=settled, workers=workers) if self.committed and settled == version:
                return evolve(self, end=End(Ending.DONE, workers=workers, version=version))
            case facts.Failed(digest=self.digest, problem=problem) if not self.committed:
                return evolve(self, end=End(Ending.REFUSED, problem, problem.text, version=version))
            case facts.Quarantined(digest=digest, reason=reason) if digest == self.digest or self.committed:
                return evolve(self, end=End(Ending.REVERTED, None, reason, version=version))
            case facts.RolledBack(reason=reason) if self.committed:
                return evolve(self, end=End(Ending.REVERTED, None, reason, version=version))
            case _:
                return self


@frozen
class Glance:
    """What can be seen at one moment while it is on its way."""

    trail: Trail
    workers: tuple[Status, ...]
    errand: int
    records: tuple[Record, ...]
    """New ones since the glance before."""

    @property
    def sentence(self) -> str:
        """Where it stands, in a few words."""
        if self.records:
            last = self.records[-1].fact
            return "refused" if self.is_refusal(last) else tell.fact(last)
        return "waiting for the service to answer" if self.trail.version is None else ""

    def is_refusal(self, fact: facts.Fact) -> bool:
        """Does this turn away what is followed?  Then the command's last word says it."""
        return isinstance(fact, facts.Refused) and fact.name == self.trail.name


def follow(
    home: Home,
    history: History,
    trail: Trail,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Glance]:
    """Glances until the end is known or so many seconds have gone.

    `history` must have been read before the file was put into the spool, so that no answer is missed.  Raises
    LedgerDamaged.
    """
    with contextlib.closing(looks(home, history, seconds, clock)) as news:
        for records in news:
            for record in records:
                trail = trail.after(record)
            yield Glance(trail, read_roll(home.workers).alive, history.state.errand, records)
            if trail.end is not None:
                return


def looks(
    home: Home, history: History, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Generator[tuple[Record, ...], None, None]:
    """New records, whenever something may have happened, for so long at most."""
    until = clock() + seconds
    watch = watch_home(home)
    try:
        while True:
            yield history.refresh()
            left = until - clock()
            if left <= 0:
                return
            if watch is not None:
                watch.wait(min(left, GLANCE))
            else:
                time.sleep(min(left, BLIND))
    finally:
        if watch is not None:
            watch.close()


def watch_home(home: Home) -> Watch | None:
    """A watch on what changes; None where the kernel has none left to give (its limits are per user)."""
    watch = None
    try:
        watch = Watch()
        watch.add(home.ledger)
        watch.add(home.workers)
    except OSError:
        if watch is not None:
            watch.close()
        return None
    return watch

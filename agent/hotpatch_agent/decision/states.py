"""What the history comes to: the state of a service as a fold over the ledger's records.

One machine, moved by records alone.  Whoever reads the same records arrives at the same state: every worker,
every leader, the CLI, and whoever reads the ledger years later.

    stage       there is                                        what runs
    IDLE        no release in progress                          the head
    OFFERED     a bundle: workers verify it, one rehearses it   the head
    REHEARSED   a verdict: workers build it beside the old      the head
    COMMITTED   a decision for it: it is on the head            head, or still what was before; going forward
    REVERTING   a decision against a release, or for a former   head, or still what was before; going back

Everything before `committed` has happened to nobody: it ends in `failed`, and nothing needs undoing.
Everything from `committed` on has happened to everybody: a worker that does not run the head yet is on its
way there, or is replaced.  There is no third case, which is why one atomic record is enough.

The head is a stack: each release was built on the sources that those below it make.  Each known release
remembers what was below it, so the stack under any former release can be had again by `rolled_back`.

TRANSITIONS is the whole of it; a record that it does not allow is not a state but a damaged ledger.  The
diagram in docs/ledger-format.md is drawn from it.  `folding` says what each record changes.

A release whose strategy has something to say goes through a rollout between `rehearsed` and `settled`: its
records change `progress` and leave the stage alone (`rollout.compose`).
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from hotpatch_agent.clock import Instant
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import Fact, How
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.progress import Locked, Progress
from hotpatch_agent.rollout.strategy import Strategy


class Stage(enum.Enum):
    """Where the release in progress stands."""

    IDLE = "idle"
    OFFERED = "offered"
    REHEARSED = "rehearsed"
    COMMITTED = "committed"
    REVERTING = "reverting"


@frozen
class Entry:
    """A release that was committed once: on the head now, or known from before."""

    version: int
    digest: str
    below: int
    """The version it was put on; 0 is the code on disk."""
    how: How
    terms: Terms
    at: Instant
    """Of its commit."""
    message: str = ""
    before: int | None = None
    """The version that was on top when it was committed, which it may have replaced; None: `below`."""


@frozen
class Rollout:
    """The release in progress, or the way back from one."""

    stage: Stage
    version: int
    """Where it goes: the new release; when reverting, the one that is to be on top again."""
    digest: str
    name: str
    """Of the bundle or request in the spool that began it; empty if nobody asked."""
    since: Instant
    """Of the record that began it."""
    moved: Instant
    """Of the record that brought it to this stage."""
    terms: Terms
    message: str = ""
    how: How | None = None
    strategy: Strategy = field(factory=Strategy)
    by: str = ""
    """Who pushed it."""
    leaving: int = 0
    """When reverting: the release that was on top."""


@frozen
class Replacement:
    """The worker that is being replaced; or the few, where a strategy asks for so many at a time."""

    worker: str
    among: int
    since: Instant
    on: int = 0
    """The release on trial that the successor is started on; 0: the head alone."""
    others: tuple[str, ...] = ()
    """Those that are replaced together with it."""

    @property
    def workers(self) -> tuple[str, ...]:
        """All of them, in the order in which they are asked to go."""
        return (self.worker, *self.others)


@frozen
class Reload:
    """A reload of the whole service that is under way."""

    by: str
    since: Instant


@frozen
class Finish:
    """How a person ends the transition."""

    by: str
    since: Instant
    force: bool


@frozen
class Transition:
    """The workers' way from one head to the next, which goes on for as long as old code runs anywhere."""

    terms: Terms
    back: bool = False
    """Is it a way back?"""
    blocked: tuple[str, ...] = ()
    """Workers in which it was not over by its deadline."""
    finish: Finish | None = None


@frozen
class Mark:
    """A release was forced into workers in the middle of requests; kept until a new master starts."""

    version: int
    by: str
    at: Instant
    reason: str = ""


@frozen
class Crash:
    """A worker that died or could not start with a release in its hands."""

    digest: str
    worker: str
    phase: str
    reason: str = ""


@frozen
class State:
    """All that the ledger says.  `State()` is that of an empty one."""

    seq: int = 0
    head: tuple[Entry, ...] = ()
    known: tuple[Entry, ...] = ()
    """Releases that can be gone back, or forward again, to; those of the head among them."""
    rollout: Rollout | None = None
    errand: int = 0
    """Number of the record that began the release in progress, or the last one: what a worker reports on."""
    replacement: Replacement | None = None
    reload: Reload | None = None
    deployed: Instant | None = None
    """When the last reload that did not fail was asked for: the sources on disk are those that are to run."""
    floor: int = 0
    """The highest version that was ever committed: a new release must be above it."""
    transition: Transition | None = None
    """Of the last commit or way back; None before the first."""
    forced: tuple[Mark, ...] = ()
    quarantined: tuple[str, ...] = ()
    crashes: tuple[Crash, ...] = ()
    answered: tuple[str, ...] = ()
    started: Instant | None = field(default=None)
    """When the present master was started, if it was recorded."""
    progress: Progress | None = None
    """Of the rollout that is under way, or of the last one."""
    lock: Locked | None = None
    """The deploy lock, if somebody holds it."""
    offer: facts.Offered | None = None
    """The last release that was offered: what a retry begins again with."""

    @property
    def stage(self) -> Stage:
        """Where the release in progress stands."""
        return self.rollout.stage if self.rollout else Stage.IDLE

    @property
    def top(self) -> Entry | None:
        """The topmost release of the head; None: the code on disk is all."""
        return self.head[-1] if self.head else None

    @functools.cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions of the head, lowest first."""
        return tuple(entry.version for entry in self.head)

    @property
    def runs_disk(self) -> bool:
        """Was a reload asked for since the master was started, so that what it has loaded counts no more?"""
        asked = self.reload.since if self.reload is not None else self.deployed
        return asked is not None and (self.started is None or asked.since(self.started) >= 0)

    @property
    def underway(self) -> Progress | None:
        """The rollout that has not ended."""
        return self.progress if self.progress is not None and not self.progress.ended else None

    @property
    def trying(self) -> Progress | None:
        """The rollout of the release in progress, while that is not committed."""
        rollout, progress = self.rollout, self.progress
        if rollout is None or progress is None or rollout.digest != progress.digest:
            return None
        return progress if rollout.stage in (Stage.OFFERED, Stage.REHEARSED) else None

    def entry(self, version: int) -> Entry | None:
        """The known release of this version."""
        return next((entry for entry in self.known if entry.version == version), None)

    def stack_on(self, trial: int) -> tuple[int, ...]:
        """What a worker runs that has this release on trial beyond the head; 0: the head alone."""
        if self.rollout is None or trial != self.rollout.version or trial in self.versions:
            return self.versions
        return (trial,) if self.rollout.terms.cumulative else (*self.versions, trial)

    @property
    def way_back(self) -> int:
        """Where a way back goes that names no release: what ran before the topmost one came."""
        under = self.before(self.head[-1]) if self.head else ()
        return under[-1].version if under else 0

    def before(self, entry: Entry) -> tuple[Entry, ...]:
        """The stack that the service ran before this release; what it stands on, where that is not kept."""
        found = self.stack_under(entry.below if entry.before is None else entry.before)
        return found if found is not None else self.stack_under(entry.below) or ()

    def stack_under(self, version: int) -> tuple[Entry, ...] | None:
        """The stack that has this release on top; None if a part of it is no longer known."""
        stack: list[Entry] = []
        while version:
            entry = self.entry(version)
            if entry is None:
                return None
            stack.append(entry)
            version = entry.below
        return tuple(reversed(stack))


_ANYWHERE: Final = (
    facts.Refused,
    facts.Crashed,
    facts.Replacing,
    facts.Replaced,
    facts.Repaired,
    facts.Started,
    facts.Moved,
    facts.Locked,
    facts.Unlocked,
)

_UNTIL_OVER: Final = (facts.Blocked, facts.Finishing)

TRANSITIONS: Final[Mapping[Stage, Mapping[type[Fact], Stage]]] = {
    Stage.IDLE: {
        **dict.fromkeys(_ANYWHERE, Stage.IDLE),
        facts.Offered: Stage.OFFERED,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
        facts.Absorbed: Stage.IDLE,
        **dict.fromkeys(_UNTIL_OVER, Stage.IDLE),
        facts.Reloading: Stage.IDLE,
        facts.Reloaded: Stage.IDLE,
    },
    Stage.OFFERED: {
        **dict.fromkeys(_ANYWHERE, Stage.OFFERED),
        facts.Rehearsed: Stage.REHEARSED,
        facts.Failed: Stage.IDLE,
        facts.Quarantined: Stage.IDLE,
    },
    Stage.REHEARSED: {
        **dict.fromkeys(_ANYWHERE, Stage.REHEARSED),
        facts.Began: Stage.REHEARSED,
        facts.Committed: Stage.COMMITTED,
        facts.Failed: Stage.IDLE,
        facts.Quarantined: Stage.IDLE,
    },
    Stage.COMMITTED: {
        **dict.fromkeys((*_ANYWHERE, *_UNTIL_OVER), Stage.COMMITTED),
        facts.Settled: Stage.IDLE,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
    },
    Stage.REVERTING: {
        **dict.fromkeys((*_ANYWHERE, *_UNTIL_OVER), Stage.REVERTING),
        facts.Settled: Stage.IDLE,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
    },
}

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
diagram in docs/ledger-format.md is drawn from it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from hotpatch.errors import LedgerDamaged
from hotpatch_agent import facts, wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.facts import Fact, How
from hotpatch_agent.ledger import Record
from hotpatch_agent.terms import Terms

REMEMBERED: Final = 16
"""Former releases that can be rolled back to, besides those on the head."""
ANSWERS: Final = 64
"""Answered spool names kept: only the last ones can still lie in the spool."""


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
    leaving: int = 0
    """When reverting: the release that was on top."""


@frozen
class Replacement:
    """The one worker that is being replaced."""

    worker: str
    among: int
    since: Instant


@frozen
class Crash:
    """A worker that died or could not start with a release in its hands."""

    digest: str
    worker: str
    phase: str


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
    floor: int = 0
    """The highest version that was ever committed: a new release must be above it."""
    quarantined: tuple[str, ...] = ()
    crashes: tuple[Crash, ...] = ()
    answered: tuple[str, ...] = ()
    started: Instant | None = field(default=None)
    """When the present master was started, if it was recorded."""

    @property
    def stage(self) -> Stage:
        """Where the release in progress stands."""
        return self.rollout.stage if self.rollout else Stage.IDLE

    @property
    def top(self) -> Entry | None:
        """The topmost release of the head; None: the code on disk is all."""
        return self.head[-1] if self.head else None

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions of the head, lowest first."""
        return tuple(entry.version for entry in self.head)

    def entry(self, version: int) -> Entry | None:
        """The known release of this version."""
        return next((entry for entry in self.known if entry.version == version), None)

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
)

_BEGINNINGS: Final = (facts.Offered, facts.RolledBack, facts.Quarantined)

TRANSITIONS: Final[Mapping[Stage, Mapping[type[Fact], Stage]]] = {
    Stage.IDLE: {
        **dict.fromkeys(_ANYWHERE, Stage.IDLE),
        facts.Offered: Stage.OFFERED,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
        facts.Absorbed: Stage.IDLE,
    },
    Stage.OFFERED: {
        **dict.fromkeys(_ANYWHERE, Stage.OFFERED),
        facts.Rehearsed: Stage.REHEARSED,
        facts.Failed: Stage.IDLE,
        facts.Quarantined: Stage.IDLE,
    },
    Stage.REHEARSED: {
        **dict.fromkeys(_ANYWHERE, Stage.REHEARSED),
        facts.Committed: Stage.COMMITTED,
        facts.Failed: Stage.IDLE,
        facts.Quarantined: Stage.IDLE,
    },
    Stage.COMMITTED: {
        **dict.fromkeys(_ANYWHERE, Stage.COMMITTED),
        facts.Settled: Stage.IDLE,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
    },
    Stage.REVERTING: {
        **dict.fromkeys(_ANYWHERE, Stage.REVERTING),
        facts.Settled: Stage.IDLE,
        facts.RolledBack: Stage.REVERTING,
        facts.Quarantined: Stage.REVERTING,
    },
}


def fold(state: State, record: Record) -> State:
    """The state after this record.  Raises LedgerDamaged if the record can't follow."""
    fact = record.fact
    if isinstance(fact, facts.Snapshot):
        return evolve(wire.structure(State, fact.state), seq=record.seq)
    after = TRANSITIONS[state.stage].get(type(fact))
    if after is None:
        raise LedgerDamaged(
            f"record {record.seq} says {facts.NAMES[type(fact)]}, which can't be while the service is "
            f"{state.stage.value}: the ledger was put together by hand, or written by another hotpatch"
        )
    change: Callable[[State, Any, Instant], State] = _CHANGES[type(fact)]
    result = change(state, fact, record.at)
    if result.stage is not after:
        raise LedgerDamaged(
            f"record {record.seq} ({facts.NAMES[type(fact)]}) speaks of a release that is not in its place: "
            "the ledger was put together by hand, or written by another hotpatch"
        )
    begun = result.rollout is not None and isinstance(fact, _BEGINNINGS)
    return evolve(result, seq=record.seq, errand=record.seq if begun else state.errand)


def fold_all(state: State, records: Iterable[Record]) -> State:
    """The state after all these records."""
    for record in records:
        state = fold(state, record)
    return state


def snapshot(state: State) -> facts.Snapshot:
    """The record that stands for everything up to here."""
    return facts.Snapshot(wire.unstructure(state))


def _offered(state: State, fact: facts.Offered, at: Instant) -> State:
    rollout = Rollout(
        Stage.OFFERED, fact.version, fact.digest, fact.name, at, at, fact.terms, message=fact.message
    )
    return _answer(evolve(state, rollout=rollout), fact.name)


def _refused(state: State, fact: facts.Refused, at: Instant) -> State:
    return _answer(state, fact.name)


def _rehearsed(state: State, fact: facts.Rehearsed, at: Instant) -> State:
    return evolve(
        state, rollout=evolve(_going(state, fact.digest), stage=Stage.REHEARSED, moved=at, how=fact.how)
    )


def _committed(state: State, fact: facts.Committed, at: Instant) -> State:
    rollout = _going(state, fact.digest)
    under = () if rollout.terms.cumulative else state.head
    below = under[-1].version if under else 0
    entry = Entry(fact.version, fact.digest, below, fact.how, rollout.terms, at, rollout.message)
    known = (*(one for one in state.known if one.version != entry.version), entry)
    return _trim(
        evolve(
            state,
            head=(*under, entry),
            known=known,
            floor=max(state.floor, fact.version),
            rollout=evolve(rollout, stage=Stage.COMMITTED, moved=at, how=fact.how),
        )
    )


def _settled(state: State, fact: facts.Settled, at: Instant) -> State:
    return evolve(state, rollout=None)


def _failed(state: State, fact: facts.Failed, at: Instant) -> State:
    _going(state, fact.digest)
    return _answer(evolve(_forgive(state, fact.digest), rollout=None), fact.request)


def _rolled_back(state: State, fact: facts.RolledBack, at: Instant) -> State:
    stack = state.stack_under(fact.to)
    if stack is None:
        raise LedgerDamaged(f"release {fact.to} was rolled back to, but is not known to the ledger")
    return _answer(_revert(state, stack, fact.version, fact.request, at), fact.request)


def _quarantined(state: State, fact: facts.Quarantined, at: Instant) -> State:
    marked = evolve(
        _forgive(state, fact.digest), quarantined=_last((*state.quarantined, fact.digest), ANSWERS)
    )
    if fact.version not in state.versions:
        return evolve(marked, rollout=None)
    kept = state.head[: state.versions.index(fact.version)]
    gone = set(state.versions[len(kept) :])
    reverted = _revert(marked, kept, state.versions[-1], "", at)
    return evolve(reverted, known=tuple(one for one in reverted.known if one.version not in gone))


def _crashed(state: State, fact: facts.Crashed, at: Instant) -> State:
    crash = Crash(fact.digest, fact.worker, fact.phase)
    return evolve(state, crashes=_last((*state.crashes, crash), ANSWERS))


def _replacing(state: State, fact: facts.Replacing, at: Instant) -> State:
    return evolve(state, replacement=Replacement(fact.worker, fact.among, at))


def _replaced(state: State, fact: facts.Replaced, at: Instant) -> State:
    return evolve(state, replacement=None)


def _absorbed(state: State, fact: facts.Absorbed, at: Instant) -> State:
    head: list[Entry] = []
    for entry in state.head:
        if entry.version not in fact.versions:
            head.append(evolve(entry, below=head[-1].version if head else 0))
    # What was known besides stood on sources that are no longer on disk.
    return evolve(state, head=tuple(head), known=tuple(head))


def _started(state: State, fact: facts.Started, at: Instant) -> State:
    head = state.head
    if state.stage in (Stage.IDLE, Stage.OFFERED, Stage.REHEARSED):
        # A permanent release keeps those that it stands on.
        while head and not head[-1].terms.permanent:
            head = head[:-1]
    return evolve(state, head=head, replacement=None, started=at)


def _repaired(state: State, fact: facts.Repaired, at: Instant) -> State:
    return state


_CHANGES: Final[Mapping[type[Fact], Callable[[State, Any, Instant], State]]] = {
    facts.Offered: _offered,
    facts.Refused: _refused,
    facts.Rehearsed: _rehearsed,
    facts.Committed: _committed,
    facts.Settled: _settled,
    facts.Failed: _failed,
    facts.RolledBack: _rolled_back,
    facts.Quarantined: _quarantined,
    facts.Crashed: _crashed,
    facts.Replacing: _replacing,
    facts.Replaced: _replaced,
    facts.Absorbed: _absorbed,
    facts.Started: _started,
    facts.Repaired: _repaired,
}


def _going(state: State, digest: str) -> Rollout:
    if state.rollout is None or state.rollout.digest != digest:
        raise LedgerDamaged(f"a record moves the release {digest:.12} on, which is not in progress")
    return state.rollout


def _revert(state: State, stack: tuple[Entry, ...], leaving: int, name: str, at: Instant) -> State:
    """Make this stack the head, with every worker on its way there."""
    terms = state.head[-1].terms if state.head else Terms()
    top = stack[-1] if stack else None
    rollout = Rollout(
        Stage.REVERTING,
        top.version if top else 0,
        top.digest if top else "",
        name,
        at,
        at,
        terms,
        leaving=leaving,
    )
    crashes = tuple(one for one in state.crashes if one.digest in {entry.digest for entry in stack})
    return evolve(state, head=stack, rollout=rollout, replacement=None, crashes=crashes)


def _answer(state: State, name: str) -> State:
    return evolve(state, answered=_last((*state.answered, name), ANSWERS)) if name else state


def _forgive(state: State, digest: str) -> State:
    return evolve(state, crashes=tuple(one for one in state.crashes if one.digest != digest))


def _trim(state: State) -> State:
    """Keep the last releases and those of the head; what stands on a forgotten one is forgotten too."""
    on_head = set(state.versions)
    others = [one for one in state.known if one.version not in on_head][-REMEMBERED:]
    kept = on_head | {one.version for one in others}
    trimmed = evolve(state, known=tuple(one for one in state.known if one.version in kept))
    return evolve(
        trimmed, known=tuple(one for one in trimmed.known if trimmed.stack_under(one.version) is not None)
    )


def _last(items: tuple[Any, ...], limit: int) -> tuple[Any, ...]:
    return items[-limit:]

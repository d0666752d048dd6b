"""The fold over the ledger's records: what each kind of record changes in the state.

Pure.  A record that `states.TRANSITIONS` does not allow, or that speaks of a release which is not in its
place, is not a state but a damaged ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve

from hotpatch.errors import LedgerDamaged
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.states import (
    TRANSITIONS,
    Crash,
    Entry,
    Finish,
    Mark,
    Reload,
    Replacement,
    Rollout,
    Stage,
    State,
    Transition,
)
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import Fact
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.lock import held
from hotpatch_agent.rollout.progress import Began, Locked, Moved, Unlocked, advance, begin
from hotpatch_agent.rollout.states import Event, Station

REMEMBERED: Final = 16
"""Former releases that can be rolled back to, besides those on the head."""
ANSWERS: Final = 64
"""Answered spool names kept: only the last ones can still lie in the spool."""

_BEGINNINGS: Final = (facts.Offered, facts.RolledBack, facts.Quarantined)


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
        Stage.OFFERED,
        fact.version,
        fact.digest,
        fact.name,
        at,
        at,
        fact.terms,
        message=fact.message,
        strategy=fact.strategy,
        by=fact.by,
    )
    return _answer(evolve(state, rollout=rollout, offer=evolve(fact, name="")), fact.name)


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
    before = state.head[-1].version if state.head else 0
    entry = Entry(fact.version, fact.digest, below, fact.how, rollout.terms, at, rollout.message, before)
    known = (*(one for one in state.known if one.version != entry.version), entry)
    return _trim(
        evolve(
            state,
            head=(*under, entry),
            known=known,
            floor=max(state.floor, fact.version),
            transition=Transition(rollout.terms),
            rollout=evolve(rollout, stage=Stage.COMMITTED, moved=at, how=fact.how),
        )
    )


def _settled(state: State, fact: facts.Settled, at: Instant) -> State:
    return evolve(state, rollout=None)


def _failed(state: State, fact: facts.Failed, at: Instant) -> State:
    _going(state, fact.digest)
    over = _over(_forgive(state, fact.digest), fact.digest, fact.problem.text, at)
    return _answer(evolve(over, rollout=None), fact.request)


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
        return evolve(_over(marked, fact.digest, fact.reason, at), rollout=None)
    kept = state.before(state.head[state.versions.index(fact.version)])
    gone = set(state.versions) - {entry.version for entry in kept}
    reverted = _revert(marked, kept, state.versions[-1], "", at)
    return _without_orphans(
        evolve(reverted, known=tuple(one for one in reverted.known if one.version not in gone))
    )


def _crashed(state: State, fact: facts.Crashed, at: Instant) -> State:
    crash = Crash(fact.digest, fact.worker, fact.phase, fact.reason)
    return evolve(state, crashes=_last((*state.crashes, crash), ANSWERS))


def _blocked(state: State, fact: facts.Blocked, at: Instant) -> State:
    transition = _transition(state)
    return evolve(state, transition=evolve(transition, blocked=(*transition.blocked, fact.worker)))


def _finishing(state: State, fact: facts.Finishing, at: Instant) -> State:
    transition = evolve(_transition(state), finish=Finish(fact.by, at, fact.force))
    marks = (Mark(fact.version, fact.by, at, fact.reason),) if fact.force else ()
    return _answer(
        evolve(state, transition=transition, forced=_last((*state.forced, *marks), REMEMBERED)), fact.request
    )


def _transition(state: State) -> Transition:
    if state.transition is None:
        raise LedgerDamaged("a record speaks of a transition, but nothing was ever committed")
    return state.transition


def _replacing(state: State, fact: facts.Replacing, at: Instant) -> State:
    return evolve(state, replacement=Replacement(fact.worker, fact.among, at, fact.on, fact.others))


def _replaced(state: State, fact: facts.Replaced, at: Instant) -> State:
    return evolve(state, replacement=None)


def _reloading(state: State, fact: facts.Reloading, at: Instant) -> State:
    return _answer(evolve(state, reload=Reload(fact.by, at)), fact.request)


def _reloaded(state: State, fact: facts.Reloaded, at: Instant) -> State:
    deployed = state.reload.since if state.reload is not None and fact.problem is None else state.deployed
    return evolve(state, reload=None, replacement=None, deployed=deployed)


def _absorbed(state: State, fact: facts.Absorbed, at: Instant) -> State:
    head: list[Entry] = []
    for entry in state.head:
        if entry.version not in fact.versions:
            below = head[-1].version if head else 0
            head.append(evolve(entry, below=below, before=below))
    # What was known besides stood on sources that are no longer on disk.
    return evolve(state, head=tuple(head), known=tuple(head))


def _started(state: State, fact: facts.Started, at: Instant) -> State:
    head = state.head
    if state.stage in (Stage.IDLE, Stage.OFFERED, Stage.REHEARSED):
        # A permanent release keeps those that it stands on.
        while head and not head[-1].terms.permanent:
            head = head[:-1]
    return evolve(state, head=head, replacement=None, reload=None, forced=(), started=at)


def _repaired(state: State, fact: facts.Repaired, at: Instant) -> State:
    return state


def _began(state: State, fact: Began, at: Instant) -> State:
    _going(state, fact.digest)
    return evolve(state, progress=begin(fact, at))


def _moved(state: State, fact: Moved, at: Instant) -> State:
    if state.progress is None:
        raise LedgerDamaged(f"a record moves the rollout of release {fact.version}, which never began")
    return _answer(evolve(state, progress=advance(state.progress, fact, at)), fact.request)


def _locked(state: State, fact: Locked | Unlocked, at: Instant) -> State:
    return _answer(evolve(state, lock=held(state.lock, fact)), fact.request)


def _over(state: State, digest: str, reason: str, at: Instant) -> State:
    """A release that has ended before its commit takes its rollout with it, wherever that stood."""
    progress = state.underway
    if progress is None or progress.digest != digest:
        return state
    ended = evolve(
        progress,
        station=Station.ROLLED_BACK,
        at=at,
        used=progress.used_at(at),
        back=None,
        reason=reason,
        returning=progress.returning or Event.LOST,
    )
    return evolve(state, progress=ended)


_CHANGES: Final[Mapping[type[Fact], Callable[[State, Any, Instant], State]]] = {
    facts.Offered: _offered,
    facts.Refused: _refused,
    facts.Rehearsed: _rehearsed,
    facts.Committed: _committed,
    facts.Settled: _settled,
    facts.Failed: _failed,
    facts.RolledBack: _rolled_back,
    facts.Quarantined: _quarantined,
    facts.Blocked: _blocked,
    facts.Finishing: _finishing,
    facts.Crashed: _crashed,
    facts.Replacing: _replacing,
    facts.Replaced: _replaced,
    facts.Reloading: _reloading,
    facts.Reloaded: _reloaded,
    facts.Absorbed: _absorbed,
    facts.Started: _started,
    facts.Repaired: _repaired,
    Began: _began,
    Moved: _moved,
    Locked: _locked,
    Unlocked: _locked,
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
    return evolve(
        state,
        head=stack,
        rollout=rollout,
        transition=Transition(terms, back=True),
        replacement=None,
        reload=None,
        crashes=crashes,
    )


def _answer(state: State, name: str) -> State:
    return evolve(state, answered=_last((*state.answered, name), ANSWERS)) if name else state


def _forgive(state: State, digest: str) -> State:
    return evolve(state, crashes=tuple(one for one in state.crashes if one.digest != digest))


def _trim(state: State) -> State:
    """Keep the last releases and those of the head; what stands on a forgotten one is forgotten too."""
    on_head = set(state.versions)
    others = [one for one in state.known if one.version not in on_head][-REMEMBERED:]
    kept = on_head | {one.version for one in others}
    return _without_orphans(evolve(state, known=tuple(one for one in state.known if one.version in kept)))


def _without_orphans(state: State) -> State:
    """What stood on a release that is no longer known can't be had again."""
    return evolve(
        state, known=tuple(one for one in state.known if state.stack_under(one.version) is not None)
    )


def _last(items: tuple[Any, ...], limit: int) -> tuple[Any, ...]:
    return items[-limit:]

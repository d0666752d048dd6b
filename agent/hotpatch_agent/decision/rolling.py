"""The rollout as a rule of the service's step: what `rollout.steps` decides, and the records due beside it.

The rollout's machine and the service's own meet here and nowhere else (`rollout.compose` says how).  Pure.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from hotpatch import errors
from hotpatch_agent.decision.acts import Append, Decision
from hotpatch_agent.decision.observe import BundleSeen, RequestSeen
from hotpatch_agent.decision.states import Rollout, Stage, State
from hotpatch_agent.decision.trial import (
    could_not_start,
    gives_shares,
    has_a_say,
    needs_company,
    reached,
)
from hotpatch_agent.decision.two_sets import has_two
from hotpatch_agent.decision.view import View, names, runs_head
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Phase, Problem
from hotpatch_agent.rollout import lock, steps
from hotpatch_agent.rollout.compose import Due, due
from hotpatch_agent.rollout.progress import Began, Moved, Progress
from hotpatch_agent.rollout.seen import Asked, Refuse, Seen
from hotpatch_agent.rollout.states import RETURNING, VERBS, Event, Station
from hotpatch_agent.rollout.strategy import by_whole_workers

WORDS: Final = {one.value: one for one in VERBS}
"""The kinds of request that are a rollout's verbs."""
_READY: Final = (Phase.READY, Phase.UNABLE)
ALONE: Final = (
    "a canary by whole workers compares workers, and this service has one; give it a second, or push with "
    "--strategy all-at-once"
)


def begins(view: View, rollout: Rollout) -> facts.Fact:
    """Every worker is ready: the release is committed, or its rollout begins."""
    strategy = rollout.strategy
    if not has_a_say(strategy):
        return facts.Committed(rollout.version, rollout.digest, how(view, rollout))
    apart = tuple(one for one in view.in_phase(rollout, Phase.READY) if not one.beside)
    reloads = how(view, rollout) is How.RELOAD
    # One that replaces those that run can't go in, and out again, in one step.
    by_start = reloads or bool(apart and rollout.terms.cumulative and view.state.head)
    try:
        if by_start or (gives_shares(strategy) and apart):
            why = "it goes in by reload" if reloads else f"in {names(apart)} it goes in in one step"
            strategy = by_whole_workers(strategy, why)
        if needs_company(strategy) and len(view.voters) < 2:
            raise errors.StrategyInvalid(ALONE)
    except errors.StrategyInvalid as error:
        return facts.Failed(rollout.version, rollout.digest, Problem.of(error))
    return Began(rollout.version, rollout.digest, strategy, rollout.name, by_start)


def how(view: View, rollout: Rollout) -> How:
    """How it reaches the workers: live in those that have built it, if there are any."""
    live = rollout.how is How.LIVE and view.in_phase(rollout, Phase.READY)
    return How.LIVE if live else How.RELOAD


def roll(view: View) -> tuple[Decision, ...]:
    """The next record of the rollout, or the one that is due beside it."""
    progress = view.state.progress
    asked = _asked(view)
    if progress is None:
        return tuple(_refuse(one, "there is no rollout") for one in asked[:1])
    owed = _owed(view, progress)
    if owed is not None:
        return (Append(owed),)
    for one in asked:
        if one.verb is Event.RETRY and (why := _cannot_retry(view.state, progress)):
            return (_refuse(one, why),)
    if view.seen.rollout is None and not progress.ended and not asked:
        return ()  # whoever has just become the leader, or has just begun it, looks first
    seen = view.seen.rollout or Seen(workers=0, reached=False)
    seen = evolve(
        seen,
        workers=len(view.voters),
        reached=reached(view.state, view.seen.alive),
        asked=asked,
        newer=_newer(view),
        lost=_lost(view, progress),
    )
    for decision in steps.step(progress, seen, view.now):
        if isinstance(decision, Refuse):
            return (Append(facts.Refused(decision.request, Problem.of(errors.VerbRefused(decision.reason)))),)
        if not _too_early(view, progress, decision.fact):
            return (Append(decision.fact),)
    return ()


# -- what the two machines owe each other ------------------------------------------------------


def _owed(view: View, progress: Progress) -> facts.Fact | None:
    """The record of the service's machine that the rollout waits for, if it can be written now."""
    state, rollout = view.state, view.state.rollout
    what = due(progress, progress.version in state.versions)
    if state.trying is not None and rollout is not None:
        if what is Due.COMMIT and rollout.stage is Stage.REHEARSED:
            return facts.Committed(rollout.version, rollout.digest, how(view, rollout))
        if what is Due.FAIL:
            return facts.Failed(rollout.version, rollout.digest, _ended(progress))
    top = state.top
    if what is Due.ROLL_BACK and top is not None and top.version == progress.version:
        return facts.RolledBack(top.version, state.way_back, progress.reason)
    waits = progress.station is Station.WAITING and state.rollout is None
    if waits and state.offer is not None and state.offer.digest == progress.digest and view.on_head:
        return state.offer  # a retry, once nobody is left on what the attempt before had given
    return None


def _ended(progress: Progress) -> Problem:
    words = {Station.ABORTED: "was aborted", Station.SUPERSEDED: "gave way"}
    said = words.get(progress.station, "was rolled back")
    return Problem.of(errors.ReleaseFailed(f"{said}: {progress.reason}; every request gets the old version"))


def _lost(view: View, progress: Progress) -> str:
    """Why the release has no future, if it hasn't."""
    state, rollout = view.state, view.state.rollout
    if progress.digest in state.quarantined:
        return f"release {progress.version} is quarantined"
    if progress.version in state.versions or progress.ended or progress.station in RETURNING:
        return ""
    if state.trying is None:
        waits = progress.station is Station.WAITING
        return "" if waits else "the release was taken back"
    assert rollout is not None
    for status in view.in_phase(rollout, Phase.REFUSED):
        told = status.adoption.reason if status.adoption else ""
        return f"worker {status.pid} refuses it: {told}"
    found = view.seen.rehearsal
    rehearsed = found is not None and found.errand == state.errand and rollout.stage is Stage.OFFERED
    if rehearsed and found is not None and found.problem is not None:
        return found.problem.text
    if failed := _cannot_start(view, progress):
        return failed
    if has_two(progress) and view.voters and not any(runs_head(state, one) for one in view.voters):
        return "no worker is left that serves the old version"
    late = view.now.since(rollout.since) > rollout.terms.deadline and not _is_ready(view, rollout)
    if late and progress.station is Station.WAITING:
        return f"not every worker was ready for it after {rollout.terms.deadline:g} s"
    return ""


def _cannot_start(view: View, progress: Progress) -> str:
    """Why no worker can be started on the release on trial, if that has been found out."""
    version = progress.version
    if failed := could_not_start(view.state, version, progress.digest):
        return failed
    for one in view.in_phase(_rollout(view), Phase.FELL_BACK):
        told = one.adoption.reason if one.adoption else ""
        return f"worker {one.pid} {told}"
    current = view.state.replacement
    limit = _rollout(view).terms.replace
    if has_two(progress) and reached(view.state, view.seen.alive):
        return ""
    if current is not None and current.on == version and view.now.since(current.since) > limit:
        return f"no worker that was started on release {version} was serving after {limit:g} s"
    return ""


def _rollout(view: View) -> Rollout:
    assert view.state.rollout is not None
    return view.state.rollout


def _too_early(view: View, progress: Progress, fact: Moved) -> bool:
    """Nothing goes on before every worker is ready, again, after a retry."""
    onward = progress.station is Station.WAITING and fact.event in (Event.NEXT, Event.LAST)
    rollout = view.state.rollout
    return onward and (view.state.trying is None or rollout is None or not _is_ready(view, rollout))


def _is_ready(view: View, rollout: Rollout) -> bool:
    if rollout.stage is not Stage.REHEARSED or not view.voters:
        return False
    return rollout.how is How.RELOAD or not view.not_in_phase(rollout, *_READY)


# -- what people ask ---------------------------------------------------------------------------


def _asked(view: View) -> tuple[Asked, ...]:
    """Verbs that nobody has answered yet.  `rollback` is one while a rollout is under way."""
    answered = set(view.state.answered)
    found = []
    for item in view.seen.spool:
        if isinstance(item, RequestSeen) and item.name not in answered and is_verb(view.state, item):
            assert item.request is not None
            request = item.request
            found.append(Asked(item.name, WORDS[request.kind], request.by, request.reason))
    return tuple(found)


def is_verb(state: State, item: RequestSeen) -> bool:
    """Is this request for the rollout, rather than for the service as a whole?"""
    request = item.request
    if request is None or item.problem is not None or request.kind not in WORDS:
        return False
    if request.kind != Event.ROLLBACK.value:
        return True
    if request.to is None:
        return state.underway is not None
    top = state.top.version if state.top else 0
    return state.trying is not None and not state.trying.ended and request.to == top


def _refuse(asked: Asked, why: str) -> Append:
    text = f"can't {asked.verb.value}: {why}"
    return Append(facts.Refused(asked.request, Problem.of(errors.VerbRefused(text))))


def _cannot_retry(state: State, progress: Progress) -> str:
    if progress.station not in (Station.ROLLED_BACK, Station.ABORTED):
        return ""  # the rollout's own machine says why
    if progress.digest in state.quarantined:
        return f"release {progress.version} is quarantined; build a new one"
    if progress.version <= state.floor:
        return (
            f"release {progress.version} was committed once, or a later one was; "
            f"`hotpatch rollback --to {progress.version}` brings it back"
        )
    if state.rollout is not None or state.offer is None or state.offer.digest != progress.digest:
        return "another release is on its way, or was since"
    return ""


def _newer(view: View) -> str:
    """A push that asks to take the place of the rollout under way."""
    answered = set(view.state.answered)
    for item in view.seen.spool:
        if isinstance(item, BundleSeen) and item.name not in answered and item.problem is None:
            course = lock.admit(view.state.lock, view.state.underway, item.by, item.supersede, item.force)
            if course.course is lock.Course.SUPERSEDE:
                return f"{course.reason} (release {item.version})"
    return ""

"""A transition that is not over by its deadline: what holds it up is named, then the release's terms hold.

A worker's transition goes from the service's commit until nothing in it runs old code.  It has two parts,
each with a deadline and a choice of its own.

    held      its requests have not let the worker commit     `hold`, `past_hold`
    lingering it has, and old code goes on beside the new     `transition`, `past_transition`

`wait` leaves it at being named; `reverse` takes the release back, everywhere; `reload` replaces that worker.
A way back is never reversed: one that is held is finished by replacing, one that lingers is waited for.  A
person may end a transition at any time (`hotpatch finish`): by replacing, or by force.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import frozen

from hotpatch import errors
from hotpatch_agent.decision.acts import Append, Decision
from hotpatch_agent.decision.observe import RequestSeen
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.view import View, runs_head
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Phase, Problem, Status
from hotpatch_agent.home.terms import RELOAD, REVERSE, WAIT

FORCE: Final = "force"


@frozen
class Deadline:
    """How long a worker still has to be rid of old code, and what becomes of it then."""

    left: float
    """Seconds; negative once it is past."""
    limit: float
    then: str
    held: bool

    @property
    def past(self) -> bool:
        return self.left < 0


def deadline(view: View, status: Status) -> Deadline | None:
    """That of this worker; None if it is not in a transition that its own requests or threads hold up."""
    transition, adoption = view.state.transition, status.adoption
    phase = _phase(view.state, status)
    if transition is None or adoption is None:
        return None
    held = phase is Phase.HELD and not runs_head(view.state, status)
    if not held and not _lingers(view.state, status):
        return None
    terms = transition.terms
    limit, then = (terms.hold, terms.past_hold) if held else (terms.transition, terms.past_transition)
    left = limit - view.now.since(adoption.since)
    if transition.finish is not None:
        left, then = -1.0, FORCE if transition.finish.force else RELOAD
    if then == REVERSE and (transition.back or view.state.top is None):
        then = RELOAD if held else WAIT
    return Deadline(left, limit, then, held)


def blocked(view: View) -> tuple[Decision, ...]:
    """Name what holds a transition up past its deadline, once a worker; reverse it if the release says so."""
    transition = view.state.transition
    if transition is None or transition.finish is not None:
        return ()
    past = [(one, found) for one in view.voters if (found := deadline(view, one)) and found.past]
    for status, found in past:
        if status.worker not in transition.blocked:
            version = view.state.top.version if view.state.top else 0
            fact = facts.Blocked(version, status.worker, found.then, found.limit, status.blockers)
            return (Append(fact),)
    for status, found in past:
        if found.then == REVERSE and view.state.replacement is None:
            assert view.state.top is not None
            return (Append(_reversal(view.state, status, found)),)
    return ()


def is_over(view: View) -> bool:
    """Does no serving worker run old code any more, as far as can be seen?"""
    return view.on_head and not any(_lingers(view.state, one) for one in view.voters)


def why_replaced(view: View, status: Status) -> str:
    """Why this worker is to be replaced for what holds it up; empty if it is not, or not yet."""
    found = deadline(view, status)
    if found is None or not found.past or found.then != RELOAD:
        return ""
    finish = view.state.transition.finish if view.state.transition else None
    if finish is not None:
        return f"{finish.by} ends the transition"
    if found.held:
        return f"its requests did not end within {found.limit:g} s{_named(status)}"
    return f"old code still ran in it after {found.limit:g} s{_named(status)}"


def next_past(view: View) -> float:
    """Seconds until the next of these deadlines that are not past yet; infinite if there is none."""
    left = (found.left for one in view.voters if (found := deadline(view, one)) and not found.past)
    return min(left, default=math.inf)


def is_forced(state: State, status: Status) -> bool:
    """Is this worker to go on in the middle of requests, and has it not done so yet?"""
    transition = state.transition
    forcing = transition is not None and transition.finish is not None and transition.finish.force
    return forcing and status.forced != state.errand


def finish(view: View, item: RequestSeen) -> facts.Fact:
    """The answer to a person who asks for the end of the transition."""
    assert item.request is not None
    state, request = view.state, item.request
    if state.stage in (Stage.OFFERED, Stage.REHEARSED):
        assert state.rollout is not None
        text = f"release {state.rollout.version} is not committed yet; call it off with `hotpatch rollback`"
        return facts.Refused(item.name, Problem.of(errors.VerbRefused(text)))
    if state.transition is None or is_over(view):
        text = "no worker runs old code: there is nothing to finish"
        return facts.Refused(item.name, Problem.of(errors.VerbRefused(text)))
    version = state.top.version if state.top else 0
    by = request.by or "a person"
    return facts.Finishing(version, by, request.force, request.reason, item.name)


def _lingers(state: State, status: Status) -> bool:
    live = _phase(state, status) is Phase.LIVE and runs_head(state, status)
    return live and bool(status.blockers)


def _phase(state: State, status: Status) -> Phase | None:
    return status.phase_for(state.errand, state.top.digest if state.top else "")


def _reversal(state: State, status: Status, found: Deadline) -> facts.RolledBack:
    assert state.top is not None
    what = "its requests did not end" if found.held else "old code still ran"
    reason = f"{what} in worker {status.pid} after {found.limit:g} s{_named(status)}"
    return facts.RolledBack(state.top.version, state.way_back, reason)


def _named(status: Status) -> str:
    """The one that has lasted longest, for people; the record `blocked` has them all."""
    if not status.blockers:
        return ""
    first = min(status.blockers, key=lambda one: one.since)
    what = " ".join(part for part in (first.kind, first.what) if part)
    return f": {what}" + (f" in {first.where}" if first.where else "")

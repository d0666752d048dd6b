"""What the service does next: a pure step over (state, observations, now).

The leader calls `step` at every wake and does what it says, in order.  Rules are looked at from the top; each
gives what it wants done, and the first one that wants a record written ends the round, since every record
changes the state that the other rules go by.  So a round has at most one record, as its last decision, and
between two records nothing is remembered: whoever leads next, after any crash, starts from the same ledger
and comes to the same decisions.

The acts besides records may be done twice or not at all without harm: a rehearsal is thrown away anyway, a
spool file that is already answered is removed later, a replacement goes by who is alive.

RULES says which rules hold in which stage.  What each worker does for its part is in `duty`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from hotpatch import errors
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Append, Decision, Rehearse
from hotpatch_agent.decision.admission import admit, tidy
from hotpatch_agent.decision.crashes import deaths, failed_starts, judge
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.decision.reloading import reloaded
from hotpatch_agent.decision.replacing import next_lapse, replace, replace_for_trial
from hotpatch_agent.decision.rolling import begins, roll
from hotpatch_agent.decision.states import Rollout, Stage, State
from hotpatch_agent.decision.transition import blocked
from hotpatch_agent.decision.two_sets import are_up
from hotpatch_agent.decision.view import View, names, plural
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Phase, Problem
from hotpatch_agent.rollout import steps

Rule = Callable[[View], tuple[Decision, ...]]

_ACCEPTED: Final = (Phase.VERIFIED, Phase.REHEARSING, Phase.STAGING, Phase.READY, Phase.UNABLE)
"""Phases of a worker that has accepted the bundle."""


def step(state: State, seen: Observations, now: Instant) -> tuple[Decision, ...]:
    """What is to be done now, in order; at most one record, and that last."""
    view = View(state, seen, now)
    round_: list[Decision] = []
    for rule in RULES[state.stage]:
        wanted = rule(view)
        round_.extend(wanted)
        if wanted and isinstance(wanted[-1], Append):
            break
    return tuple(round_)


def wake_in(state: State, seen: Observations, now: Instant) -> float:
    """Seconds after which a step may decide something although nothing was observed; infinite if never."""
    view = View(state, seen, now)
    rollout = state.rollout
    rolls = steps.wake_in(state.underway, now) if state.underway is not None else math.inf
    if rollout is not None and rollout.stage in (Stage.OFFERED, Stage.REHEARSED):
        left = rollout.terms.deadline - now.since(rollout.since)
        # Once a rollout is under way its own clock counts, but for workers that are late for a retry.
        return max(0.0, min(left, rolls) if state.trying is None or left > 0 else rolls)
    return max(0.0, min(rolls, next_lapse(view)))


# -- before the commit: it has happened to nobody --------------------------------------------


def refused(view: View) -> tuple[Decision, ...]:
    """One worker that won't have it is enough: no service runs two versions for longer than a transition."""
    rollout = _rollout(view)
    if view.state.trying is not None:
        return ()  # its rollout goes back
    for status in view.in_phase(rollout, Phase.REFUSED):
        adoption = status.adoption
        told = adoption.problem if adoption else None
        reason = told or Problem.of(errors.ReleaseFailed(adoption.reason if adoption else ""))
        return (Append(facts.Failed(rollout.version, rollout.digest, reason, status.worker)),)
    return ()


def rehearsed(view: View) -> tuple[Decision, ...]:
    """Write the verdict down once every worker has accepted the bundle; a no needs nobody's consent."""
    rollout, found = _rollout(view), view.seen.rehearsal
    if found is None or found.errand != view.state.errand:
        return ()
    if found.problem is not None and view.state.trying is not None:
        return ()  # its rollout goes back
    if found.problem is not None or found.how is None:
        reason = found.problem or Problem.of(errors.PatchRefused(found.reason))
        return (Append(facts.Failed(rollout.version, rollout.digest, reason, view.seen.me)),)
    if not view.voters or view.not_in_phase(rollout, *_ACCEPTED):
        return ()
    fact = facts.Rehearsed(
        rollout.version,
        rollout.digest,
        found.how,
        view.seen.me,
        found.seconds,
        found.reason,
        found.findings,
        found.blockers,
    )
    return (Append(fact),)


def rehearse(view: View) -> tuple[Decision, ...]:
    """The leader rehearses as soon as it has itself accepted the bundle."""
    rollout, found = _rollout(view), view.seen.rehearsal
    if found is not None and found.errand == view.state.errand:
        return ()
    ready = any(one.worker == view.seen.me for one in view.in_phase(rollout, Phase.VERIFIED))
    return (Rehearse(rollout.version, rollout.digest, view.state.errand),) if ready else ()


def commit(view: View) -> tuple[Decision, ...]:
    """The decision, once every serving worker is one step away from it, or can only be replaced; or its
    rollout begins, and decides."""
    rollout = _rollout(view)
    if not view.voters or view.state.trying is not None:
        return ()
    ready = _ACCEPTED if rollout.how is How.RELOAD else (Phase.READY, Phase.UNABLE)
    return () if view.not_in_phase(rollout, *ready) else (Append(begins(view, rollout)),)


def overdue(view: View) -> tuple[Decision, ...]:
    """A release that is not decided by its deadline has failed."""
    rollout = _rollout(view)
    if view.state.trying is not None or view.now.since(rollout.since) <= rollout.terms.deadline:
        return ()
    if rollout.stage is Stage.OFFERED:
        late, done = view.not_in_phase(rollout, *_ACCEPTED), "accepted the release"
    else:
        late, done = view.not_in_phase(rollout, Phase.READY, Phase.UNABLE), "built the release"
    if late:
        who = f"{plural(len(late), 'worker')} of {len(view.voters)} had not {done}: {names(late)}"
    else:
        who = "its rehearsal had not ended"
    text = f"after {rollout.terms.deadline:g} s {who}; the old code never stopped serving; push again"
    reason = Problem.of(errors.ReleaseFailed(text))
    return (Append(facts.Failed(rollout.version, rollout.digest, reason)),)


# -- after it: everybody is on the head, or on the way ---------------------------------------


def settle(view: View) -> tuple[Decision, ...]:
    """Over when every worker runs the head for good and none is still being started or replaced."""
    rollout = _rollout(view)
    replacing = view.state.replacement is not None and not are_up(view.state)
    if not view.voters or not view.on_head or view.booting or replacing:
        return ()
    seconds = round(view.now.since(rollout.since), 3)
    if math.isinf(seconds):
        seconds = 0.0  # the machine was restarted in between: no clock knows how long it was
    return (Append(facts.Settled(rollout.version, rollout.digest, len(view.voters), seconds)),)


def absorb(view: View) -> tuple[Decision, ...]:
    """Releases that every worker has found on its disk leave the head."""
    found = tuple(
        version
        for version in view.state.versions
        if view.voters and all(version in one.absorbs for one in view.voters)
    )
    if not found or view.booting or view.state.underway is not None:
        return ()
    return (Append(facts.Absorbed(found, view.voters[0].absorbs_because)),)


_ALWAYS: Final[tuple[Rule, ...]] = (tidy, deaths, failed_starts, judge)

RULES: Final[Mapping[Stage, tuple[Rule, ...]]] = {
    Stage.IDLE: (*_ALWAYS, admit, roll, absorb, reloaded, blocked, replace),
    Stage.OFFERED: (*_ALWAYS, admit, roll, refused, rehearsed, replace_for_trial, overdue, rehearse),
    Stage.REHEARSED: (*_ALWAYS, admit, refused, commit, roll, replace_for_trial, overdue),
    Stage.COMMITTED: (*_ALWAYS, admit, roll, blocked, settle, replace),
    Stage.REVERTING: (*_ALWAYS, admit, roll, blocked, settle, replace),
}


def _rollout(view: View) -> Rollout:
    assert view.state.rollout is not None
    return view.state.rollout

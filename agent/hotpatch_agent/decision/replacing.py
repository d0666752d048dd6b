"""Workers that can't reach the head by themselves, replaced one or a few at a time, as the strategy asks.

A worker is due when it can never get there live (the release goes in only by a start, or the worker has said
that it is unable), when its requests have kept it from committing for longer than the terms allow, or when it
has said nothing for too long.  The leader goes last.  The next one is taken only after the one before has
gone and as many serve as did at first.  A `rolling` release with a batch of n has n taken together: n
successors, and no more, are started beside those that serve, and only when all of them do are the old ones
asked to go.  Everything else takes one worker's memory more, and never more than that.

While a release is on trial that goes in only by a start, as many are due as its step asks for: their
successors are started on it (`Replacing.on`).  On the way back those are due instead.  Blue-green has them
all due at once, and none is asked to go before the rollout has ended (`two_sets`).
"""

from __future__ import annotations

import math

from attrs import frozen

from hotpatch_agent.decision.acts import Append, Decision, Replace
from hotpatch_agent.decision.leaving import LOOK, waited_for
from hotpatch_agent.decision.overdue import time_left, why_overdue
from hotpatch_agent.decision.reloading import is_outdated
from hotpatch_agent.decision.states import Replacement, Stage
from hotpatch_agent.decision.transition import deadline, next_past, why_replaced
from hotpatch_agent.decision.trial import missing, of_worker, on_trial
from hotpatch_agent.decision.two_sets import are_up, brings_up, gives_way, has_two
from hotpatch_agent.decision.view import View, needs_reload, runs_head
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Phase, Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import RETURNING
from hotpatch_agent.rollout.strategy import Kind


def replace(view: View) -> tuple[Decision, ...]:
    """Go on with the worker that is being replaced, or take the next that is due: not while the master has
    not said how many there are to be, for as many there would be then; nor before one that was borrowed for
    another has gone, which would stand in its successor's place and may run what it must not."""
    current = view.state.replacement
    if current is not None:
        up = brings_up(view.state, current)
        return _second_set(view, current) if up else _go_on(view, current)
    due = _due_on_trial(view) if view.state.trying is not None else _due(view)
    if not due or not view.seen.wanted or view.seen.borrowed or waited_for(view, _among(view)):
        return ()
    due.sort(key=lambda one: (one.status.worker == view.seen.me, one.status.started.time))
    next_ = due[0]
    others = [one for one in due[1:] if (one.reason, one.on) == (next_.reason, next_.on)]
    together = dict.fromkeys(one.status.worker for one in (next_, *others))
    number = _at_a_time(view)
    if number > 1 and next_.on:
        number = min(number, missing(view.state, view.seen.alive))
    worker, *rest = tuple(together)[:number]
    return (Append(facts.Replacing(worker, _among(view), next_.reason, next_.on, tuple(rest))),)


def replace_for_trial(view: View) -> tuple[Decision, ...]:
    """The same before the commit: what has begun goes on, and beyond that only what a release on trial asks
    for."""
    state = view.state
    return replace(view) if state.trying is not None or state.replacement is not None else ()


@frozen
class _Due:
    """A worker that is to be replaced, and why."""

    status: Status
    reason: str
    on: int = 0


def _due(view: View) -> list[_Due]:
    behind = [one for one in view.behind if not gives_way(view.state, one, view.seen.alive)]
    due = [_Due(status, reason) for status in behind if (reason := _due_because(view, status))]
    if not are_up(view.state):
        due += [_Due(one, "it waits for nothing any more") for one in _left_over(view)]
    due += [_Due(one, "a reload was asked for") for one in view.voters if is_outdated(view, one)]
    due += [_Due(one, one.worn) for one in view.voters if one.worn]
    return due + [_Due(one, reason) for one in view.voters if (reason := why_replaced(view, one))]


def _due_on_trial(view: View) -> list[_Due]:
    """Those in whose place one is to be started on the release on trial, or on the head again."""
    state, progress = view.state, view.state.trying
    if progress is None or view.booting:
        return []
    number = missing(state, view.seen.alive)
    new = [one for one in view.voters if on_trial(state, one)]
    if number < 0:
        if _too_many(view):
            return []
        new += _left_over(view)
        return [_Due(one, f"release {progress.version} is taken back") for one in new]
    if number > 0:
        why = f"it is among those that are to run release {progress.version} first"
        if has_two(progress):
            why = f"a second set of workers is started on release {progress.version}"
        return [_Due(one, why, progress.version) for one in view.voters if one not in new]
    return [one for status in view.voters if (one := _stuck(view, progress, status))]


def _stuck(view: View, progress: Progress, status: Status) -> _Due | None:
    """A worker in which the release can't go in, or out, in one step."""
    has, wanted = on_trial(view.state, status), of_worker(view.state, status, view.seen.alive)
    phase = status.phase_for(view.state.errand, progress.digest)
    if progress.by_start or wanted is None or wanted.alone == has or phase not in (Phase.HELD, Phase.UNABLE):
        return None
    assert status.adoption is not None
    if phase is Phase.UNABLE:
        return _Due(status, status.adoption.reason) if has else None
    limit = view.terms.hold
    if view.terms.past_hold == "wait" or view.now.since(status.adoption.since) <= limit:
        return None
    reason = f"its requests did not end within {limit:g} s"
    return _Due(status, reason, 0 if has else progress.version)


def _at_a_time(view: View) -> int:
    """How many workers are replaced together: one, unless a release goes in or out by batches of more."""
    rollout, progress = view.state.rollout, view.state.progress
    if rollout is None or progress is None or not progress.by_start:
        return 1
    if has_two(progress):
        return max(1, missing(view.state, view.seen.alive))
    concerned = rollout.leaving if rollout.stage is Stage.REVERTING else rollout.version
    by_batches = progress.strategy.kind is Kind.ROLLING and progress.version == concerned
    return progress.strategy.batch if by_batches else 1


def _among(view: View) -> int:
    """How many workers there are to be.  Not how many serve: one may have died a moment ago."""
    return view.seen.wanted or len(view.voters)


def next_lapse(view: View) -> float:
    """Seconds until a worker becomes due, or a replacement overdue, for no other reason than time."""
    current = view.state.replacement
    if current is not None and (not brings_up(view.state, current) or missing(view.state, view.seen.alive)):
        return time_left(view, current)
    soon = not view.seen.wanted or waited_for(view, _among(view)) or _too_many(view)
    look = LOOK if soon else math.inf
    waits = (_patience(view, status) for status in view.behind if deadline(view, status) is None)
    return min(look, next_past(view), *waits)


def _second_set(view: View, current: Replacement) -> tuple[Decision, ...]:
    """As many workers more, until the rollout has ended: which set is too many then, the head says."""
    progress = view.state.progress
    assert progress is not None
    if progress.ended or view.state.stage is Stage.OFFERED:  # it begins anew: it may have been retried
        return (Append(facts.Replaced(current.worker)),)
    if view.state.trying is None:
        return ()
    if progress.station in RETURNING:
        return (Append(facts.Replaced(current.worker, f"release {progress.version} is taken back")),)
    return (Replace(current.worker, len(current.workers), keep=True),)


def _too_many(view: View) -> bool:
    """Are there successors that are not needed any more?  They go as being too many; asked to go one by one
    as well, they would take others with them."""
    return len(view.voters) + len(view.booting) > _among(view)


def _left_over(view: View) -> list[Status]:
    """Workers that wait although there are not two sets any more, and that don't go as being too many: others
    have died meanwhile."""
    number = len(view.voters) + len(view.waiting) + len(view.booting)
    return list(view.waiting) if number <= _among(view) else []


def _go_on(view: View, current: Replacement) -> tuple[Decision, ...]:
    here = {one.worker: one for one in (*view.voters, *view.waiting)}
    left = [here[worker] for worker in current.workers if worker in here]
    needless = {one.worker: why for one in left if (why := _needless(view, current, one))}
    left = [one for one in left if one.worker not in needless]
    if needless and not left:
        return (Append(facts.Replaced(current.worker, next(iter(needless.values())))),)
    if not left and len(here) >= min(current.among, view.seen.wanted or current.among):
        return (Append(facts.Replaced(current.worker)),)
    text = why_overdue(view, current)
    if not text:
        return (Replace(left[0].worker, len(left)),) if left else ()
    rollout = view.state.rollout
    if rollout is not None and rollout.stage is Stage.COMMITTED:
        return (Append(facts.RolledBack(rollout.version, view.state.way_back, text)),)
    return (Append(facts.Replaced(current.worker, text)),)


def _needless(view: View, current: Replacement, status: Status) -> str:
    """Why this worker need not be replaced any more; empty if it need."""
    progress = view.state.trying
    if progress is not None and current.on == progress.version:
        if progress.station in RETURNING or progress.ended:
            return f"release {progress.version} is taken back"
        return "it runs the release by itself" if on_trial(view.state, status) else ""
    return "it has reached the head by itself" if _is_there(view, status) else ""


def _is_there(view: View, status: Status) -> bool:
    there = runs_head(view.state, status) and not is_outdated(view, status)
    return there and not status.worn and not why_replaced(view, status)


def _due_because(view: View, status: Status) -> str:
    """Why this worker is to be replaced now; empty if it is not."""
    phase = _phase(view, status)
    if needs_reload(view.state, status):
        return "the release goes in only by starting a worker on it"
    if phase in (Phase.UNABLE, Phase.FELL_BACK):
        assert status.adoption is not None
        return status.adoption.reason or f"it is {phase.value}"
    if deadline(view, status) is not None or _patience(view, status) >= 0:
        return ""
    return f"it has not adopted the head within {view.terms.adopt:g} s"


def _patience(view: View, status: Status) -> float:
    """Seconds that are still left to a worker that is behind."""
    rules, rollout = view.terms, view.state.rollout
    # A worker that was started after the decision has its time from its own start.
    waited = view.now.since(status.started)
    if rollout is not None:
        waited = min(waited, view.now.since(rollout.moved))
    return rules.adopt - waited


def _phase(view: View, status: Status) -> Phase | None:
    top = view.state.top
    return status.phase_for(view.state.errand, top.digest if top else "")

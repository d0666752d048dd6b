"""What a rollout does next: a pure step over (progress, what is seen, now).

`step` gives at most one record, and that last: the record moves the rollout, and the next round goes by where
it then stands.  Between two records nothing is remembered here; what a leader remembers for comfort (the
course of a judgement, an answer of a gate) may be lost with it, and then is asked for again.

Rules, looked at from the top; the first that wants a record ends the round:

    1  lost        the release has no future (quarantined, its bundle refused, its workers can't take it)
    2  asked       a person's verb, as it was asked; one that makes no sense here is refused with the reason
    3  superseded  a newer push, if its pusher asked for that
    4  worse       the verdict, or a critical check: back, freeze or alert, as the service says
    5  overdue     the dead-man's switch
    6  onward      what the station waits for has come: an answer, the workers, the time and the verdict

A person comes before the machine's verdict: who says abort in the same moment gets an abort.  The verdict
comes before the clock, for its reason is the better one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from hotpatch_agent.clock import Instant
from hotpatch_agent.rollout.judge import Outcome
from hotpatch_agent.rollout.progress import Moved, Progress, begins_round
from hotpatch_agent.rollout.seen import Answer, CheckResult, Decision, Gate, Record, Refuse, Seen
from hotpatch_agent.rollout.states import (
    COMMITTED,
    ENDED,
    RETURNING,
    STOPPED,
    TABLE,
    VERBS,
    Event,
    Station,
    goes_to,
)
from hotpatch_agent.rollout.strategy import (
    EVERYTHING,
    NOTHING,
    OnWorse,
    Target,
    is_last,
    target_of,
    times_of,
)


def target(progress: Progress, workers: int) -> Target:
    """What the service's workers are to run at this moment."""
    at = progress.acting
    if at in COMMITTED:
        return EVERYTHING
    if at in RETURNING or at in ENDED or at is Station.WAITING:
        return NOTHING
    if at is Station.OPENING:
        return target_of(progress.strategy, progress.step - 1, workers)
    return target_of(progress.strategy, progress.step, workers)


def gate(progress: Progress) -> Gate | None:
    """The gate that is to be asked now, if the strategy has one for this point; asking twice is harmless."""
    point = _POINTS.get(progress.station)
    if point is None or not any(one.at == point for one in progress.strategy.gates):
        return None
    # A new question whenever the station is entered anew: `at` is the record's own moment.
    name = f"{progress.version}.{progress.attempt}.{progress.step}.{point}.{progress.at.time:.6f}"
    return Gate(point, name)


def watched(progress: Progress) -> bool:
    """Is there traffic on the new version, so that checks and judge are to look?"""
    if progress.acting in (Station.PROMOTING, Station.KEEPING):
        return True
    return progress.round >= 0 and progress.acting not in (*RETURNING, *ENDED)


def step(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    """What is to be done now; at most one record, and that last."""
    done: list[Decision] = []
    for rule in RULES:
        wanted = rule(progress, seen, now)
        done.extend(wanted)
        if wanted and isinstance(wanted[-1], Record):
            done[-1] = _with_borders(progress, seen, wanted[-1].fact)
            break
    return tuple(done)


def wake_in(progress: Progress, now: Instant) -> float:
    """Seconds after which a step may decide something although nothing was observed; infinite if never."""
    times = [math.inf]
    if Event.OVERDUE in TABLE[progress.station]:
        times.append(progress.strategy.deadline - progress.used_at(now))
    spent = progress.spent_at(now)
    if progress.station is Station.WATCHING:
        times.extend(limit - spent for limit in times_of(progress.strategy, progress.step) if limit > spent)
    if progress.station is Station.KEEPING:
        times.append(progress.strategy.keep - spent)
    return max(0.0, min(times))


def exit_code(progress: Progress) -> int | None:
    """What `hotpatch status --wait` exits with: 0 done, 1 rolled back, 2 stopped with no outcome; None:
    wait."""
    if progress.station is Station.PROMOTED:
        return 0
    if progress.ended:
        return 1
    return 2 if progress.station is Station.HELD else None


# -- the rules -------------------------------------------------------------------------------


def lost(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    return _record(progress, Event.LOST, seen.lost) if seen.lost else ()


def asked(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    """The first verb that makes sense; those before it that don't are refused."""
    done: list[Decision] = []
    for one in seen.asked:
        event = _meant(progress, one.verb, seen.workers)
        if event not in VERBS or goes_to(progress.station, progress.back, event) is None:
            done.append(Refuse(one.request, _refusal(progress, one.verb)))
            continue
        reason = one.reason or f"{one.verb.value} by {one.by or 'somebody'}"
        fact = Moved(progress.version, event, reason, one.by, one.request, _step_after(progress, event))
        return (*done, Record(fact))
    return tuple(done)


def superseded(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    return _record(progress, Event.SUPERSEDED, seen.newer) if seen.newer else ()


def worse(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    """The verdict `worse`, or a critical check's no, about the round that it is in."""
    if not watched(progress) or seen.window != progress.window:
        return ()
    verdict, figures = seen.verdict, {}
    reasons = [f"check {one.name}: {one.reason}" for one in seen.checks if one.critical and one.yes is False]
    if verdict is not None and verdict.outcome is Outcome.WORSE:
        reasons.insert(0, verdict.reason)
        figures = dict(verdict.figures)
    if not reasons:
        return ()
    event = _ON_WORSE[progress.strategy.on_worse]
    if event is Event.ALERTED and progress.alerted >= progress.round:
        return ()
    return _record(progress, event, "; ".join(reasons), figures)


def overdue(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    used, deadline = progress.used_at(now), progress.strategy.deadline
    if used < deadline:
        return ()
    where = f"step {progress.step + 1}" if progress.step >= 0 else "the beginning"
    text = f"nobody and nothing promoted it within {deadline:g} s: it was {progress.station.value} at {where}"
    return _record(progress, Event.OVERDUE, text)


def onward(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    rule = _ONWARD.get(progress.station)
    return rule(progress, seen, now) if rule else ()


def _waiting(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    answer = _answer(progress, seen)
    if answer is None:
        return ()
    if not answer.yes:
        return _record(progress, Event.NO, answer.reason)
    last = is_last(progress.strategy, -1, seen.workers)
    return _record(progress, Event.LAST if last else Event.NEXT, answer.reason)


def _asking(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    answer = _answer(progress, seen)
    if answer is None:
        return ()
    return _record(progress, Event.YES if answer.yes else Event.NO, answer.reason)


def _reaching(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    if not seen.reached:
        return ()
    return _record(progress, Event.REACHED, f"{seen.workers} workers run what they should")


def _watching(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    strategy, spent = progress.strategy, progress.spent_at(now)
    least, patience = times_of(strategy, progress.step)
    verdict = seen.verdict if seen.window == progress.window else None
    if verdict is not None and verdict.cause == "share" and strategy.judged:
        return _record(progress, Event.INCONCLUSIVE, verdict.reason, verdict.figures)
    if spent < least:
        return ()
    passed = not strategy.judged or (verdict is not None and verdict.outcome is Outcome.BETTER_OR_EQUAL)
    figures = verdict.figures if verdict is not None else {}
    missing = _missing(progress, seen)
    if passed and not missing and seen.reached and not strategy.manual:
        event = Event.LAST if is_last(strategy, progress.step, seen.workers) else Event.NEXT
        reason = verdict.reason if verdict is not None else f"well for {spent:.0f} s"
        return _record(progress, event, reason, figures)
    if spent < patience:
        return ()
    if missing or not passed:
        reason = missing or (verdict.reason if verdict is not None else "nothing was measured")
        return _record(progress, Event.INCONCLUSIVE, f"inconclusive after {spent:.0f} s: {reason}", figures)
    reason = "each step waits for a person's promote" if strategy.manual else "not every worker is there"
    return _record(progress, Event.INCONCLUSIVE, reason, figures)


def _keeping(progress: Progress, seen: Seen, now: Instant) -> tuple[Decision, ...]:
    answer = _answer(progress, seen)
    if answer is not None and not answer.yes:
        return _record(progress, Event.NO, answer.reason)
    if answer is None or progress.spent_at(now) < progress.strategy.keep or _missing(progress, seen):
        return ()
    kept = f"the old version was kept for {progress.strategy.keep:g} s" if progress.strategy.keep else ""
    return _record(progress, Event.KEPT, kept)


# -- what they share -------------------------------------------------------------------------


def _record(
    progress: Progress, event: Event, reason: str, figures: Mapping[str, float] | None = None
) -> tuple[Decision, ...]:
    """The record of this event, if it is one for this station."""
    if goes_to(progress.station, progress.back, event) is None:
        return ()
    fact = Moved(progress.version, event, reason, step=_step_after(progress, event), figures=figures or {})
    return (Record(fact),)


def _with_borders(progress: Progress, seen: Seen, fact: Moved) -> Record:
    """A record that begins a round fixes what counts as slow in it, before any of it has happened."""
    to = goes_to(progress.station, progress.back, fact.event)
    if to is None or not begins_round(progress, to):
        return Record(fact)
    return Record(evolve(fact, borders=seen.borders))


def _step_after(progress: Progress, event: Event) -> int | None:
    """The step that it is at after this event; None if that doesn't change."""
    if event is Event.NEXT:
        return progress.step + 1
    if event is Event.PROMOTE and goes_to(progress.station, progress.back, event) is Station.OPENING:
        return progress.step + 1
    return None


def _meant(progress: Progress, verb: Event, workers: int) -> Event:
    """`promote` at the last step is `promote --full`: there is no further step to go to."""
    if verb is not Event.PROMOTE:
        return verb
    opens = goes_to(progress.station, progress.back, verb) is Station.OPENING
    return Event.PROMOTE_FULL if opens and is_last(progress.strategy, progress.step, workers) else verb


def _answer(progress: Progress, seen: Seen) -> Answer | None:
    """What the gate of this station said; yes if there is none, None while it has not answered."""
    asked_for = gate(progress)
    return Answer(True) if asked_for is None else seen.gates.get(asked_for.id)


def _missing(progress: Progress, seen: Seen) -> str:
    """Which critical checks have not said yes in this round, and why; empty if all have."""
    said = {one.name: one for one in seen.checks} if seen.window == progress.window else {}
    silent = CheckResult("", True, None, "has not answered yet")
    missing = []
    for spec in progress.strategy.checks:
        result = said.get(spec.name, silent)
        if spec.critical and not result.yes:
            missing.append(f"check {spec.name}: {result.reason}")
    return "; ".join(missing)


def _refusal(progress: Progress, verb: Event) -> str:
    where = f"the rollout of release {progress.version} is {progress.station.value}"
    possible = [one.value for one in VERBS if goes_to(progress.station, progress.back, one) is not None]
    rest = f"it can be asked to {', '.join(possible)}" if possible else "nothing can be asked of it any more"
    if progress.station in STOPPED and verb is Event.PAUSE:
        return f"{where}, it waits for a person already; {rest}"
    return f"can't {verb.value}: {where}; {rest}"


Rule = Callable[[Progress, Seen, Instant], tuple[Decision, ...]]

RULES: Final[tuple[Rule, ...]] = (lost, asked, superseded, worse, overdue, onward)

_ONWARD: Final[Mapping[Station, Rule]] = {
    Station.WAITING: _waiting,
    Station.OPENING: _asking,
    Station.MOVING: _reaching,
    Station.WATCHING: _watching,
    Station.CLOSING: _asking,
    Station.PROMOTING: _reaching,
    Station.KEEPING: _keeping,
    Station.REVERTING: _reaching,
    Station.ABORTING: _reaching,
    Station.YIELDING: _reaching,
}
_POINTS: Final[Mapping[Station, str]] = {
    Station.WAITING: "before",
    Station.OPENING: "more",
    Station.CLOSING: "promotion",
    Station.KEEPING: "after",
    Station.REVERTING: "rollback",
    Station.ABORTING: "rollback",
}
_ON_WORSE: Final[Mapping[OnWorse, Event]] = {
    OnWorse.ROLLBACK: Event.WORSE,
    OnWorse.FREEZE: Event.FROZEN,
    OnWorse.ALERT: Event.ALERTED,
}

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent import wire
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.seen import Answer, Asked, CheckResult, Record, Refuse, Seen
from hotpatch_agent.rollout.states import TABLE, VERBS, Event, Station, goes_to
from hotpatch_agent.rollout.steps import exit_code, gate, step, target, wake_in
from hotpatch_agent.rollout.strategy import (
    By,
    CheckSpec,
    GateSpec,
    Kind,
    OnWorse,
    Step,
    Strategy,
    alpha_of,
)

from tests.rollout.world import CANARY, OFF_SHARE, PASSED, UNDECIDED, WORSE, World

BLUE_GREEN = Strategy(kind=Kind.BLUE_GREEN, keep=600)
ROLLING = Strategy(kind=Kind.ROLLING, batch=2, healthy=10)
CHECK = CheckSpec("answers", "http", url="http://127.0.0.1/")


def at_watching(strategy: Strategy = CANARY) -> World:
    world = World(strategy)
    world.settle()
    assert world.progress.station is Station.WATCHING
    return world


# -- each strategy to its good end -----------------------------------------------------------


def test_all_at_once_is_promoted_in_one_go() -> None:
    world = World(Strategy())
    assert world.settle().station is Station.PROMOTED
    assert world.events == [Event.LAST, Event.YES, Event.REACHED, Event.KEPT]


def test_a_canary_grows_step_by_step_to_the_end() -> None:
    world = at_watching()
    shares = [target(world.progress, 4).share]
    world.wait(61, PASSED)
    shares.append(target(world.progress, 4).share)
    world.wait(61, PASSED)
    shares.append(target(world.progress, 4).share)
    assert shares == [0.05, 0.5, 1.0]
    assert world.progress.station is Station.PROMOTED


def test_rolling_takes_a_batch_at_a_time_and_waits_for_its_health() -> None:
    world = at_watching(ROLLING)
    assert target(world.progress, 4).workers == 2
    world.wait(9)
    assert target(world.progress, 4).workers == 2
    world.wait(2)
    assert world.progress.step == 1
    world.wait(11)
    assert world.progress.station is Station.PROMOTED


def test_blue_green_keeps_the_old_for_its_time_after_the_flip() -> None:
    world = World(BLUE_GREEN)
    assert world.settle().station is Station.KEEPING
    assert target(world.progress, 4).whole
    assert world.wait(599).station is Station.KEEPING
    assert world.wait(2).station is Station.PROMOTED


def test_blue_green_flips_back_at_once_while_the_old_is_kept() -> None:
    world = World(BLUE_GREEN)
    world.settle()
    world.ask(Event.ROLLBACK)
    assert target(world.progress, 4).share == 0.0
    assert world.settle().station is Station.ROLLED_BACK


def test_a_canary_by_whole_workers_has_one_at_least() -> None:
    world = at_watching(evolve(CANARY, by=By.WORKERS))
    assert target(world.progress, 4).workers == 1
    world.wait(61, PASSED)
    assert target(world.progress, 4).workers == 2


def test_no_step_ends_before_its_time_however_good_it_looks() -> None:
    world = at_watching()
    assert world.wait(59, PASSED).step == 0


def test_a_step_waits_for_workers_that_are_not_there_yet() -> None:
    world = World()
    world.seen = evolve(world.seen, reached=False)
    assert world.settle().station is Station.MOVING


# -- verdicts --------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [UNDECIDED, None])
def test_inconclusive_never_promotes_and_holds_after_its_patience(verdict: object) -> None:
    world = at_watching()
    assert world.wait(599, verdict).station is Station.WATCHING  # type: ignore[arg-type]
    assert world.wait(2, verdict).station is Station.HELD  # type: ignore[arg-type]


def test_a_wrong_share_holds_at_once() -> None:
    assert at_watching().settle(OFF_SHARE).station is Station.HELD


def test_worse_rolls_back_with_the_figures_as_the_reason() -> None:
    world = at_watching()
    world.turn(WORSE)
    _, fact = world.records[-1]
    assert fact.event is Event.WORSE
    assert (fact.reason, fact.figures) == (WORSE.reason, WORSE.figures)
    assert world.settle().station is Station.ROLLED_BACK


def test_worse_rolls_back_although_a_person_paused() -> None:
    world = at_watching()
    world.ask(Event.PAUSE)
    assert world.settle(WORSE).station is Station.ROLLED_BACK


def test_worse_freezes_where_the_service_says_so() -> None:
    world = at_watching(evolve(CANARY, on_worse=OnWorse.FREEZE))
    assert world.settle(WORSE).station is Station.HELD
    assert target(world.progress, 4).share == 0.05


def test_worse_alerts_once_where_the_service_says_so() -> None:
    world = at_watching(evolve(CANARY, on_worse=OnWorse.ALERT))
    world.settle(WORSE)
    world.settle(WORSE)
    assert world.events.count(Event.ALERTED) == 1
    assert world.progress.station is Station.WATCHING


def test_a_verdict_about_another_round_says_nothing() -> None:
    world = at_watching()
    seen = evolve(world.seen, window="7.1.99", verdict=WORSE)
    assert step(world.progress, seen, world.now) == ()


def test_a_critical_check_that_says_no_is_worse() -> None:
    world = at_watching(evolve(CANARY, checks=(CHECK,)))
    world.seen = evolve(world.seen, checks=(CheckResult("answers", True, False, "answered 500"),))
    world.turn(PASSED)
    assert world.records[-1][1].event is Event.WORSE
    assert "answered 500" in world.records[-1][1].reason


def test_an_advisory_check_that_says_no_stops_nothing() -> None:
    world = at_watching(evolve(CANARY, checks=(evolve(CHECK, critical=False),)))
    world.seen = evolve(world.seen, checks=(CheckResult("answers", False, False, "answered 500"),))
    assert world.wait(61, PASSED).step == 1


@pytest.mark.parametrize("results", [(), (CheckResult("answers", True, None, "matches nothing"),)])
def test_a_critical_check_that_says_nothing_never_promotes(results: tuple[CheckResult, ...]) -> None:
    world = at_watching(evolve(CANARY, checks=(CHECK,)))
    world.seen = evolve(world.seen, checks=results)
    assert world.wait(61, PASSED).step == 0
    assert world.wait(600, PASSED).station is Station.HELD
    assert "check answers" in world.progress.reason


def test_manual_steps_wait_for_a_person_whatever_the_verdict() -> None:
    world = at_watching(evolve(CANARY, manual=True))
    assert world.wait(601, PASSED).station is Station.HELD
    world.ask(Event.PROMOTE)
    assert world.settle().step == 1


# -- time ------------------------------------------------------------------------------------


def test_the_dead_mans_switch_rolls_back_what_nobody_promoted() -> None:
    world = at_watching()
    world.wait(601, UNDECIDED)
    assert world.wait(3000, UNDECIDED).station is Station.ROLLED_BACK
    assert Event.OVERDUE in world.events


def test_the_dead_mans_clock_stands_while_a_person_has_paused() -> None:
    world = at_watching()
    world.ask(Event.PAUSE)
    assert world.wait(100_000).station is Station.PAUSED
    world.ask(Event.RESUME)
    assert world.settle().station is Station.WATCHING


@pytest.mark.parametrize("verdict", [None, UNDECIDED, PASSED])
def test_something_is_always_due_while_it_goes_on_by_itself(verdict: object) -> None:
    world = at_watching()
    while not world.progress.ended:
        wait = wake_in(world.progress, world.now)
        assert wait < 4_000
        world.wait(wait + 0.001, verdict)  # type: ignore[arg-type]


def test_a_restart_of_the_machine_rolls_back() -> None:
    world = at_watching()
    world.boot, world.time = "another", 5.0
    assert world.settle().station is Station.ROLLED_BACK


# -- gates -----------------------------------------------------------------------------------


def gated(point: str) -> World:
    return World(evolve(CANARY, gates=(GateSpec(point, command=("true",)),)))


def answer(world: World, yes: bool) -> None:
    question = gate(world.progress)
    assert question is not None
    world.seen = evolve(world.seen, gates={question.id: Answer(yes, "because")})


@pytest.mark.parametrize(
    ("point", "station", "no"),
    [
        ("before", Station.WAITING, Station.ROLLED_BACK),
        ("more", Station.OPENING, Station.HELD),
        ("promotion", Station.CLOSING, Station.HELD),
        ("after", Station.KEEPING, Station.ROLLED_BACK),
    ],
)
def test_a_gate_is_waited_for_and_its_no_stops(point: str, station: Station, no: Station) -> None:
    world = gated(point)
    for _ in range(3):
        world.wait(61, PASSED)
    assert world.progress.station is station
    answer(world, False)
    assert world.settle(PASSED).station is no


@pytest.mark.parametrize("point", ["before", "more", "promotion", "after"])
def test_a_gates_yes_goes_on(point: str) -> None:
    world = gated(point)
    for _ in range(10):
        if gate(world.progress) is not None:
            answer(world, True)
        world.wait(61, PASSED)
    assert world.progress.station is Station.PROMOTED


def test_an_answer_counts_for_its_own_question_alone() -> None:
    world = gated("more")
    world.settle()
    answer(world, True)
    world.wait(1)
    world.wait(61, PASSED)
    assert world.progress.station is Station.OPENING
    assert world.progress.step == 1


def test_the_way_back_waits_for_no_gate() -> None:
    world = gated("rollback")
    world.settle()
    world.ask(Event.ABORT)
    assert gate(world.progress) is not None
    assert world.settle().station is Station.ABORTED


# -- verbs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("station", Station)
def test_a_verb_acts_at_once_or_is_refused_with_what_can_be_asked(station: Station, verb: Event) -> None:
    world = at_watching()
    back = Station.WATCHING if station in (Station.PAUSED, Station.HELD) else None
    progress = evolve(world.progress, station=station, back=back, at=world.now)
    seen = Seen(workers=4, reached=False, asked=(Asked("request", verb, "ann"),))
    first = step(progress, seen, world.now)[0]
    if goes_to(station, back, verb) is None:
        assert isinstance(first, Refuse)
        assert f"is {station.value}" in first.reason
        for possible in VERBS:
            named = goes_to(station, back, possible) is not None
            assert (f" {possible.value}" in first.reason.partition(";")[2]) or not named
    else:
        assert isinstance(first, Record)
        assert (first.fact.request, first.fact.by) == ("request", "ann")


def test_promote_goes_to_the_next_step_without_waiting() -> None:
    world = at_watching()
    world.ask(Event.PROMOTE)
    assert (world.settle().station, world.progress.step) == (Station.WATCHING, 1)


def test_promote_at_the_last_step_promotes_the_release() -> None:
    world = at_watching()
    world.ask(Event.PROMOTE)
    world.settle()
    world.ask(Event.PROMOTE)
    assert world.settle().station is Station.PROMOTED


def test_promote_full_skips_all_steps() -> None:
    world = at_watching()
    world.ask(Event.PROMOTE_FULL)
    assert world.settle().station is Station.PROMOTED


def test_a_person_who_aborts_comes_before_the_verdict() -> None:
    world = at_watching()
    assert world.ask(Event.ABORT, WORSE).station is Station.ABORTING


def test_verbs_that_make_no_sense_are_refused_and_the_next_is_heard() -> None:
    world = at_watching()
    world.turn(None, Asked("one", Event.RESUME), Asked("two", Event.PAUSE, "ann"))
    assert [one.request for one in world.refused] == ["one"]
    assert world.progress.station is Station.PAUSED


def test_a_retry_after_a_rollback_goes_through_all_steps_again() -> None:
    world = at_watching()
    world.ask(Event.ABORT)
    world.settle()
    world.ask(Event.RETRY)
    assert world.settle().station is Station.WATCHING
    assert world.progress.window == "7.2.0"


def test_a_newer_push_supersedes_where_asked() -> None:
    world = at_watching()
    world.seen = evolve(world.seen, newer="release 8 takes its place")
    assert world.settle().station is Station.SUPERSEDED


def test_a_superseded_rollout_is_not_retried() -> None:
    assert TABLE[Station.SUPERSEDED] == {}


def test_a_release_without_a_future_goes_back() -> None:
    world = at_watching()
    world.seen = evolve(world.seen, lost="quarantined: it crashed two workers")
    assert world.settle().station is Station.ROLLED_BACK


@pytest.mark.parametrize(
    ("station", "code"),
    [(Station.PROMOTED, 0), (Station.ROLLED_BACK, 1), (Station.ABORTED, 1), (Station.SUPERSEDED, 1),
     (Station.HELD, 2), (Station.WATCHING, None), (Station.PAUSED, None)],
)  # fmt: skip
def test_exit_codes(station: Station, code: int | None) -> None:
    assert exit_code(evolve(at_watching().progress, station=station)) == code


# -- what it may spend -----------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [CANARY, ROLLING, evolve(CANARY, steps=(Step(0.5),))])
def test_all_rounds_together_spend_no_more_than_alpha(strategy: Strategy) -> None:
    assert sum(alpha_of(strategy, round_) for round_ in range(10_000)) <= strategy.rules.alpha * (1 + 1e-12)


def test_records_go_through_the_ledgers_form_unchanged() -> None:
    began = Began(7, "digest", evolve(CANARY, checks=(CHECK,), gates=(GateSpec("more", url="http://x/"),)))
    assert wire.load(Began, wire.dump(began)) == began
    moved = Moved(7, Event.WORSE, "because", step=1, figures={"new_errors": 2.0})
    assert wire.load(Moved, wire.dump(moved)) == moved

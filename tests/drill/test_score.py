"""A drill has passed only if every step and every single request went as it must."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve
from hotpatch_agent.drill import timeline
from hotpatch_agent.drill.score import Score, Step
from hotpatch_agent.load.account import Outcome, Sample, Stream, report


def score(*outcomes: Outcome, passed: bool = True, cuts: int = 0) -> Score:
    samples = [Sample(0, 0.0, 0.1, outcome, "any", worker="7") for outcome in (Outcome.RIGHT, *outcomes)]
    return Score(
        drill="incident",
        steps=(Step("first", True, "", 0.1), Step("second", passed, "", 0.1)),
        report=report(samples, ["start"], [Stream(10, (), 0.2), Stream(10, ("7",) * cuts, 0.2)]),
        asked=3,
        live_seconds=0.25,
        memory_before=100 << 20,
        memory_after=110 << 20,
        seconds=1.0,
    )


def test_a_clean_drill_has_passed() -> None:
    assert score(Outcome.RIGHT).passed


@pytest.mark.parametrize("outcome", [Outcome.DROPPED, Outcome.ERROR, Outcome.WRONG])
def test_one_bad_request_is_one_too_many(outcome: Outcome) -> None:
    assert not score(outcome).passed


def test_a_failed_step_fails_the_drill() -> None:
    assert not score(passed=False).passed


def test_a_cut_stream_fails_the_drill() -> None:
    assert not score(cuts=1).passed


def test_the_last_sentence_says_it_all() -> None:
    assert score(Outcome.DROPPED, Outcome.ERROR).sentence == (
        "FAILED: 6 requests sent, 1 dropped, 1 errors, 0 wrong, 0.25 s from push to the last worker live, "
        "memory 100 MiB before and 110 MiB after."
    )


def test_a_drill_that_never_pushed_has_no_such_time() -> None:
    assert "from push" not in evolve(score(), live_seconds=None).sentence


def test_what_a_killed_worker_takes_along_is_no_drop() -> None:
    found = evolve(score(Outcome.DROPPED, cuts=1), lost=("7",))
    assert found.passed and (found.dropped, found.cuts, found.taken_along) == (0, 0, 2)
    assert "2 that ended with the worker" in found.sentence


def test_what_is_dropped_at_another_worker_is_a_drop() -> None:
    found = evolve(score(Outcome.DROPPED), lost=("8",))
    assert not found.passed and found.dropped == 1


def test_errors_that_a_canary_is_known_for_are_told_and_no_fault_of_the_drill() -> None:
    erred = Sample(0, 0.0, 0.1, Outcome.RIGHT, "canary: visitor 3", "erred")
    found = evolve(score(), report=report([erred], ["start"], []))
    assert found.passed and found.erred == 1
    assert "1 errors that a canary brought to its share alone" in found.sentence


def test_steps_and_decisions_stand_in_one_line_of_time() -> None:
    records = [{"time": "2026-11-24T18:40:43.500Z", "text": "release 1 is offered"}]
    began_at = datetime(2026, 11, 24, 18, 40, 43, tzinfo=UTC).timestamp()
    steps = [Step("builds", True, "", 0.1, at=0.1), Step("looks", True, "", 0.1, at=2.0)]
    told = timeline.merged(steps, timeline.ledger(records, began_at))
    assert [(moment.who, moment.text) for moment in told] == [
        ("operator", "builds"),
        ("service", "release 1 is offered"),
        ("operator", "looks"),
    ]
    assert told[1].at == pytest.approx(0.5)

"""A drill has passed only if every step and every single request went as it must."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.drill.score import Score, Step
from hotpatch_agent.load.account import Outcome, Sample, Stream, report


def score(*outcomes: Outcome, passed: bool = True, cuts: int = 0) -> Score:
    samples = [Sample(0, 0.0, 0.1, outcome, "any") for outcome in (Outcome.RIGHT, *outcomes)]
    return Score(
        drill="incident",
        steps=(Step("first", True, "", 0.1), Step("second", passed, "", 0.1)),
        report=report(samples, ["start"], [Stream(10, 0, 0.2), Stream(10, cuts, 0.2)]),
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

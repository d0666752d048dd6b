"""The figures that the benchmarks give are those of what they measured."""

from __future__ import annotations

import pytest
from hotpatch_agent.load.account import Outcome, Report, Sample, report

from benchmarks.push_versus_reload import Measured, summary, turn
from benchmarks.spread import spread


def measured(way: str, seconds: float, **more: float) -> Measured:
    values = {
        "dropped": 0,
        "errors": 0,
        "wrong": 0,
        "sent": 100,
        "p99": 0.1,
        "longest": 0.2,
        "memory_ratio": 1.0,
    }
    return Measured(way=way, old_seconds=seconds, in_force_seconds=seconds, **{**values, **more})  # type: ignore[arg-type]


def test_times_sooner_is_the_best_other_way_over_ours() -> None:
    found = [measured("push", 0.5), measured("HUP", 3.0), measured("USR2 then TERM", 4.0)]
    result = summary(found)
    assert (result["times_sooner"], result["best_other"]) == (6.0, "HUP")


def test_times_are_medians_over_the_rounds() -> None:
    ours = [measured("push", seconds) for seconds in (0.5, 0.4, 9.0)]
    others = [measured("HUP", seconds) for seconds in (5.0, 1.0, 6.0)]
    result = summary([*ours, *others])
    assert result["times_sooner"] == 10.0 and result["rounds"] == 3
    assert result["ways"]["push"]["seconds_until_in_force"] == {"median": 0.5, "least": 0.4, "greatest": 9.0}


def test_drops_are_ours_and_add_up() -> None:
    found = [
        measured("push", 1.0, dropped=1),
        measured("push", 1.0, dropped=2),
        measured("HUP", 1.0, dropped=50),
    ]
    assert summary(found)["dropped"] == 3
    assert summary(found)["ways"]["HUP"]["dropped"] == 50


def account(*answers: tuple[float, str]) -> Report:
    samples = [
        Sample(1, ended - 0.01, ended, Outcome.RIGHT, "wrong-total", label, "1") for ended, label in answers
    ]
    return report(samples, ["before", "change", "after"], [])


def test_the_turn_is_the_last_old_and_the_first_new_answer() -> None:
    found = account((10.1, "old"), (10.5, "new"), (10.8, "old"), (11.0, "new"))
    assert turn(found, 10.0) == (pytest.approx(0.8), pytest.approx(0.5))


def test_without_an_old_answer_the_turn_begins_at_once() -> None:
    assert turn(account((13.0, "new")), 10.0) == (0.0, pytest.approx(3.0))


def test_a_spread_holds_all_values() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "least": 1.0, "greatest": 3.0}

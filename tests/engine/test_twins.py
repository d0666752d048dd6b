"""Items of a set that are called alike and are not the same."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

TEXT = """
class Step:
    def __init__(self, run): self.run = run
def one(): return 1
def two(): return 2
def three(): return 3
{}
def runs(): return sorted(step.run() for step in STEPS)
def number(): return {}
"""
ALL = "STEPS = {Step(one), Step(two), Step(three)}"


@pytest.mark.parametrize(
    ("before", "after", "ran"),
    [
        (ALL, ALL.replace("Step(two), ", ""), [1, 3]),
        (ALL.replace("Step(two), ", ""), ALL, [1, 2, 3]),
        (ALL, ALL.replace("Step(one), ", ""), [2, 3]),
        (
            "KNOWN = [Step(one), Step(two)]\nSTEPS = {*KNOWN}",
            "KNOWN = [Step(one), Step(two)]\nSTEPS = {KNOWN[1]}",
            [2],
        ),
    ],
)
def test_the_one_that_comes_or_goes_is_told_from_the_others(
    program: Program, before: str, after: str, ran: list[int]
) -> None:
    program.runs({"m.py": TEXT.format(before, 1)})
    m = program.module("m")
    kept = {id(step) for step in m.STEPS}
    outcome = program.patch({"m.py": TEXT.format(after, 2)})
    assert outcome, outcome.reasons
    assert m.runs() == ran and m.number() == 2
    assert len(kept & {id(step) for step in m.STEPS}) == min(len(kept), len(m.STEPS))


def test_one_that_has_changed_since_is_not_taken_for_another(program: Program) -> None:
    program.runs({"m.py": TEXT.format(ALL, 1)})
    m = program.module("m")
    first = next(step for step in m.STEPS if step.run is m.one)
    second = next(step for step in m.STEPS if step.run is m.two)
    first.run, second.run = m.two, m.one
    outcome = program.patch({"m.py": TEXT.format(ALL.replace("Step(two), ", ""), 2)})
    assert (m.runs(), m.number()) == (([1, 3], 2) if outcome else ([1, 2, 3], 1))

"""Closures that live get the defaults that their new code counts on."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

MAKER = """
LIMIT = 3

def make(start):
    count = start
    def step({old}):
        nonlocal count
        count += {by}
        return count
    return step
"""


def maker(old: str, by: str) -> dict[str, str]:
    return {"counting.py": MAKER.format(old=old, by=by)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "by=10"),
        ("", "*, by=10"),
        ("by=1", "by=10"),
        ("*, by=1, other=2", "*, by=10, more=None"),
        ("by=LIMIT", "by=10"),
    ],
)
def test_a_closure_gets_the_defaults_of_its_new_code_and_loses_them_again(
    program: Program, old: str, new: str
) -> None:
    program.runs(maker(old, "1"))
    step = program.module("counting").make(5)
    step()
    before = step.__defaults__, step.__kwdefaults__
    outcome = program.patch(maker(new, "by"))
    assert outcome, outcome.reasons
    assert step() == 16
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (step.__defaults__, step.__kwdefaults__) == before
    assert step() == 17


def test_defaults_that_alone_change_reach_closures_that_live(program: Program) -> None:
    program.runs(maker("by=1", "by"))
    step = program.module("counting").make(5)
    outcome = program.patch(maker("by=10", "by"))
    assert outcome, outcome.reasons
    assert step() == 15


def test_defaults_that_are_made_as_before_stay_what_each_closure_was_given(program: Program) -> None:
    program.runs(maker("by=start", "by"))
    step = program.module("counting").make(5)
    outcome = program.patch(maker("by=start", "by * 10"))
    assert outcome, outcome.reasons
    assert step() == 55


def test_defaults_that_are_made_otherwise_of_what_is_no_constant_are_a_reason_for_a_reload(
    program: Program,
) -> None:
    program.runs(maker("by=1", "by"))
    step = program.module("counting").make(5)
    outcome = program.patch(maker("by=start", "by"))
    assert not outcome
    assert "defaults are made otherwise" in outcome.reasons[0]
    assert step() == 6

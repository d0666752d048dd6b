"""A plan says how each edit goes in: beside the old code, in one step, or in new workers."""

from __future__ import annotations

import pytest

from hotpatch import engine
from hotpatch.plan import Grade

from .conftest import Program

ROWS = {
    "body": ("def f(): return 1\n", "def f(): return 2\n", Grade.CANARY),
    "constant": ("X = 1\n", "X = 2\n", Grade.CANARY),
    "method": ("class C:\n    pass\n", "class C:\n    def m(self): return 1\n", Grade.CANARY),
    "entry of a table": ("T = {'a': 1}\n", "T = {'a': 2}\n", Grade.BARRIER),
    "effect": ("import gc\n", "import gc\ngc.set_threshold(701)\n", Grade.RELOAD),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_plan_tells_how_an_edit_goes_in(program: Program, row: str) -> None:
    before, after, grade = ROWS[row]
    program.runs({"m.py": before})
    program.module("m")
    plan = engine.plan(program.measure({"m.py": after}))
    assert {edit.grade for edit in plan.edits} == {grade}

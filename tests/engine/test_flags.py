"""Members of enums that go or move while somebody has them, and combinations of flags that were asked for."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

FLAGS = "from enum import {0}\nclass P({0}):\n    R = 1\n    W = 2\n"
ENUM = "from enum import Enum\nclass E(Enum):\n    A = 'a'\n    B = 'b'\n"


def test_a_combination_that_gets_a_name_is_the_one_that_it_was(program: Program) -> None:
    program.runs({"m.py": FLAGS.format("Flag")})
    m = program.module("m")
    held = m.P.R | m.P.W
    outcome = program.patch(
        {"m.py": FLAGS.format("Flag") + "    RW = R | W\n    X = 4\n    ALL = R | W | X\n"}
    )
    assert outcome, outcome.reasons
    assert held is m.P.RW is m.P(3) is m.P["RW"]
    assert (held.name, held.value, m.P.ALL.value) == ("RW", 3, 7)
    assert held in m.P.ALL
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held is m.P(3) is m.P.R | m.P.W
    assert held.name == "R|W"
    assert not hasattr(m.P, "RW")


@pytest.mark.parametrize("kind", ["Flag", "IntFlag"])
def test_a_combination_of_members_that_move_is_held_by_nobody(program: Program, kind: str) -> None:
    program.runs({"m.py": FLAGS.format(kind)})
    m = program.module("m")
    held = [m.P.R | m.P.W]
    new = FLAGS.format(kind).replace("W = 2", "W = 4").replace("R = 1", "R = 2")
    outcome = program.patch({"m.py": new})
    assert outcome.reasons == ("a list holds the old P object",)
    held.clear()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert [one.name for one in m.P(6)] == ["R", "W"]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (m.P.R | m.P.W).value == 3


def test_a_member_that_goes_is_held_by_nobody(program: Program) -> None:
    program.runs({"m.py": ENUM})
    m = program.module("m")
    held = [m.E.B]
    new = ENUM.replace("    B = 'b'\n", "")
    outcome = program.patch({"m.py": new})
    assert outcome.reasons == ("a list holds the old E object",)
    held.clear()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert [*m.E] == [m.E.A]


def test_a_member_that_is_renamed_is_the_one_that_it_was(program: Program) -> None:
    program.runs({"m.py": ENUM})
    m = program.module("m")
    held = m.E.B
    outcome = program.patch({"m.py": ENUM.replace("B =", "C =")})
    assert outcome, outcome.reasons
    assert held is m.E.C
    assert held.name == "C"

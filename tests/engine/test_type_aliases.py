"""What a `type` statement names: evaluated when somebody asks, and told apart by what it says."""

from __future__ import annotations

import sys

import pytest

from tests.engine.conftest import Program

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with 3.12")


def test_a_type_alias_that_says_something_else_is_exchanged(program: Program) -> None:
    text = "type Ids = {0}\ntype Pair[T] = {1}\ndef f(ids: Ids) -> Ids: return ids\nVALUE = Ids.__value__\n"
    program.runs({"m.py": text.format("list[int]", "tuple[T, T]")})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format("list[str]", "tuple[T, T, T]")})
    assert outcome, outcome.reasons
    assert m.VALUE == m.Ids.__value__ == list[str] and m.Ids.__module__ == "m"
    assert len(m.Pair.__value__.__args__) == 3 and m.f.__annotations__["ids"] is m.Ids
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.VALUE == m.Ids.__value__ == list[int]


def test_one_that_speaks_of_itself_or_of_what_is_not_there_is_left_alone(program: Program) -> None:
    text = "type Json = dict[str, Json] | None\ntype Late = Missing\ndef f(): return {}\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    json, late = m.Json, m.Late
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome and (m.f(), m.Json, m.Late) == (2, json, late), outcome.reasons


def test_one_that_speaks_of_itself_can_say_something_else(program: Program) -> None:
    program.runs({"m.py": "type Json = dict[str, Json] | None\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "type Json = dict[str, Json] | list[Json]\n"})
    assert outcome, outcome.reasons
    assert m.Json.__value__ == dict[str, m.Json] | list[m.Json]

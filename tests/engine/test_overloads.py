"""What `typing.overload` is given, `typing` keeps: the new ones take the place of the old, which hold back no
class that gave way to another."""

from __future__ import annotations

import typing

from tests.engine.conftest import Program

START = (
    "from typing import Any, Callable, overload\n"
    "class Task:\n    pass\n"
    "@overload\ndef task(f: int) -> Callable[[Callable[..., Any]], Task]: ...\n"
    "@overload\ndef task(f: str) -> Task: ...\n"
    "def task(f): return Task()\n"
)


def returned(function: typing.Any) -> list[typing.Any]:
    return [each.__annotations__["return"] for each in typing.get_overloads(function)]


def test_overloads_are_the_new_ones_and_go_back(program: Program) -> None:
    program.runs({"m.py": START})
    m = program.module("m")
    before = returned(m.task)
    outcome = program.patch({"m.py": "import os\n" + START.replace("str) -> Task", "str) -> bytes")})
    assert outcome, outcome.reasons
    assert returned(m.task) == [before[0], bytes]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert returned(m.task) == before


def test_a_class_that_overloads_named_may_become_generic(program: Program) -> None:
    program.runs({"m.py": START})
    m = program.module("m")
    generic = START.replace("class Task:", "T = TypeVar('T')\nclass Task(Generic[T]):")
    outcome = program.patch({"m.py": generic.replace("overload\n", "overload, Generic, TypeVar\n", 1)})
    assert outcome, outcome.reasons
    assert m.Task[int].__origin__ is m.Task and returned(m.task)[1] is m.Task

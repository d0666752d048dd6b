"""The library call brings up to date what the program computed from code that changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hotpatch import refresh
from hotpatch.plan import Effect

from .conftest import Program

SHAPES = """\
import abc

class Shape(abc.ABC):
    @classmethod
    def __subclasshook__(cls, other):
        return {answer}

class Square:
    pass
"""


def test_an_abc_forgets_what_it_answered(program: Program) -> None:
    program.runs({"shapes.py": SHAPES.format(answer="True")})
    shapes = program.module("shapes")
    square = shapes.Square()
    assert isinstance(square, shapes.Shape)
    outcome = program.patch({"shapes.py": SHAPES.format(answer="False")})
    assert outcome, outcome.reasons
    assert not isinstance(square, shapes.Shape)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert isinstance(square, shapes.Shape)


@pytest.fixture
def handled() -> Iterator[list[tuple[str, bool]]]:
    steps: list[tuple[str, bool]] = []
    registration = refresh.register(
        "test",
        before=lambda update: steps.append(("before", update.undo)),
        forget=lambda update: steps.append(("forget", update.undo)),
        after=lambda update: steps.append(("after", update.undo)),
    )
    yield steps
    registration.remove()


def test_handlers_run_around_commit_and_undo(program: Program, handled: list[tuple[str, bool]]) -> None:
    program.runs({"m.py": "X = 1\n"})
    program.module("m")
    outcome = program.patch({"m.py": "X = 2\n"})
    steps = ["before", "forget", "after"]
    assert handled == [(step, False) for step in steps]
    assert outcome.undo is not None
    handled.clear()
    outcome.undo.revert()
    assert handled == [(step, True) for step in steps]


def test_a_handler_that_fails_in_the_proof_speaks_against_the_patch(program: Program) -> None:
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")

    def fail(update: object) -> None:
        raise RuntimeError("no cache")

    registration = refresh.register("failing", forget=fail)
    try:
        outcome = program.patch({"m.py": "X = 2\n"})
    finally:
        registration.remove()
    assert outcome.effect is Effect.RELOAD and "no cache" in outcome.reasons[0]
    assert m.X == 1


def test_a_handler_may_refuse(program: Program) -> None:
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")

    def no(update: object) -> None:
        raise RuntimeError("not now")

    registration = refresh.register("refusing", before=no)
    try:
        outcome = program.patch({"m.py": "X = 2\n"})
    finally:
        registration.remove()
    assert outcome.effect is Effect.RELOAD and "not now" in outcome.reasons[0]
    assert m.X == 1

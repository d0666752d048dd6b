"""Type variables and their like: all that they say, and what they are bound to, is part of the difference."""

from __future__ import annotations

import sys

import pytest

from tests.engine.conftest import Program

SYNTAX = pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with 3.12")
DEFAULTS = pytest.mark.skipif(sys.version_info < (3, 13), reason="their defaults came with 3.13")
TELLS = "def tell(): return {}\n"
EDITS = {
    "a variable is bound to something else": (
        "from typing import TypeVar\nT = TypeVar('T', bound=int)\n" + TELLS.format("T.__bound__"),
        "from typing import TypeVar\nT = TypeVar('T', bound=str)\n" + TELLS.format("T.__bound__"),
        str,
        (),
    ),
    "it has other constraints": (
        "from typing import TypeVar\nT = TypeVar('T', int, str)\n" + TELLS.format("T.__constraints__"),
        "from typing import TypeVar\nT = TypeVar('T', int, bytes)\n" + TELLS.format("T.__constraints__"),
        (int, bytes),
        (),
    ),
    "what is unpacked is something else": (
        "def f(*x: *tuple[int]): pass\n" + TELLS.format("f.__annotations__"),
        "def f(*x: *tuple[str]): pass\n" + TELLS.format("f.__annotations__"),
        "{'x': *tuple[str]}",
        (),
    ),
    "a function has one from now on": (
        "def f(x): return x\n" + TELLS.format("str(f.__annotations__)"),
        "def f[T](x: T) -> T: return x\n" + TELLS.format("str(f.__annotations__)"),
        "{'x': T, 'return': T}",
        SYNTAX,
    ),
    "a class has all kinds of them from now on": (
        "class C: x = 1\n" + TELLS.format("C.x"),
        "class C:\n    def f[T: (int, str), *Ts, **P](self): pass\n" + TELLS.format("C.f.__type_params__"),
        "(T, Ts, P)",
        SYNTAX,
    ),
    "one of a function is bound to something else": (
        "def f[T: int](x: T): pass\n" + TELLS.format("f.__type_params__[0].__bound__"),
        "def f[T: str](x: T): pass\n" + TELLS.format("f.__type_params__[0].__bound__"),
        str,
        SYNTAX,
    ),
    "a variable has a default from now on": (
        "from typing import TypeVar\nT = TypeVar('T')\n" + TELLS.format("T.has_default()"),
        "from typing import TypeVar\nT = TypeVar('T', default=int)\n" + TELLS.format("T.__default__"),
        int,
        DEFAULTS,
    ),
    "the defaults are others": (
        "def f[T = int, *Ts = *tuple[int], **P = [int]](): pass\n"
        + TELLS.format("[str(p.__default__) for p in f.__type_params__]"),
        "def f[T = str, *Ts = *tuple[str], **P = [str]](): pass\n"
        + TELLS.format("[str(p.__default__) for p in f.__type_params__]"),
        ["<class 'str'>", "*tuple[str]", "[<class 'str'>]"],
        DEFAULTS,
    ),
}
CASES = [pytest.param(*edit[:3], marks=edit[3], id=name) for name, edit in EDITS.items()]  # type: ignore[arg-type]


@pytest.mark.parametrize(("old", "new", "told"), CASES)
def test_what_type_parameters_say_is_exchanged(program: Program, old: str, new: str, told: object) -> None:
    program.runs({"m.py": old})
    m = program.module("m")
    before = m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert told in (m.tell(), str(m.tell()))
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.tell() == before


@SYNTAX
def test_one_that_speaks_of_what_is_not_there_is_left_alone(program: Program) -> None:
    text = "def f[T: Missing](x: T) -> T: return {}\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    parameters = m.f.__type_params__
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    assert (m.f(0), m.f.__type_params__) == (2, parameters)


@SYNTAX
def test_they_come_out_of_a_bundle_as_they_went_in(program: Program) -> None:
    program.runs({"m.py": "def f(x): return x\n"})
    m = program.module("m")
    outcome = program.pushed({"m.py": "def f[T: (int, str), *Ts, **P](x: T) -> T: return x\n"})
    assert outcome, outcome.reasons
    assert str(m.f.__type_params__) == "(T, Ts, P)"
    assert m.f.__type_params__[0].__constraints__ == (int, str)

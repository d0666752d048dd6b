"""Closures that live get new code: on the variables that they have, with the defaults that go with it."""

from __future__ import annotations

from types import ModuleType

import pytest

from hotpatch.patching import Outcome
from tests.engine.conftest import Program

REST = "HELD = []\ndef make(*a): HELD.append(maker(*a))\ndef call(): return HELD[0](1)\n"


def begun(program: Program, before: str, after: str) -> tuple[ModuleType, Outcome]:
    """A closure was made of the one with 10 and 100, and this became of the other."""
    program.runs({"m.py": f"def maker(a, b):\n    {before}\n    return f\n{REST}"})
    m = program.module("m")
    m.make(10, 100)
    return m, program.patch({"m.py": f"def maker(a, b):\n    {after}\n    return f\n{REST}"})


EDITS = {
    "a variable is not needed any more": ("def f(x): return x + a + b", 111, "def f(x): return x + b", 101),
    "none is": ("def f(x): return x + a + b", 111, "def f(x): return x", 1),
    "one of several, with defaults": (
        "def f(x, k=1, *, j=2): return x + a + b + k + j",
        114,
        "def f(x, k=1, *, j=2): return [x + a, k, j]",
        [11, 1, 2],
    ),
    "a parameter comes with a default": ("def f(x): return x + a", 11, "def f(x, y=5): return x + a + y", 16),
    "one that is given by its name": ("def f(x): return x + a", 11, "def f(x, *, y=5): return x + a + y", 16),
    "a default changes": ("def f(x, y=5): return x + a + y", 16, "def f(x, y=6): return [x + a, y]", [11, 6]),
    "a parameter with a default goes": ("def f(x, y=5): return x + a + y", 16, "def f(x): return x + a", 11),
    "a default that was evaluated stays": (
        "def f(x, y=b): return x + a + y",
        111,
        "def f(x, y=b): return y",
        100,
    ),
    "a lambda's": ("f = lambda x: x + a", 11, "f = lambda x, y=(1, 2): (x + a, y)", (11, (1, 2))),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_closure_in_use_runs_the_new_code(program: Program, edit: str) -> None:
    before, did, after, does = EDITS[edit]
    m, outcome = begun(program, before, after)
    assert outcome, outcome.reasons
    assert m.call() == does
    m.make(10, 100)
    assert m.HELD[1](1) == does
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.call() == did


@pytest.mark.parametrize("after", ["def f(x, y=b): return x + y", "def f(x, *, y=b): return x"])
def test_a_closure_in_use_has_no_default_that_is_evaluated_each_time(program: Program, after: str) -> None:
    m, outcome = begun(program, "def f(x): return x", after)
    assert outcome.reasons == (
        "closures of maker.<locals>.f are in use, and their defaults are made otherwise now",
    )
    assert m.call() == 1


def test_a_closure_whose_defaults_were_set_since_keeps_them(program: Program) -> None:
    program.runs({"m.py": f"def maker(a):\n    def f(x, y=5): return x + y\n    return f\n{REST}"})
    m = program.module("m")
    m.make(1)
    m.HELD[0].__defaults__ = (7,)
    after = f"def maker(a):\n    def f(x, y=6): return [x, y]\n    return f\n{REST}"
    outcome = program.patch({"m.py": after})
    assert outcome, outcome.reasons
    assert m.call() == [1, 7]

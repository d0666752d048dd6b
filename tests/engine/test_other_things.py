"""A function in whose place something else stands from now on, held by somebody."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

HEAD = """
from functools import lru_cache, partial
class Task:
    def __init__(self, run): self.run = run
    def __call__(self, *args): return ["task", self.run(*args)]
def other(x): return ["other", x]
"""
PLAIN = "def f(x): return x\n"
MEMOISED = "@lru_cache\ndef f(x): return {}\n"
BECOMES = {
    "an object": (PLAIN, "@Task\ndef f(x): return [x]\n", ["task", ["1"]]),
    "a class": (PLAIN, "class f(list): pass\n", ["1"]),
    "a builtin": (PLAIN, "f = list\n", ["1"]),
    "a partial": (PLAIN, "f = partial(other)\n", ["other", "1"]),
    "another function": (PLAIN, "f = other\n", ["other", "1"]),
    "an object in a wrapper's place": (
        "def wrap(run): return lambda x: run(x)\n@wrap\ndef f(x): return x\n",
        "@Task\ndef f(x): return [x]\n",
        ["task", ["1"]],
    ),
    "a memoised function": (PLAIN, MEMOISED.format("[x]"), ["1"]),
    "a function that is memoised no longer": (MEMOISED.format("x"), "def f(x): return [x]\n", ["1"]),
}


@pytest.mark.parametrize("what", BECOMES)
def test_whoever_holds_it_calls_what_stands_there(program: Program, what: str) -> None:
    before, after, answer = BECOMES[what]
    program.runs({"m.py": HEAD + before})
    m = program.module("m")
    held = m.f
    assert held("1") == "1"
    outcome = program.patch({"m.py": HEAD + after})
    assert outcome, outcome.reasons
    assert held("1") == m.f("1") == answer
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held("1") == m.f("1") == "1" and m.f is held


def test_what_can_not_be_called_takes_nobodys_place(program: Program) -> None:
    program.runs({"m.py": HEAD + PLAIN})
    m = program.module("m")
    held = m.f
    outcome = program.patch({"m.py": HEAD + "f = 3\n"})
    assert outcome and m.f == 3 and held(1) == 1, outcome.reasons


def test_a_closure_of_the_same_code_is_not_meant(program: Program) -> None:
    text = HEAD + "def wrap(run): return lambda x: run(x)\ng = wrap(len)\n"
    program.runs({"m.py": text + "f = wrap(str)\n"})
    m = program.module("m")
    f, g, mine = m.f, m.g, m.wrap(repr)
    outcome = program.patch({"m.py": text + "f = Task(other)\n"})
    assert outcome, outcome.reasons
    assert (f(1), g("ab"), mine("a")) == (["task", ["other", 1]], 2, "'a'")


def test_a_generator_that_has_begun_ends_on_its_code(program: Program) -> None:
    text = "def numbers():\n    yield 0\n    yield {}\nNUMBERS = numbers()\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome and [*m.NUMBERS] in ([0, 1], [0, 2]) and [*m.numbers()] == [0, 2], outcome.reasons

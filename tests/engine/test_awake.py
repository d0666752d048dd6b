"""What is evaluated when it is first asked for something is no state by that alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Program

LAZY = """
import re
empty = object()

class Lazy:
    def __init__(self, make):
        self.__dict__["value"], self.__dict__["make"] = empty, make
    def __getattr__(self, name):
        if self.value is empty:
            self.__dict__["value"] = self.make()
        return getattr(self.value, name)
    def __eq__(self, other): return self is other
    def __hash__(self): return 1

def lazy(pattern):
    def make(): return {made}
    return Lazy(make)

words = lazy({pattern!r})
def count(text): return len(words.findall(text))
"""


def sources(pattern: str, made: str = "re.compile(pattern)") -> dict[str, str]:
    return {"m.py": LAZY.format(pattern=pattern, made=made)}


@pytest.mark.parametrize("asked", [False, True])
def test_a_value_that_was_only_evaluated_gives_way_to_the_new_one(program: Program, asked: bool) -> None:
    program.runs(sources("a"))
    m = program.module("m")
    assert not asked or m.count("aab") == 2
    outcome = program.patch(sources("b"))
    assert outcome, outcome.reasons
    assert m.count("aab") == 1
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.count("aab") == 2


def test_a_value_that_was_only_evaluated_gives_way_to_another_kind_of_thing(program: Program) -> None:
    new = LAZY.format(pattern="b", made="re.compile(pattern)").replace("words = lazy", "words = re.compile")
    program.runs(sources("a"))
    m = program.module("m")
    assert m.count("aab") == 2
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.count("aab") == 1


def _given(m: Any) -> None:
    vars(m.words)["value"] = __import__("re").compile("c")


def _marked(m: Any) -> None:
    vars(m.words)["mark"] = 1


@pytest.mark.parametrize("change", [_given, _marked])
def test_a_value_that_was_given_something_of_its_own_is_state(program: Program, change: Any) -> None:
    program.runs(sources("a"))
    m = program.module("m")
    m.count("aab")
    change(m)
    before = dict(vars(m.words))
    outcome = program.patch(sources("b"))
    assert not outcome
    assert "was changed since the start" in outcome.reasons[0]
    assert vars(m.words) == before


def test_what_evaluating_leaves_behind_that_is_no_plain_data_is_state(program: Program) -> None:
    made = "type('Found', (), {'findall': lambda self, text: [pattern]})()"
    program.runs(sources("a", made))
    m = program.module("m")
    m.count("aab")
    assert not program.patch(sources("b", made))
    assert m.words.findall("") == ["a"]

"""The commit clears what `functools.singledispatch` has looked up, and calls nothing of the program's."""

from __future__ import annotations

import functools

from tests.engine.conftest import Program

CALLED = """
CALLS = []
class Part:
    @staticmethod
    def _clear_cache():
        CALLS.append("class")
    def name(self):
        return "old"
def look():
    return "old"
look._clear_cache = Part._clear_cache
"""


def test_a_name_that_dispatchers_have_as_well_is_not_called(program: Program) -> None:
    program.runs({"parts.py": CALLED})
    parts = program.module("parts")
    outcome = program.patch({"parts.py": CALLED.replace("old", "new")})
    assert outcome, outcome.reasons
    assert (parts.Part().name(), parts.look(), parts.CALLS) == ("new", "new", [])


def test_a_method_of_that_name_keeps_nothing_from_going_live(program: Program) -> None:
    text = "class Part:\n    def _clear_cache(self):\n        return {}\n"
    program.runs({"parts.py": text.format(1)})
    parts = program.module("parts")
    outcome = program.patch({"parts.py": text.format(2)})
    assert outcome, outcome.reasons
    assert parts.Part()._clear_cache() == 2


DISPATCHED = """
import functools
class Base: pass
class Sub(Base): pass
@functools.singledispatch
def tell(x): return "any"
@tell.register
def _(x: Base): return "base"
"""


def test_a_class_that_was_looked_up_is_looked_up_again(program: Program) -> None:
    program.runs({"told.py": DISPATCHED})
    told = program.module("told")
    assert told.tell(told.Sub()) == "base"
    outcome = program.patch({"told.py": DISPATCHED + "@tell.register\ndef _(x: Sub): return 'sub'\n"})
    assert outcome, outcome.reasons
    assert told.tell(told.Sub()) == "sub"
    assert told.tell.__code__ is functools.singledispatch(print).__code__
    assert outcome.undo is not None
    outcome.undo.revert()
    assert told.tell(told.Sub()) == "base"

"""A module that is renamed takes what has come to its variables along, or does not go live."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

COUNTING = """
n = 0
by_name = {}
LIMIT = 3

def add(name):
    global n
    n += 1
    by_name[name] = n
    return n, LIMIT
"""
APP = "import {0}\ndef add(name): return {0}.add(name)\n"
BEFORE = {"application.py": APP.format("counting"), "counting.py": COUNTING}
AFTER = {"application.py": APP.format("numbering"), "counting.py": None, "numbering.py": COUNTING}


@pytest.mark.parametrize("way", ["patch", "pushed"])
def test_a_counter_of_a_module_that_is_renamed_is_the_reason(program: Program, way: str) -> None:
    program.runs(BEFORE)
    add = program.module("application").add
    add("a")
    outcome = getattr(program, way)(AFTER)
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0].startswith(
        "counting.n is no longer there in the new sources, and holds what came"
    )
    assert add("b") == (2, 3)


@pytest.mark.parametrize("way", ["patch", "pushed"])
def test_what_a_table_of_a_module_that_is_renamed_holds_is_the_reason(program: Program, way: str) -> None:
    program.runs(BEFORE)
    add = program.module("application").add
    add("a")
    program.module("counting").n = 0
    outcome = getattr(program, way)(AFTER)
    assert outcome.effect is Effect.RELOAD
    assert "counting.by_name is no longer there in the new sources" in outcome.reasons[0]
    assert program.module("counting").by_name == {"a": 1}


def test_a_module_that_nothing_came_to_is_renamed(program: Program) -> None:
    program.runs(BEFORE)
    add = program.module("application").add
    outcome = program.patch(AFTER)
    assert outcome, outcome.reasons
    assert add("a") == (1, 3)


def test_a_module_whose_variables_come_nowhere_goes_with_what_it_counted(program: Program) -> None:
    program.runs(BEFORE)
    add = program.module("application").add
    add("a")
    outcome = program.patch({"application.py": "def add(name): return name\n", "counting.py": None})
    assert outcome, outcome.reasons
    assert add("a") == "a"


def test_the_author_may_let_it_begin_anew(program: Program) -> None:
    program.runs(BEFORE)
    add = program.module("application").add
    add("a")
    choices = {"counting.n": "rebuild", "counting.by_name": "rebuild"}
    outcome = program.patch(AFTER, choices=choices)
    assert outcome, outcome.reasons
    assert add("b") == (1, 3)


COUNTER = """
class Counter:
    def __init__(self): self.n = 0
    def up(self):
        self.n += 1
        return self.n
"""


def test_an_object_that_has_changed_stays_itself_where_its_class_moves(program: Program) -> None:
    program.runs({"app.py": "from helpers import Counter\ncounter = Counter()\n", "helpers.py": COUNTER})
    app = program.module("app")
    counter = app.counter
    assert counter.up() == 1
    outcome = program.patch(
        {"helpers.py": "from counters import Counter\n", "counters.py": COUNTER.replace("+= 1", "+= 10")}
    )
    assert outcome, outcome.reasons
    assert app.counter is counter and counter.up() == 11
    assert type(counter).__module__ == "counters"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert counter.up() == 12 and type(counter).__module__ == "helpers"

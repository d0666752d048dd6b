"""What only the new start asks of a cached property, where the process has asked for it since."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.patching import Outcome

from .conftest import Program, program

__all__ = ["program"]

HELD = """
import functools
class Row(list): pass
class Table:
    def __init__(self, loud):
        self.rows, self.marks, self.seen, self.loud = {"a": 1}, {}, [], loud
        self.row = Row([1])
class Site:
    loud = False
    @functools.cached_property
    def table(self): return Table(self.loud)
site = Site()
"""
ADDED = HELD + 'site.table.rows["b"] = 2\n'


def asked(program: Program, text: str, **set_since: Any) -> tuple[Any, Outcome]:
    """The process asks for the table, then comes the new code."""
    program.runs({"held_late.py": HELD})
    module = program.module("held_late")
    table = module.site.table
    for name, value in set_since.items():
        getattr(table, name).update(value)
    return module, program.patch({"held_late.py": text})


def test_what_the_new_start_adds_to_an_answer_comes_to_the_one_that_lives_and_goes(program: Program) -> None:
    module, outcome = asked(program, ADDED)
    assert outcome, outcome.reasons
    assert module.site.table.rows == {"a": 1, "b": 2}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert module.site.table.rows == {"a": 1}


def test_an_answer_that_the_new_code_names_elsewhere_too_is_a_reason(program: Program) -> None:
    """There it would be another object, made anew."""
    module, outcome = asked(program, ADDED + "mine = site.table\n")
    assert not outcome
    assert "held_late.site.table is new, and lives here already" in outcome.reasons[0]
    assert module.site.table.rows == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        HELD + 'site.table.rows["a"] = 2\n',
        HELD + "site.table.loud = True\n",
        HELD + "site.table.seen.append(1)\n",
        HELD + "site.table.row.append(1)\n",
        ADDED.replace("loud = False", "loud = True"),
    ],
    ids=["item", "attribute", "list", "list of a class", "what it is made of"],
)
def test_an_answer_that_a_fresh_start_has_otherwise_is_not_told_from_what_came_since(
    program: Program, text: str
) -> None:
    module, outcome = asked(program, text)
    assert not outcome
    assert "held_late.site.table is new, and lives here already" in outcome.reasons[0]
    assert vars(module.site.table) == {"rows": {"a": 1}, "marks": {}, "seen": [], "loud": False, "row": [1]}


def test_what_came_to_an_answer_since_and_no_fresh_start_has_is_a_reason(program: Program) -> None:
    module, outcome = asked(program, ADDED, marks={"x": 1})
    assert not outcome
    assert module.site.table.rows == {"a": 1}
    assert "held_late.site.table.marks" in outcome.reasons[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return Table", "done = 1\n        return Table"),
        ("self.loud = {", "self.loud = {}; self.rows, self.marks, self.seen, self.loud = {"),
    ],
    ids=["property", "what it calls"],
)
def test_an_answer_whose_making_changes_is_as_a_fresh_start_has_it_or_a_reason(
    program: Program, old: str, new: str
) -> None:
    assert old in ADDED
    module, outcome = asked(program, ADDED.replace(old, new))
    if outcome:
        assert module.site.table.rows == {"a": 1, "b": 2}
    else:
        assert module.site.table.rows == {"a": 1}


def test_what_came_to_an_answer_since_and_the_new_start_adds_too_is_there_already(program: Program) -> None:
    module, outcome = asked(program, ADDED, rows={"b": 2})
    assert outcome, outcome.reasons
    assert module.site.table.rows == {"a": 1, "b": 2}

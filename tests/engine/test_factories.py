"""Entries that a table made live on when it makes another kind of thing: they are not handed to new code."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect

from .conftest import Program

TABLE = """
from collections import defaultdict
def nothing(): return 0
class Top: pass
class Sub(Top): pass
TABLE = defaultdict({factory})
def hit(key): {hit}
def tell(): return {tell}
"""
OUTGROWN = {
    "lists become sets": (
        ("list", "TABLE[key].append(1)", "[len(v) for v in TABLE.values()]"),
        ("set", "TABLE[key].add(1)", "[len(v) for v in TABLE.values()]"),
    ),
    "numbers become lists": (
        ("int", "TABLE[key] += 1", "sum(TABLE.values())"),
        ("list", "TABLE[key].append(1)", "[len(v) for v in TABLE.values()]"),
    ),
    "a function gives way to a class": (
        ("nothing", "TABLE[key] += 1", "sum(TABLE.values())"),
        ("list", "TABLE[key].append(1)", "[len(v) for v in TABLE.values()]"),
    ),
    "a function calls another class": (
        ("lambda: list()", "TABLE[key].append(1)", "[len(v) for v in TABLE.values()]"),
        ("lambda: set()", "TABLE[key].add(1)", "[len(v) for v in TABLE.values()]"),
    ),
    "a function makes something else": (
        ("lambda: 0", "TABLE[key] += 1", "sum(TABLE.values())"),
        ("lambda: []", "TABLE[key].append(1)", "[len(v) for v in TABLE.values()]"),
    ),
}
HARMLESS = {
    "numbers become others": (
        ("int", "TABLE[key] += 1", "sum(TABLE.values())"),
        ("float", "TABLE[key] += 1.5", "sum(TABLE.values())"),
    ),
    "what was made extends what is made": (
        ("Sub", "TABLE[key]", "len(TABLE)"),
        ("Top", "TABLE[key]", "len(TABLE) + 1"),
    ),
    "nobody can tell what is made": (
        ("lambda: nothing()", "TABLE[key]", "len(TABLE)"),
        ("lambda: nothing() + 1", "TABLE[key]", "len(TABLE)"),
    ),
}


def table(parts: tuple[str, str, str]) -> str:
    return TABLE.format(factory=parts[0], hit=parts[1], tell=parts[2])


@pytest.mark.parametrize("name", OUTGROWN)
def test_entries_of_a_kind_that_is_made_no_more_are_the_reason(program: Program, name: str) -> None:
    old, new = map(table, OUTGROWN[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.hit("a")
    before = m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and "as an entry that lives" in outcome.reasons[0]
    assert m.tell() == before


@pytest.mark.parametrize("name", OUTGROWN)
def test_without_entries_the_same_edit_is_live(program: Program, name: str) -> None:
    old, new = map(table, OUTGROWN[name])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.hit("a")
    assert m.tell()


@pytest.mark.parametrize("name", HARMLESS)
def test_entries_are_no_reason_if(program: Program, name: str) -> None:
    old, new = map(table, HARMLESS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.hit("a")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.hit("b")
    assert m.tell()

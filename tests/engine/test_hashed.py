"""What stands in a dictionary or a set is found there after the edit."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

CLASS = """
class Key:
    def __init__(self, name): self.name = name
    def __eq__(self, other): return self.name == other.name
    def __hash__(self): return hash({})
KEPT = {{}}
def keep(key): KEPT[key] = 1
"""
FROZEN = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Key:
    name: str
{}
KEPT = {{}}
def keep(key): KEPT["user", key] = 1
"""
HELD = {
    "weakly, by a table": ("import weakref\nKEPT = weakref.WeakKeyDictionary()\n", "KEPT[key] = 1"),
    "weakly, by a set": ("import weakref\nKEPT = weakref.WeakSet()\n", "KEPT.add(key)"),
    "in a named tuple": (
        "from collections import namedtuple\nPair = namedtuple('Pair', 'key at')\nKEPT = {}\n",
        "KEPT[Pair(key, 1)] = 1",
    ),
    "in a tuple of a class": ("class Row(tuple): pass\nKEPT = set()\n", "KEPT.add(Row([key]))"),
}
READS = """
SALT = {}
class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): return hash((self.name, SALT))
KEPT = set()
def keep(key): KEPT.add(key)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CLASS.format("self.name"), CLASS.format("(self.name, 1)")),
        (FROZEN.format(""), FROZEN.format("    region: str = 'eu'")),
        (READS.format(1), READS.format(2)),
    ],
    ids=["its own code", "a dataclass gains a field", "a constant that it reads"],
)
def test_a_hash_that_changes_under_keys_that_live_is_not_live(
    program: Program, before: str, after: str
) -> None:
    program.runs({"hashed.py": before})
    hashed = program.module("hashed")
    key = hashed.Key("a")
    hashed.keep(key)
    outcome = program.patch({"hashed.py": after})
    assert outcome.effect is Effect.RELOAD
    assert "objects of " in outcome.reasons[0]
    assert "get another hash" in outcome.reasons[0]


@pytest.mark.parametrize("how", HELD)
def test_however_the_key_is_held(program: Program, how: str) -> None:
    head, keep = HELD[how]
    old, new = (
        head + CLASS.format(of).replace("KEPT = {}\n", "").replace("KEPT[key] = 1", keep)
        for of in ("self.name", "(self.name, 1)")
    )
    program.runs({"hashed.py": old})
    hashed = program.module("hashed")
    key = hashed.Key("a")
    hashed.keep(key)
    outcome = program.patch({"hashed.py": new})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "objects of Key are keys of dictionaries or members of sets, and get another hash",
    )


def test_without_such_keys_the_change_is_live(program: Program) -> None:
    program.runs({"hashed.py": CLASS.format("self.name")})
    key = program.module("hashed").Key("a")
    assert program.patch({"hashed.py": CLASS.format("(self.name, 1)")})
    assert hash(key) == hash(("a", 1))


def test_a_hash_written_otherwise_that_comes_to_the_same_is_live(program: Program) -> None:
    program.runs({"hashed.py": CLASS.format("self.name")})
    hashed = program.module("hashed")
    key = hashed.Key("a")
    hashed.keep(key)
    assert program.patch({"hashed.py": CLASS.format("str(self.name)")})
    assert key in hashed.KEPT


def test_an_enum_member_whose_value_changes_goes_on_as_a_key(program: Program) -> None:
    source = "from enum import Enum\nclass State(Enum):\n    OPEN = {!r}\nSEEN = {{}}\n"
    program.runs({"states.py": source.format("o")})
    states = program.module("states")
    member = states.State.OPEN
    states.SEEN[member] = 1
    outcome = program.patch({"states.py": source.format("open")})
    assert outcome, outcome.reasons
    assert list(states.SEEN) == [states.State("open")]

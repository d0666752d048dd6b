"""Objects made at run time have what the old `__init__` set: constants and tables that are others now."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

SHOP = """class Shop:
    {slots}
    def __init__(self, name):
        self.name = name
        self.rates = {rates}
    def tell(self): return self.rates
KEPT = []
def make(name): KEPT.append(Shop(name))
def put(key, value): KEPT[0].rates[key] = value
"""
ADDS = "def add(): KEPT[0].rates += 1\n"
SAYS = "objects of Shop that live have rates as the old __init__ set it, and the new one does not"


def patched(program: Program, was: str, becomes: str, before: str = "", slots: str = "pass") -> Any:
    program.runs({"m.py": SHOP.format(rates=was, slots=slots)})
    m = program.module("m")
    m.make("a")
    exec(before, vars(m))
    return program.patch({"m.py": SHOP.format(rates=becomes, slots=slots)})


OTHERWISE = {
    "an entry comes": ("{'a': 1}", "{'a': 1, 'b': 2}", ""),
    "an entry comes to a table that has got others": ("{'a': 1}", "{'a': 1, 'b': 2}", "put('z', 9)"),
    "an entry goes": ("{'a': 1, 'b': 2}", "{'a': 1}", ""),
    "an entry is another": ("{'a': 1}", "{'a': 2}", ""),
    "an entry in a table of tables": ("{'a': {'x': 1}}", "{'a': {'x': 1, 'y': 2}}", ""),
    "an entry beside one that is computed": ("{'a': name, 'c': 1}", "{'a': name, 'c': 1, 'b': 2}", ""),
    "a list": ("['a', 'b', 'c', 'd']", "['a', 'b', 'c', 'd', 'e']", ""),
    "a set": ("{'a'}", "{'a', 'b'}", ""),
    "a tuple": ("('a',)", "('a', 'b')", ""),
    "a number": ("10", "20", ""),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_an_object_that_has_what_is_written_otherwise_is_a_reason(program: Program, what: str) -> None:
    outcome = patched(program, *OTHERWISE[what])
    assert outcome.effect is Effect.RELOAD
    assert SAYS in outcome.reasons


@pytest.mark.parametrize("times", [0, 1])
def test_what_other_code_adds_to_is_state(program: Program, times: int) -> None:
    program.runs({"m.py": SHOP.format(rates="10", slots="pass") + ADDS})
    m = program.module("m")
    m.make("a")
    for _ in range(times):
        m.add()
    outcome = program.patch({"m.py": SHOP.format(rates="20", slots="pass") + ADDS})
    assert outcome, outcome.reasons
    assert m.KEPT[0].tell() == 10 + times


def test_a_slot_is_asked_as_well(program: Program) -> None:
    outcome = patched(program, "10", "20", slots="__slots__ = 'name', 'rates'")
    assert outcome.effect is Effect.RELOAD


NO_MATTER = {
    "it has been put in already": ("{'a': 1}", "{'a': 1, 'b': 2}", "put('b', 2)"),
    "it is another altogether": ("'old'", "'new'", "KEPT[0].rates = 'its own'"),
    "it is written otherwise and the same": ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", ""),
    "no object lives": ("{'a': 1}", "{'a': 2}", "KEPT.clear()"),
}


@pytest.mark.parametrize("what", NO_MATTER)
def test_it_is_none_where(program: Program, what: str) -> None:
    outcome = patched(program, *NO_MATTER[what])
    assert outcome, outcome.reasons


def test_a_class_below_that_sets_its_own_is_not_concerned(program: Program) -> None:
    below = (
        "class Below(Shop):\n    def __init__(self):\n        super().__init__('b')\n        self.rates = 1\n"
    )
    program.runs({"m.py": SHOP.format(rates=10, slots="pass") + below})
    m = program.module("m")
    m.KEPT.append(m.Below())
    outcome = program.patch({"m.py": SHOP.format(rates=20, slots="pass") + below})
    assert outcome, outcome.reasons


def test_an_object_of_the_start_gets_what_the_new_start_gives_it(program: Program) -> None:
    first = "FIRST = Shop('first')\n"
    program.runs({"m.py": SHOP.format(rates="{'a': 1}", slots="pass") + first})
    m = program.module("m")
    outcome = program.patch({"m.py": SHOP.format(rates="{'a': 1, 'b': 2}", slots="pass") + first})
    assert outcome, outcome.reasons
    assert m.FIRST.rates == {"a": 1, "b": 2}

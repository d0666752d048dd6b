"""Objects that a program knows by themselves: where another takes their place, who came to hold the old one
while the program ran would go on with it."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

HEAD = """
import dataclasses
import enum

@dataclasses.dataclass(frozen=True)
class Settings:
    page: int

class Money:
    def __init__(self, cents): self.cents = cents
    def __eq__(self, other): return self.cents == other.cents
    def __hash__(self): return hash(self.cents)

class Missing: pass
class Kind(enum.Enum): NONE = 1

THING = {}

def is_thing(value): return value is THING
"""
ROWS = {
    "settings that nobody changes": ("Settings(20)", "Settings(2)"),
    "a value with a hash": ("Money(20)", "Money(2)"),
    "a sentinel that gets a class": ("object()", "Missing()"),
    "a sentinel that is a member from now on": ("object()", "Kind.NONE"),
    "a sentinel that is a class from now on": ("object()", "Missing"),
    "a list that is a table from now on": ("[]", "{}"),
}


def in_a_table(thing: Any) -> Any:
    return {"thing": thing}


def in_an_object(thing: Any) -> Any:
    return type("Holder", (), {"__init__": lambda self: setattr(self, "thing", thing)})()


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("hold", [in_a_table, in_an_object])
def test_who_holds_the_old_one_is_the_reason(program: Program, what: str, hold: Any) -> None:
    old, new = (HEAD.format(thing) for thing in ROWS[what])
    program.runs({"m.py": old})
    m = program.module("m")
    thing = m.THING
    held = [print, hold(thing)]
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "holds the old" in outcome.reasons[-1]
    assert m.THING is thing and m.is_thing(thing)
    del held


@pytest.mark.parametrize("what", ROWS)
def test_one_that_nobody_else_holds_gives_way(program: Program, what: str) -> None:
    old, new = (HEAD.format(thing) for thing in ROWS[what])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.is_thing(m.THING) and type(m.THING) is type(eval(ROWS[what][1], vars(m)))


def test_one_that_stays_in_another_place_may_be_held(program: Program) -> None:
    text = HEAD.format("Settings(20)") + "USUAL = THING\n"
    program.runs({"m.py": text})
    m = program.module("m")
    held = [m.USUAL]
    outcome = program.patch(
        {
            "m.py": text.replace("THING = Settings(20)", "USUAL = Settings(20)\nTHING = Settings(2)").replace(
                "USUAL = THING\n", ""
            )
        }
    )
    assert outcome, outcome.reasons
    assert m.USUAL is held[0] and m.THING.page == 2

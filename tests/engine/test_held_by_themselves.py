"""Objects that a program knows by themselves: where another takes their place, who came to hold the old one
while the program ran is given the new one, or is the reason for a new process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

HEAD = """
import dataclasses
import enum
import operator

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
    "what calls a method": ("operator.methodcaller('get', 'a')", "operator.methodcaller('get', 'b')"),
    "what asks for an attribute": ("operator.attrgetter('a')", "operator.attrgetter('b')"),
    "a sentinel that gets a class": ("object()", "Missing()"),
    "a sentinel that is a member from now on": ("object()", "Kind.NONE"),
    "a sentinel that is a class from now on": ("object()", "Missing"),
    "a list that is a table from now on": ("[]", "{}"),
}


class Plain:
    thing: Any


class Slotted:
    __slots__ = ("thing",)
    thing: Any


def in_a_table(thing: Any) -> tuple[Any, Callable[[], Any]]:
    table = {"thing": thing}
    return table, lambda: table["thing"]


def in_a_list(thing: Any) -> tuple[Any, Callable[[], Any]]:
    things = [thing, print]
    return things, lambda: things[0]


def in_an_object(thing: Any) -> tuple[Any, Callable[[], Any]]:
    holder = Plain()
    holder.thing = thing
    return holder, lambda: holder.thing


def in_a_slot(thing: Any) -> tuple[Any, Callable[[], Any]]:
    holder = Slotted()
    holder.thing = thing
    return holder, lambda: holder.thing


def in_a_class(thing: Any) -> tuple[Any, Callable[[], Any]]:
    holder: Any = type("Holder", (), {"thing": thing})
    return holder, lambda: holder.thing


def in_a_closure(thing: Any) -> tuple[Any, Callable[[], Any]]:
    def get() -> Any:
        return thing

    return get, get


HOLDERS = (in_a_table, in_a_list, in_an_object, in_a_slot, in_a_class, in_a_closure)


@pytest.mark.parametrize("what", [what for what in ROWS if "list" not in what])
@pytest.mark.parametrize("hold", HOLDERS)
def test_who_holds_the_old_one_is_given_the_new_one(program: Program, what: str, hold: Any) -> None:
    old, new = (HEAD.format(thing) for thing in ROWS[what])
    program.runs({"m.py": old})
    m = program.module("m")
    before = m.THING
    kept = [print, hold(before)]
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert kept[1][1]() is m.THING is not before
    late = [print, hold(m.THING)]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.THING is before and kept[1][1]() is before and late[1][1]() is before


def test_what_a_table_of_the_program_came_to_hold_is_given_it_too(program: Program) -> None:
    text = HEAD + "BY_NAME = {{}}\ndef of(name): return BY_NAME.setdefault(name, THING)\n"
    program.runs({"m.py": text.format("Settings(20)")})
    m = program.module("m")
    assert m.of("one").page == 20
    outcome = program.patch({"m.py": text.format("Settings(2)")})
    assert outcome, outcome.reasons
    assert m.of("one") is m.THING and m.THING.page == 2


@pytest.mark.parametrize(
    ("what", "hold"), [("a value with a hash", set), ("settings that nobody changes", tuple)]
)
def test_who_can_not_be_given_it_is_the_reason(program: Program, what: str, hold: Any) -> None:
    old, new = (HEAD.format(thing) for thing in ROWS[what])
    program.runs({"m.py": old})
    m = program.module("m")
    thing = m.THING
    kept = [print, hold([thing])]
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "holds the old" in outcome.reasons[-1]
    assert m.THING is thing and thing in kept[1]


def test_who_holds_a_list_that_is_no_list_any_more_is_the_reason(program: Program) -> None:
    program.runs({"m.py": HEAD.format("[]")})
    m = program.module("m")
    kept = {"thing": m.THING}
    outcome = program.patch({"m.py": HEAD.format("{}")})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[-1] == "a dict holds the old list object"
    assert m.is_thing(kept["thing"])


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

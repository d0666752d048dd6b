"""What an object of the start has counted is not lost because the edit counts under another name."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

STORE = """
import itertools, time
class Store:
    def __init__(self):
        self.next_id = 1
        self.began = time.monotonic()
    def add(self):
        self.next_id += 1
        return self.next_id
store = Store()
"""
RENAMED = STORE.replace("next_id", "following")
OTHERWISE = {
    "it has another name": RENAMED,
    "something else counts": STORE.replace("self.next_id = 1", "self.ids = itertools.count(2)")
    .replace("self.next_id += 1", "pass")
    .replace("return self.next_id", "return next(self.ids)"),
}
HARMLESS = {
    "nothing comes in its place": STORE.replace("self.next_id = 1", "pass")
    .replace("self.next_id += 1", "pass")
    .replace("return self.next_id", "return 3"),
    "it is another one at every start, and nothing else": STORE.replace("began", "since"),
}
CLASS = """
class Ticket:
    issued = 0
    def __init__(self):
        Ticket.issued += 1
        self.number = Ticket.issued
"""


def test_a_counter_of_a_class_that_has_another_name_is_the_reason(program: Program) -> None:
    program.runs({"m.py": CLASS})
    m = program.module("m")
    assert m.Ticket().number == 1
    outcome = program.patch({"m.py": CLASS.replace("issued", "sold")})
    assert outcome.effect is Effect.RELOAD
    assert "m.Ticket.issued is no longer there" in outcome.reasons[0]


def test_a_counter_of_a_class_that_has_not_counted_may_have_another_name(program: Program) -> None:
    program.runs({"m.py": CLASS})
    m = program.module("m")
    outcome = program.patch({"m.py": CLASS.replace("issued", "sold")})
    assert outcome, outcome.reasons
    assert m.Ticket().number == 1


CARRIES = """
from hotpatch.transform import shape

@shape("m.Store")
def renamed(attributes):
    return {"following": attributes.pop("next_id"), **attributes}
"""


@pytest.mark.parametrize("how", OTHERWISE)
def test_a_counter_that_goes_while_something_comes_is_the_reason(program: Program, how: str) -> None:
    program.runs({"m.py": STORE})
    m = program.module("m")
    assert m.store.add() == 2
    outcome = program.patch({"m.py": OTHERWISE[how]})
    assert outcome.effect is Effect.RELOAD
    assert "m.store.next_id is no longer there" in outcome.reasons[0]
    assert m.store.add() == 3


@pytest.mark.parametrize("how", OTHERWISE)
def test_one_that_has_counted_nothing_yet_may_go(program: Program, how: str) -> None:
    program.runs({"m.py": STORE})
    m = program.module("m")
    outcome = program.patch({"m.py": OTHERWISE[how]})
    assert outcome, outcome.reasons
    assert m.store.add() == 2


def test_the_author_may_say_that_it_starts_anew(program: Program) -> None:
    program.runs({"m.py": STORE})
    m = program.module("m")
    m.store.add()
    outcome = program.patch({"m.py": RENAMED}, choices={"m.store.next_id": "rebuild"})
    assert outcome, outcome.reasons
    assert m.store.add() == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.store.add() == 3


@pytest.mark.parametrize("how", HARMLESS)
def test_what_is_no_counter_any_more_or_never_was_may_go(program: Program, how: str) -> None:
    program.runs({"m.py": STORE})
    m = program.module("m")
    m.store.add()
    outcome = program.patch({"m.py": HARMLESS[how]})
    assert outcome, outcome.reasons
    assert m.store.add() == 3


def test_an_author_who_carries_it_over_has_said_enough(program: Program) -> None:
    program.runs({"m.py": STORE})
    m = program.module("m")
    m.store.add()
    outcome = program.patch({"m.py": RENAMED}, transformers=CARRIES)
    assert outcome, outcome.reasons
    assert m.store.add() == 3


DECORATED = """
def counted(function):
    def call():
        call.calls += 1
        return function()
    call.calls = 0
    return call

@counted
def one(): return 1
"""


def test_what_a_function_has_counted_is_not_lost_under_another_name(program: Program) -> None:
    program.runs({"m.py": DECORATED})
    m = program.module("m")
    assert m.one() == 1
    outcome = program.patch({"m.py": DECORATED.replace("calls", "hits")})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "m.one.calls is no longer there in the new sources, and holds what came to it since the start: "
        "the bundle may say keep or rebuild",
    )
    assert m.one.calls == 1


def test_a_function_that_has_counted_nothing_may_count_under_another_name(program: Program) -> None:
    program.runs({"m.py": DECORATED})
    m = program.module("m")
    outcome = program.patch({"m.py": DECORATED.replace("calls", "hits")})
    assert outcome, outcome.reasons
    assert m.one() == 1 and vars(m.one) == {"hits": 1}

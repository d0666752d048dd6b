"""What a program writes down by `id` is told by the object that it speaks of."""

from __future__ import annotations

import re

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

HEAD = """
class Thing:
    def __init__(self, name): self.name = name
    def __hash__(self): return id(self)

"""
LISTED = HEAD + "things = [{things}]\norder = [id(thing) for thing in things]\n"
KEYED = HEAD + "things = [{things}]\ntable = {{{key}: thing.name for thing in things}}\ndef f(): return {f}\n"
ONE, TWO = "Thing('a')", "Thing('a'), Thing('b')"


def test_an_object_that_a_list_of_addresses_comes_to_speak_of_is_spoken_of_where_it_lives(
    program: Program,
) -> None:
    program.runs({"m.py": LISTED.format(things=ONE)})
    m = program.module("m")
    first, order = m.things[0], m.order
    outcome = program.patch({"m.py": LISTED.format(things=TWO)})
    assert outcome, outcome.reasons
    assert m.things[0] is first and m.order is order
    assert order == [id(thing) for thing in m.things]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert order == [id(first)]


def test_a_table_by_addresses_that_gets_another_object_is_not_called_live(program: Program) -> None:
    program.runs({"m.py": KEYED.format(things=ONE, key="id(thing)", f=1)})
    m = program.module("m")
    outcome = program.patch({"m.py": KEYED.format(things=TWO, key="id(thing)", f=2)})
    assert not outcome
    assert "say where objects lie in memory" in outcome.reasons[0]
    assert len(m.things) == len(m.table) == m.f() == 1


@pytest.mark.parametrize("key", ["id(thing)", "(id(thing), 'x')"])
def test_a_number_that_speaks_of_an_object_is_told_by_it(program: Program, key: str) -> None:
    program.runs({"m.py": KEYED.format(things=ONE, key=key, f=1) + "at = id(things[0])\n"})
    program.module("m")
    old = program.measure({}).proof.old
    names = {step[-1]: child for step, child in old.nodes[old.roots["m"]][2]}
    kind, _, kids, _ = old.nodes[names["at"]]
    assert kind == "address"
    assert [child for _, child in kids] == [child for step, child in old.nodes[names["things"]][2]]
    steps = [step for step, _ in old.nodes[names["table"]][2]]
    assert ("key", "address") in [step[:2] for step in steps]
    assert not re.search(r"\d{9,}", repr(steps))  # the number itself


NAMED = """
class Item: pass
class Field:
    def __init__(self): self.schema = {{"ref": f"Item:{{id(Item)}}"}}
class Route:
    def __init__(self, field): self.field = field
ROUTE = Route({field})
"""


def test_what_is_named_by_the_place_of_a_class_may_go(program: Program) -> None:
    program.runs({"m.py": NAMED.format(field="Field()")})
    m = program.module("m")
    field = m.ROUTE.field
    outcome = program.patch({"m.py": NAMED.format(field="None")})
    assert outcome, outcome.reasons
    assert m.ROUTE.field is None
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.ROUTE.field is field


def test_what_has_another_number_since_may_not(program: Program) -> None:
    program.runs({"m.py": NAMED.format(field="Field()")})
    m = program.module("m")
    m.ROUTE.field.schema["ref"] = f"Item:{id(m.ROUTE)}"
    outcome = program.patch({"m.py": NAMED.format(field="None")})
    assert outcome.effect is Effect.RELOAD


PLACED = """
class Outer:
    class Thing: pass
ref = f"Outer.Thing:{{id(Outer.Thing)}}"
keyed = {{ref: {value}}}
order = ":123456789012"
"""


def test_a_text_that_names_a_class_by_its_place_is_told_by_the_class(program: Program) -> None:
    """Whether two starts have it at one place is chance."""
    program.runs({"m.py": PLACED.format(value=1)})
    program.module("m")
    measured = program.measure({})
    texts = [str(node[1]) for node in measured.proof.new.nodes if node[0] == "plain"]
    assert "Outer.Thing:\x00class m Outer.Thing\x00" in texts and ":123456789012" in texts
    assert not measured.proof.noise


def test_such_a_text_that_comes_says_where_the_class_lives(program: Program) -> None:
    program.runs({"m.py": PLACED.format(value=1)})
    m = program.module("m")
    kept = m.keyed
    new = PLACED.format(value=2) + 'name = f"x:{id(Outer.Thing)} and more"\n'
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.name == f"x:{id(m.Outer.Thing)} and more"
    assert kept == {f"Outer.Thing:{id(m.Outer.Thing)}": 2}


def test_such_a_text_may_speak_of_a_class_that_comes_with_it(program: Program) -> None:
    """As the schema of a union does, which gains a model."""
    program.runs({"m.py": PLACED.format(value=1)})
    m = program.module("m")
    new = PLACED.format(value=2) + (
        "class More:\n    pass\nMore.name = f'More:{id(More)}'\nkeyed[More.name] = [More.name]\n"
    )
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.More.name == f"More:{id(m.More)}"
    assert m.keyed[m.More.name] == [m.More.name]

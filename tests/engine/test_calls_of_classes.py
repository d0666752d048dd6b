"""What is suspended in old code goes on to call a class: does the class still take that call?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from hotpatch.patching import Outcome
from hotpatch.plan import Effect
from tests.engine.conftest import Program

DATACLASS = "from dataclasses import dataclass\n@dataclass\nclass F:\n    x: str{}\n"
ATTRS = "import attrs\n@attrs.define\nclass F:\n    x: str{}\n"
NAMED = "from typing import NamedTuple\nclass F(NamedTuple):\n    x: str{}\n"
MODEL = "from pydantic import BaseModel\nclass F(BaseModel):\n    x: str{}\n"
PLAIN = "class F:\n    x = 'a'\n"
WRITTEN = "class F:\n    def __init__(self, x{}): self.x = x\n"
STEPS = "def steps():\n    yield 0\n    yield {}.x\n"


def begun(program: Program, before: str, after: str) -> tuple[Iterator[Any], Outcome]:
    """A generator that is suspended in the one, and what became of the other."""
    program.runs({"flow.py": before})
    steps = program.module("flow").steps()
    next(steps)
    return steps, program.patch({"flow.py": after})


def assert_named(outcome: Outcome, name: str = "F") -> None:
    assert outcome.effect is Effect.RELOAD
    assert f"would call {name} with old arguments" in outcome.reasons[0]


def test_a_dataclass_that_gains_a_field_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = DATACLASS.format("") + STEPS, DATACLASS.format("\n    to: str") + STEPS
    steps, outcome = begun(program, old.format("F('a')"), new.format("F('a', 'b')"))
    assert_named(outcome)
    assert next(steps) == "a"


def test_a_dataclass_that_gains_a_field_with_a_default_takes_the_old_calls(program: Program) -> None:
    old, new = DATACLASS.format("") + STEPS, DATACLASS.format("\n    to: str = ''") + STEPS
    steps, outcome = begun(program, old.format("F('a')"), new.format("F('a', to='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_dataclass_whose_optional_field_is_renamed_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = DATACLASS.format("\n    to: str = ''"), DATACLASS.format("\n    at: str = ''")
    _, outcome = begun(program, old + STEPS.format("F('a', to='b')"), new + STEPS.format("F('a', at='b')"))
    assert_named(outcome)


def test_a_task_does_not_call_a_dataclass_in_the_old_way(program: Program) -> None:
    handle = "async def handle(go):\n    await go.wait()\n    return {}.x\n"
    old = DATACLASS.format("") + handle.format("F('a')")
    new = DATACLASS.format("\n    to: str") + handle.format("F('a', 'b')")
    program.runs({"flow.py": old})
    flow = program.module("flow")

    async def serve() -> tuple[Outcome, str]:
        go = asyncio.Event()
        task = asyncio.create_task(flow.handle(go))
        await asyncio.sleep(0)
        outcome = program.patch({"flow.py": new})
        go.set()
        return outcome, await task

    outcome, answer = asyncio.run(serve())
    assert_named(outcome)
    assert answer == "a"


def test_an_attrs_class_that_gains_a_field_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = ATTRS.format("") + STEPS, ATTRS.format("\n    to: str") + STEPS
    assert_named(begun(program, old.format("F('a')"), new.format("F('a', 'b')"))[1])


def test_an_attrs_class_that_gains_a_field_with_a_default_takes_the_old_calls(program: Program) -> None:
    old, new = ATTRS.format("") + STEPS, ATTRS.format("\n    to: str = ''") + STEPS
    steps, outcome = begun(program, old.format("F('a')"), new.format("F('a', to='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_named_tuple_that_gains_a_field_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = NAMED.format("") + STEPS, NAMED.format("\n    to: str") + STEPS
    assert_named(begun(program, old.format("F('a')"), new.format("F('a', 'b')"))[1])


def test_a_named_tuple_that_gains_a_field_with_a_default_takes_the_old_calls(program: Program) -> None:
    old, new = NAMED.format("") + STEPS, NAMED.format("\n    to: str = ''") + STEPS
    steps, outcome = begun(program, old.format("F('a')"), new.format("F('a', to='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_model_that_gains_a_field_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = MODEL.format("") + STEPS, MODEL.format("\n    to: str") + STEPS
    assert_named(begun(program, old.format("F(x='a')"), new.format("F(x='a', to='b')"))[1])


def test_a_model_that_gains_a_field_with_a_default_takes_the_old_calls(program: Program) -> None:
    old, new = MODEL.format("") + STEPS, MODEL.format("\n    to: str = ''") + STEPS
    steps, outcome = begun(program, old.format("F(x='a')"), new.format("F(x='a', to='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_model_whose_field_loses_its_default_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = MODEL.format("\n    to: str = ''"), MODEL.format("\n    to: str")
    assert_named(begun(program, old + STEPS.format("F(x='a')"), new + STEPS.format("F(x='a', to='b')"))[1])


def test_a_model_whose_field_has_another_default_takes_the_old_calls(program: Program) -> None:
    old, new = MODEL.format("\n    to: str = ''"), MODEL.format("\n    to: str = 'b'")
    steps, outcome = begun(program, old + STEPS.format("F(x='a')"), new + STEPS.format("F(x='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_model_whose_field_is_of_another_type_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = MODEL.format("\n    to: str"), MODEL.format("\n    to: int")
    _, outcome = begun(program, old + STEPS.format("F(x='a', to='b')"), new + STEPS.format("F(x='a', to=1)"))
    assert_named(outcome)


def test_a_model_whose_field_takes_more_than_it_did_takes_the_old_calls(program: Program) -> None:
    old, new = MODEL.format("\n    to: str"), MODEL.format("\n    to: str | None")
    steps, outcome = begun(
        program, old + STEPS.format("F(x='a', to='b')"), new + STEPS.format("F(x='a', to=None)")
    )
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_model_that_passes_over_what_it_does_not_know_takes_a_field_that_went(program: Program) -> None:
    old, new = MODEL.format("\n    to: str = ''"), MODEL.format("")
    steps, outcome = begun(program, old + STEPS.format("F(x='a', to='b')"), new + STEPS.format("F(x='b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_model_that_takes_no_other_fields_is_not_given_one_that_went(program: Program) -> None:
    strict = MODEL.format("\n    model_config = {{'extra': 'forbid'}}\n    {}")
    old = strict.format("to: str = ''") + STEPS.format("F(x='a', to='b')")
    assert_named(begun(program, old, strict.format("") + STEPS.format("F(x='b')"))[1])


def test_a_class_that_gains_a_maker_is_not_called_without_what_it_needs(program: Program) -> None:
    old = PLAIN + STEPS.format("F()")
    new = PLAIN + "    def __init__(self, x): self.x = x\n" + STEPS.format("F('b')")
    assert_named(begun(program, old, new)[1])


def test_a_class_that_gains_a_maker_of_optional_arguments_takes_the_old_calls(program: Program) -> None:
    old = PLAIN + STEPS.format("F()")
    new = PLAIN + "    def __init__(self, x='b'): self.x = x\n" + STEPS.format("F('c')")
    steps, outcome = begun(program, old, new)
    assert outcome, outcome.reasons
    assert next(steps) == "b"


def test_a_class_that_loses_its_maker_is_not_given_what_that_took(program: Program) -> None:
    new = PLAIN + STEPS.format("F()")
    assert_named(begun(program, WRITTEN.format("") + STEPS.format("F('b')"), new)[1])


def test_a_class_that_becomes_a_dataclass_is_not_called_in_the_old_way(program: Program) -> None:
    old = "class F:\n    x: str = 'a'\n    def __init__(self, x, *, much=0): self.x = x\n"
    new = DATACLASS.format(" = 'a'") + STEPS.format("F('a')")
    assert_named(begun(program, old + STEPS.format("F('a', much=1)"), new)[1])


def test_a_class_that_inherits_its_maker_is_not_called_in_the_old_way(program: Program) -> None:
    old, new = WRITTEN.format(""), WRITTEN.format(", to")
    derived = "class G(F): pass\n" + STEPS
    _, outcome = begun(program, old + derived.format("G('a')"), new + derived.format("G('a', 'b')"))
    assert_named(outcome, "G")


def test_a_class_with_a_maker_of_its_own_is_called_as_before(program: Program) -> None:
    old, new = WRITTEN.format(""), WRITTEN.format(", to")
    derived = "class G(F):\n    def __init__(self, x): self.x = x\n" + STEPS
    steps, outcome = begun(program, old + derived.format("G('a')"), new + derived.format("G('b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"


def test_a_class_is_not_called_in_the_old_way_by_another_name_either(program: Program) -> None:
    old, new = WRITTEN.format(""), WRITTEN.format(", to")
    renamed = "Flow = F\n" + STEPS
    _, outcome = begun(program, old + renamed.format("Flow('a')"), new + renamed.format("Flow('a', 'b')"))
    assert_named(outcome, "Flow")


def test_a_function_is_not_called_in_the_old_way_by_another_name_either(program: Program) -> None:
    price = "class F:\n    x = 'a'\ndef price(x{}): return F()\ncost = price\n" + STEPS
    _, outcome = begun(program, price.format("", "cost(1)"), price.format(", to", "cost(1, 2)"))
    assert_named(outcome, "cost")


def test_code_that_calls_another_class_goes_on(program: Program) -> None:
    other = "class G:\n    def __init__(self, x): self.x = x\n" + STEPS
    old, new = DATACLASS.format(""), DATACLASS.format("\n    to: str")
    steps, outcome = begun(program, old + other.format("G('a')"), new + other.format("G('b')"))
    assert outcome, outcome.reasons
    assert next(steps) == "a"

"""Instructions read the same on every CPython from 3.11 to 3.13."""

from __future__ import annotations

import dis
import itertools
from types import CodeType

import pytest

from hotpatch.engine import codes, instructions


def function(body: str) -> CodeType:
    found = compile(f"async def f(a, b):\n    {body}\n", "x.py", "exec")
    return next(part for part in codes.walk(found) if part.co_name == "f")


PLAIN = "a = b = c = 1; a.x = b; return a, c", "x = a; x.y; x = y = b, a", "del a; b = a; return 1", "return"


@pytest.mark.parametrize("body", PLAIN)
def test_an_instruction_has_one_variable(body: str) -> None:
    for step in instructions.of(function(body)):
        if "FAST" in step.opname:
            assert step.opname in ("LOAD_FAST", "STORE_FAST", "DELETE_FAST")
            assert type(step.argval) is str
            assert step.argval == step.argrepr


@pytest.mark.parametrize("body", PLAIN)
def test_what_is_returned_is_loaded_first(body: str) -> None:
    steps = list(instructions.of(function(body)))
    assert [a.opname for a, b in itertools.pairwise(steps) if b.opname == "RETURN_VALUE"] in (
        ["LOAD_CONST"],
        ["BUILD_TUPLE"],
    )
    assert "RETURN_CONST" not in [step.opname for step in steps]


COMPREHENSIONS = {
    "return c([x for x in a])": [],
    "return c({x: y for x in a for y in b if x}, 2)": [],
    "y = {x for x in a}; return c(y)": ["y"],
    "[c(x) for x in a]; return c": [],
    "x = [[x for x in y] for y in a]; return c(x)": ["x"],
    "return c([x async for x in a], 1)": [],
    "return c([x async for x in a if [y async for y in b]])": [],
    "y = c([lambda: x for x in a]); return y": ["y"],
    "x = y = [x + y for x, y in a]; return c(x, y)": ["x", "y"],
}


@pytest.mark.parametrize("body", COMPREHENSIONS)
def test_a_comprehension_is_told_from_what_is_around_it(body: str) -> None:
    steps = list(instructions.of(function(body)))
    end = next(i for i, step in enumerate(steps) if step.opname == "RETURN_VALUE")
    inside = instructions.comprehensions(steps)
    outside = [step for i, step in enumerate(steps[:end]) if i not in inside]
    waiting = {dis.opmap[name] for name in ("SEND", "JUMP_BACKWARD_NO_INTERRUPT")}  # 3.11 awaits the call
    assert not [step.opname for step in outside if step.opcode in codes.JUMPS - waiting]
    assert [step.argval for step in outside if step.opname == "STORE_FAST"] == COMPREHENSIONS[body]
    assert "c" in [step.argval for step in outside]

"""An undo exchanges the items of a sequence that the edit exchanged, and no others."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hotpatch.engine.carried_items import carried
from tests.engine.conftest import Program

TWO = "def a(): return 1\ndef b(): return 2\nitems = [{}]\n"


def taken_back(program: Program, before: str, after: str, meanwhile: Callable[[Any], object]) -> ModuleType:
    """The program after it became the other, did something and became what it was."""
    program.runs({"hooks.py": before})
    hooks = program.module("hooks")
    outcome = program.patch({"hooks.py": after})
    assert outcome, outcome.reasons
    meanwhile(hooks)
    assert outcome.undo is not None
    outcome.undo.revert()
    return hooks


def test_the_item_that_stood_there_and_is_put_in_again_stays(program: Program) -> None:
    hooks = taken_back(program, TWO.format("a"), TWO.format("b"), lambda m: m.items.append(m.a))
    assert hooks.items == [hooks.a, hooks.a]


def test_the_item_that_came_and_is_put_in_again_stays(program: Program) -> None:
    hooks = taken_back(program, TWO.format("a"), TWO.format("b"), lambda m: m.items.append(m.b))
    assert hooks.items == [hooks.a, hooks.b]


def test_an_item_put_in_twice_before_the_edit_is_there_twice_after_it(program: Program) -> None:
    program.runs({"hooks.py": TWO.format("a")})
    hooks = program.module("hooks")
    hooks.items.append(hooks.a)
    outcome = program.patch({"hooks.py": TWO.format("b")})
    assert outcome.undo is not None
    hooks.items.append(hooks.a)
    outcome.undo.revert()
    assert hooks.items == [hooks.a] * 3


def test_an_item_that_the_program_took_out_is_not_put_back_as_what_it_stood_for(program: Program) -> None:
    hooks = taken_back(program, TWO.format("a, len"), TWO.format("b, len"), lambda m: m.items.remove(m.b))
    assert hooks.items == [len]


def test_an_item_that_the_edit_took_out_comes_back_to_its_place(program: Program) -> None:
    hooks = taken_back(
        program, TWO.format("a, b, len"), TWO.format("a, len"), lambda m: m.items.insert(0, m.b)
    )
    assert hooks.items == [hooks.b, hooks.a, hooks.b, len]


def test_an_object_that_came_and_is_put_in_again_stays(program: Program) -> None:
    source = "class A: pass\nclass B: pass\nitems = [{}()]\n"
    hooks = taken_back(
        program, source.format("A"), source.format("B"), lambda m: m.items.extend([m.items[0], 8])
    )
    assert [type(item) for item in hooks.items] == [hooks.A, hooks.B, int]


@pytest.mark.parametrize(
    "become",
    [
        "class handler:\n    def __new__(cls, x): return x * 2\n",
        "import functools\n@functools.lru_cache\ndef handler(x): return x\n",
        "def handler(x): return x\nhandler = staticmethod(handler)\n",
    ],
)
def test_what_stands_for_a_function_under_its_name_gives_way_to_it_wherever_it_was_put(
    program: Program, become: str
) -> None:
    listed = "items = [handler]\n"
    before = "def handler(x): return x\n" + listed
    hooks = taken_back(program, before, become + listed, lambda m: m.items.append(m.handler))
    assert hooks.items == [hooks.handler, hooks.handler]
    assert [each(1) for each in hooks.items] == [1, 1]


def test_an_item_that_was_moved_is_exchanged_where_it_is() -> None:
    assert carried("bxy", "axy", "xyb", {}) == ["x", "y", "a"]


def test_what_stood_behind_an_item_that_is_gone_comes_before_the_next() -> None:
    assert carried("acd", "abcd", "xcd", {}) == ["x", "b", "c", "d"]

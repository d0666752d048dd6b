"""Objects that live and ask others for a name that goes."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

SORTER = """
from operator import attrgetter, methodcaller

class Item:
    def __init__(self, n): self.n = n
    {what}
    def {name}(self): return self.n

class Sorter:
    def __init__(self): self.key = {key}
    def sort(self, items): return sorted(items, key=self.key)
"""


def sorter(name: str, key: str, what: str = "limit = 1") -> dict[str, str]:
    return {"sorting.py": SORTER.format(name=name, key=key.format(name), what=what)}


KEYS = {
    "a method": ("methodcaller('{}')", "limit = 1"),
    "a method with arguments": ("methodcaller('{}', *(), **dict())", "limit = 1"),
    "a property": ("attrgetter('{}')", "@property"),
    "the end of a path": ("attrgetter('{}.real')", "@property"),
}


@pytest.mark.parametrize("what", KEYS)
def test_what_old_code_made_to_ask_for_a_name_that_goes_is_the_reason(program: Program, what: str) -> None:
    key, before = KEYS[what]
    program.runs(sorter("rank", key, before))
    sorting = program.module("sorting")
    mine, items = sorting.Sorter(), [sorting.Item(2), sorting.Item(1)]
    outcome = program.patch(sorter("weight", key, before))
    assert outcome.effect is Effect.RELOAD
    assert "asks for rank, which is gone" in outcome.reasons[0]
    assert [item.n for item in mine.sort(items)] == [1, 2]


@pytest.mark.parametrize("what", KEYS)
def test_without_one_that_lives_the_name_may_go(program: Program, what: str) -> None:
    key, before = KEYS[what]
    program.runs(sorter("rank", key, before))
    sorting = program.module("sorting")
    items = [sorting.Item(2), sorting.Item(1)]
    outcome = program.patch(sorter("weight", key, before))
    assert outcome, outcome.reasons
    assert [item.n for item in sorting.Sorter().sort(items)] == [1, 2]


def test_one_that_the_start_made_is_exchanged(program: Program) -> None:
    source = "KEY = {}\ndef sort(items): return sorted(items, key=KEY)\n"
    key = "methodcaller('{}')"

    def both(name: str) -> dict[str, str]:
        text = sorter(name, key)["sorting.py"]
        return {"sorting.py": text + source.format(key.format(name))}

    program.runs(both("rank"))
    sorting = program.module("sorting")
    items = [sorting.Item(2), sorting.Item(1)]
    outcome = program.patch(both("weight"))
    assert outcome, outcome.reasons
    assert [item.n for item in sorting.sort(items)] == [1, 2]

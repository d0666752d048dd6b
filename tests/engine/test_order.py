"""A mapping's keys come in the order of the new sources; what the process has come by stays behind them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from hotpatch.engine.commit import commit
from hotpatch.engine.measurement import Measurement
from hotpatch.engine.order import Order
from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.plan import Effect
from tests.engine.conftest import Program


def rules(*names: str) -> dict[str, str]:
    return {"ordered.py": f"RULES = {{{', '.join(f'{name!r}: {len(name)}' for name in names)}}}\n"}


def test_keys_of_a_table_that_lives_come_in_the_new_order(program: Program) -> None:
    program.runs(rules("all", "static"))
    live = program.module("ordered").RULES
    live["added later"] = 1
    outcome = program.patch(rules("admin", "static", "all"))
    assert outcome, outcome.reasons
    assert list(live) == ["admin", "static", "all", "added later"]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(live) == ["all", "static", "added later"]


def test_a_key_that_goes_comes_back_to_its_place_whatever_object_it_is(program: Program) -> None:
    program.runs(rules("the first", "the second", "the third"))
    live = program.module("ordered").RULES
    outcome = program.pushed(rules("the third"))
    assert outcome, outcome.reasons
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(live) == ["the first", "the second", "the third"]


def test_the_order_survives_the_wire(program: Program) -> None:
    program.runs(rules("all", "static"))
    program.module("ordered")
    loaded = Measurement.load(program.measure(rules("static", "all")).dump())
    assert loaded.difference.reordered == frozenset(loaded.difference.visits)
    assert [(edit.name, edit.kind) for edit in loaded.plan.edits] == [("RULES", "constant")]


def test_a_table_that_the_process_has_in_an_order_of_its_own_gets_no_other(program: Program) -> None:
    """There is no telling which of the two orders is meant."""
    program.runs(rules("all", "static"))
    live = program.module("ordered").RULES
    live["all"] = live.pop("all")
    refused = program.patch(rules("admin", "all", "static"))
    assert refused.effect is Effect.RELOAD
    assert "RULES order was changed since the start" in refused.reasons[0]
    assert list(live) == ["static", "all"]


def test_a_key_that_comes_last_is_live_whatever_the_order_of_the_others(program: Program) -> None:
    program.runs(rules("all", "static"))
    live = program.module("ordered").RULES
    live["all"] = live.pop("all")
    outcome = program.patch(rules("all", "static", "admin"))
    assert outcome, outcome.reasons
    assert list(live) == ["static", "all", "admin"]


def test_members_of_an_enum_come_in_the_new_order(program: Program) -> None:
    body = "from enum import Enum\nclass Level(Enum):\n    {}\n    {}\n    {}\n"
    low, mid, high = "LOW = 1", "MID = 2", "HIGH = 3"
    program.runs({"levels.py": body.format(low, high, mid)})
    level = program.module("levels").Level
    held = level.MID
    outcome = program.patch({"levels.py": body.format(low, mid, high)})
    assert outcome, outcome.reasons
    assert [*level] == [level.LOW, held, level.HIGH]
    assert list(level.__members__) == ["LOW", "MID", "HIGH"]


@pytest.mark.parametrize("mapping", [{"a": 1, "b": 2, "c": 3}, OrderedDict(a=1, b=2, c=3)])
def test_an_order_is_taken_back_exactly(mapping: Any) -> None:
    steps = [
        Op(mapping, SlotKind.ITEM, "b", 2, ABSENT, "b"),
        Op(mapping, SlotKind.ITEM, "d", ABSENT, 4, "d"),
        Op(mapping, SlotKind.ORDER, None, ("a", "b", "c"), ("d", "c", "a"), "order"),
    ]
    undo = commit(steps)
    assert list(mapping.items()) == [("d", 4), ("c", 3), ("a", 1)]
    mapping["later"] = 5
    undo.revert()
    assert list(mapping.items()) == [("a", 1), ("b", 2), ("c", 3), ("later", 5)]


def test_a_table_reordered_since_staging_calls_the_commit_off() -> None:
    mapping = {"a": 1, "b": 2}
    ops = [Op(mapping, SlotKind.ORDER, None, ("a", "b"), ("b", "a"), "order")]
    mapping["a"] = mapping.pop("a")
    with pytest.raises(PatchRefused, match="order changed between staging and commit"):
        commit(ops)


def test_orders_are_alike_if_what_both_have_follows_alike() -> None:
    one, two, three = ("key", "str", "a"), ("key", "str", "b"), ("key", "str", "c")
    assert Order([one, two]) == Order([one, three, two])
    assert Order([one, two]) != Order([two, three, one])


FIELDS = """
class Item:
    first = 1
    {second}
    def total(self): return {total}
"""


def test_attributes_of_a_class_come_back_to_their_places(program: Program) -> None:
    program.runs({"m.py": FIELDS.format(second="second = 2; third = 3", total="self.first + self.third")})
    m = program.module("m")
    before = list(vars(m.Item))
    outcome = program.patch({"m.py": FIELDS.format(second="pass", total="self.first")})
    assert outcome, outcome.reasons
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(vars(m.Item)) == before
    assert m.Item().total() == 4

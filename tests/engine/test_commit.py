"""Ops done and undone: all or nothing, exact, and not over what someone else has written."""

from __future__ import annotations

import types
from collections import OrderedDict, deque
from typing import Any

import pytest

from hotpatch.engine import commit
from hotpatch.engine.commit import current
from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind


class Slotted:
    __slots__ = ("x",)
    x: Any


class Plain:
    kept = 1


def f() -> int:
    return 1


def g() -> int:
    return 2


def op(owner: Any, kind: SlotKind, key: Any, before: Any, after: Any) -> Op:
    return Op(owner, kind, key, before, after, f"{kind.value} {key}")


def every_kind() -> list[Op]:
    module, plain, slotted = types.ModuleType("m"), Plain(), Slotted()
    module.a = 1  # type: ignore[attr-defined]
    plain.y = 1  # type: ignore[attr-defined]
    slotted.x = 1
    made = types.FunctionType(f.__code__, {})
    items, queue, names = [1, 2], deque([1, 2]), {1}
    cell = types.CellType(1)
    cls = type("C", (Plain,), {"k": 1})
    return [
        op(made, SlotKind.CODE, "__code__", made.__code__, g.__code__),
        op(made, SlotKind.FUNCTION, "__defaults__", None, (1,)),
        op(made, SlotKind.FUNCTION_DICT, "tag", ABSENT, 1),
        op(module, SlotKind.GLOBAL, "a", 1, ABSENT),
        op(cls, SlotKind.CLASS, "k", 1, 2),
        op(cls, SlotKind.BASES, None, (Plain,), (type("B", (Plain,), {}),)),
        op(plain, SlotKind.INSTANCE, "y", 1, 2),
        op(slotted, SlotKind.MEMBER, Slotted.__dict__["x"], 1, ABSENT),
        op(OrderedDict(a=1), SlotKind.ITEM, "a", 1, 2),
        op(names, SlotKind.ITEM, 2, ABSENT, 2),
        op(items, SlotKind.ELEMENTS, None, [1, 2], [1, 3, 2]),
        op(queue, SlotKind.ELEMENTS, None, [1, 2], [2]),
        op(cell, SlotKind.CELL, None, 1, 2),
        op(plain, SlotKind.TYPE, None, Plain, type("Other", (), {})),
    ]


def test_every_kind_of_slot_is_set_and_set_back() -> None:
    ops = every_kind()
    undo = commit(ops)
    assert [current(o) for o in ops] == [o.after for o in ops]
    undo.revert()
    assert [current(o) for o in ops] == [o.before for o in ops]


def test_a_store_that_fails_leaves_no_trace() -> None:
    ops = every_kind()
    wrong = op(type("D", (), {}), SlotKind.BASES, None, (object,), (int,))
    with pytest.raises(PatchRefused, match="can't be set"):
        commit([*ops, wrong])
    assert [current(o) for o in ops] == [o.before for o in ops]


def test_what_changed_since_staging_is_not_overwritten() -> None:
    module = types.ModuleType("m")
    module.a = 1  # type: ignore[attr-defined]
    staged = op(module, SlotKind.GLOBAL, "a", 1, 2)
    module.a = 5  # type: ignore[attr-defined]
    with pytest.raises(PatchRefused, match="between staging and commit"):
        commit([staged])
    assert module.a == 5  # type: ignore[attr-defined]


def test_a_list_that_grew_since_staging_keeps_what_it_gained() -> None:
    items = ["a", "b"]
    staged = op(items, SlotKind.ELEMENTS, None, list(items), ["a", "x", "b"])
    items.append("live")
    undo = commit([staged])
    assert items == ["a", "x", "b", "live"]
    items.append("later")
    undo.revert()
    assert items == ["a", "b", "live", "later"]


def test_undo_restores_the_order_of_a_mapping() -> None:
    table = {"a": 1, "b": 2, "c": 3}
    undo = commit([op(table, SlotKind.ITEM, "a", 1, ABSENT)])
    table["new"] = 4
    undo.revert()
    assert list(table.items()) == [("a", 1), ("b", 2), ("c", 3), ("new", 4)]


def test_a_change_is_taken_back_once() -> None:
    undo = commit([op({"a": 1}, SlotKind.ITEM, "a", 1, 2)])
    undo.revert()
    with pytest.raises(PatchRefused, match="already"):
        undo.revert()


def test_it_can_be_called_off_just_before_the_first_store() -> None:
    table = {"a": 1}

    def ready() -> None:
        raise PatchRefused("not now")

    with pytest.raises(PatchRefused, match="not now"):
        commit([op(table, SlotKind.ITEM, "a", 1, 2)], ready)
    assert table == {"a": 1}

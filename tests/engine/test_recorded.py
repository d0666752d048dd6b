"""What only the records of changes hold is told from what the program holds, or nobody."""

from __future__ import annotations

import types
from typing import Any

from hotpatch.engine.recorded import DEEPEST, Note, recorded
from hotpatch.engine.view import PLAIN_VIEW
from hotpatch.ops import Op, SlotKind


def record(of: Any) -> Op:
    return Op(types, SlotKind.GLOBAL, "name", of, None, "types.name")


def is_recorded(thing: Any) -> bool:
    return recorded([thing], (), PLAIN_VIEW) == {id(thing)}


def test_what_an_op_or_a_note_holds_is_recorded_however_deep_in_it() -> None:
    for kind in (record, lambda of: Note(of, None)):
        thing = [1]
        kept = kind({"a": ({"b": [thing]},)})
        assert is_recorded(thing)
        assert kept


def test_what_the_program_holds_as_well_is_not() -> None:
    for holder in (types.SimpleNamespace(), types.ModuleType("m")):
        thing = [1]
        kept, holder.x = record([thing]), thing
        assert not is_recorded(thing)
        assert kept


def test_what_the_program_holds_above_the_thing_is_not() -> None:
    thing = [1]
    above = {"a": [thing]}
    kept, held = record(above), types.SimpleNamespace(above=above)
    assert not is_recorded(thing)
    assert kept and held


def test_what_only_a_frame_holds_is_not() -> None:
    thing = [1]
    around = {"thing": thing}
    assert not is_recorded(thing)
    assert not is_recorded(around)


def test_what_holds_itself_alone_is_not() -> None:
    one: list[Any] = []
    other = [one]
    one.append(other)
    assert not is_recorded(one)


def test_what_a_record_holds_and_a_circle_that_a_frame_has_is_not() -> None:
    thing = [1]
    kept = record(thing)
    parent: dict[str, Any] = {"has": thing}
    parent["child"] = {"parent": parent}
    assert not is_recorded(thing)
    assert kept


def test_what_is_held_too_deep_to_tell_is_not() -> None:
    thing = [1]
    deep: Any = thing
    for _ in range(DEEPEST + 1):
        deep = [deep]
    kept = record(deep)
    assert not is_recorded(thing)
    assert kept


def test_each_of_many_is_told_by_itself() -> None:
    recorded_one, held_one = [1], [2]
    kept, held = record((recorded_one, held_one)), types.SimpleNamespace(x=held_one)
    assert recorded([recorded_one, held_one], (), PLAIN_VIEW) == {id(recorded_one)}
    assert kept and held

"""What lives, by class."""

from __future__ import annotations

import types
from collections import defaultdict

from hotpatch.engine.frozen import holders_of
from hotpatch.engine.living import Living, living


class Thing:
    pass


class Special(Thing):
    pass


class Meta(type):
    def __eq__(cls, other: object) -> bool:
        raise AssertionError("a class of the program was compared")

    def __hash__(cls) -> int:
        raise AssertionError("a class of the program was hashed")


def test_an_object_is_found_by_its_class_and_by_those_above_it() -> None:
    thing, special = Thing(), Special()
    found = Living([thing, special, 1])
    assert list(found.exactly(Thing)) == [thing]
    assert list(found.below(Thing)) == [thing, special]
    assert list(found.of(lambda cls: cls is Special)) == [special]
    assert not found.exactly(dict)


def test_an_answer_for_a_class_comes_with_each_of_its_objects() -> None:
    thing, special = Thing(), Special()
    asked: list[type] = []

    def ask(cls: type) -> str:
        asked.append(cls)
        return cls.__name__ if issubclass(cls, Thing) else ""

    found = Living([thing, special, 1, 2, special])
    assert list(found.told(ask)) == [(thing, "Thing"), (special, "Special"), (special, "Special")]
    assert asked == [Thing, Special, int]


def test_classes_are_told_apart_by_identity_alone() -> None:
    odd = Meta("Odd", (), {})()
    found = Living([odd, Thing()])
    assert [odd] == list(found.exactly(type(odd))) == list(found.of(lambda cls: type(cls) is Meta))


def test_objects_of_some_classes_and_single_ones_can_be_left_out() -> None:
    thing, other, special = Thing(), Thing(), Special()
    found = Living([thing, other, special]).without({id(Special)}, {id(other)})
    assert list(found.of(lambda cls: True)) == [thing]
    assert found.classes == {id(Thing): Thing}


def test_a_class_that_is_left_without_objects_is_none_of_those_that_live() -> None:
    thing = Thing()
    assert not Living([thing]).without((), {id(thing)}).classes


def test_what_it_holds_objects_and_classes_with_is_told() -> None:
    class Local:
        pass

    thing = Local()
    all_of_it = living()
    rest = all_of_it.without((), {id(all_of_it)})
    own = all_of_it.own | rest.own
    assert thing in all_of_it.exactly(Local)
    assert all(id(holder) in own for holder in holders_of([thing]))
    kept = (types.FunctionType, types.GetSetDescriptorType, types.CellType, tuple, defaultdict)
    others = [h for h in holders_of([Local]) if id(h) not in own and type(h) not in kept]
    assert others == [thing]

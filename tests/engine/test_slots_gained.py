"""A class with slots that gains one is built anew, and so are its objects that the start made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

PLAIN = (
    "class P:\n    __slots__ = ('x', 'y')\n    def __init__(self, x, y=0): self.x, self.y = x, y\n"
    "    def sum(self): return self.x + self.y\n"
)
DATACLASS = (
    "from dataclasses import dataclass, fields\n@dataclass(slots=True)\nclass P:\n"
    "    x: int\n    y: int = 0\n"
    "    def sum(self): return self.x + self.y\n"
)
BEFORE = {
    PLAIN: PLAIN.replace(", 'y'", ",").replace(", y=0", "").replace("self.x, self.y = x, y", "self.x = x"),
    DATACLASS: DATACLASS.replace("    y: int = 0\n", ""),
}
BEFORE = {after: text.replace(" + self.y", "") for after, text in BEFORE.items()}
HELD = "ORIGIN = P(1)\n"


@pytest.mark.parametrize("after", BEFORE, ids=["plain", "dataclass"])
def test_an_object_that_the_start_made_has_the_new_slot(program: Program, after: str) -> None:
    program.runs({"points.py": BEFORE[after] + HELD})
    points = program.module("points")
    outcome = program.patch({"points.py": after + HELD})
    assert outcome, outcome.reasons
    assert points.ORIGIN.sum() == 1 and points.P(1, 2).sum() == 3
    assert outcome.undo is not None
    outcome.undo.revert()
    assert points.ORIGIN.sum() == 1 and not hasattr(points.P(1), "y")


@pytest.mark.parametrize("after", BEFORE, ids=["plain", "dataclass"])
def test_one_that_somebody_else_holds_is_the_reason_for_another_process(program: Program, after: str) -> None:
    program.runs({"points.py": BEFORE[after] + HELD})
    points = program.module("points")
    held = [points.ORIGIN]
    outcome = program.patch({"points.py": after + HELD})
    assert outcome.effect is Effect.RELOAD
    assert held[0] is points.ORIGIN and held[0].sum() == 1


def test_the_table_of_fields_goes_back_as_it_was(program: Program) -> None:
    program.runs({"points.py": BEFORE[DATACLASS]})
    points = program.module("points")
    outcome = program.patch({"points.py": DATACLASS})
    assert outcome, outcome.reasons
    assert [field.name for field in points.fields(points.P)] == ["x", "y"]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [field.name for field in points.fields(points.P)] == ["x"]


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Garbage in circles stays until somebody collects it."""
    gc.disable()
    yield
    gc.enable()


def _garbage(points: Any) -> None:
    point = points.P(1)
    point.x = [point]


def test_what_only_waits_for_the_collector_is_no_object_that_lives(
    program: Program, uncollected: None
) -> None:
    program.runs({"points.py": BEFORE[PLAIN]})
    points = program.module("points")
    _garbage(points)
    outcome = program.patch({"points.py": PLAIN})
    assert outcome, outcome.reasons
    _garbage(points)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert points.P(1).sum() == 1


PROXY = (
    "class Look:\n    def __init__(self, find): self.find = find\n"
    "    def __get__(self, obj, cls=None): return self if obj is None else self.find(obj)\n"
    "    def __set__(self, obj, value): raise AttributeError\n"
    "class Proxy:\n    __slots__ = ('target',)\n    def __init__(self, target): self.target = target\n"
    "    __class__ = Look(lambda self: type(self.target))\n    __doc__ = Look(lambda self: 'of a proxy')\n"
)
KINDS = (
    "class Meta(type):\n    @property\n    def kind(cls): return 'of the metaclass'\n"
    "class Model(metaclass=Meta):\n    __slots__ = ('target',)\n    kind = 'of the class'\n"
)


def test_a_class_that_says_what_the_class_of_its_objects_is_is_built_with_that(program: Program) -> None:
    program.runs({"m.py": PROXY})
    m = program.module("m")
    outcome = program.patch({"m.py": PROXY.replace("target", "_target")})
    assert outcome, outcome.reasons
    proxy = m.Proxy(3)
    assert (proxy.__class__, proxy.__doc__, proxy._target) == (int, "of a proxy", 3)


def test_a_class_has_its_attributes_where_its_metaclass_has_a_property_of_the_name(program: Program) -> None:
    program.runs({"m.py": KINDS})
    m = program.module("m")
    outcome = program.patch({"m.py": KINDS.replace("target", "source")})
    assert outcome, outcome.reasons
    assert (m.Model.kind, m.Model().kind) == ("of the metaclass", "of the class")


MOVED = """
class Item:
    __slots__ = ({item})

class Branch(Item):
    __slots__ = ({branch})
    def __init__(self, parent=None): self.parent, self.children = parent, []

class Leaf(Branch):
    __slots__ = ('kind',)

class Mixed:
    __slots__ = ()

class Root(Mixed, Leaf):
    __slots__ = ()
    def depth(self): return {depth}
"""
"""What lies above a class changes how its objects are laid out, though they are as large as they were."""
OVER = MOVED.format(item="", branch="'children', 'parent'", depth="0")
UNDER = MOVED.format(item="'parent',", branch="'children',", depth="1")


def test_a_slot_moves_to_a_base(program: Program) -> None:
    program.runs({"trees.py": OVER})
    trees = program.module("trees")
    outcome = program.patch({"trees.py": UNDER})
    assert outcome, outcome.reasons
    assert trees.Root(1).depth() == 1 and trees.Root(1).parent == 1 and "parent" in vars(trees.Item)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert trees.Root(1).depth() == 0 and "parent" in vars(trees.Branch)


def test_objects_of_classes_below_follow_if_the_start_made_them(program: Program) -> None:
    program.runs({"trees.py": OVER + "ROOT = Root(1)\n"})
    trees = program.module("trees")
    outcome = program.patch({"trees.py": UNDER + "ROOT = Root(1)\n"})
    assert outcome, outcome.reasons
    assert type(trees.ROOT) is trees.Root and trees.ROOT.depth() == 1 and trees.ROOT.parent == 1


def test_objects_of_classes_below_that_others_hold_need_another_process(program: Program) -> None:
    program.runs({"trees.py": OVER})
    trees = program.module("trees")
    root = trees.Root(1)
    outcome = program.patch({"trees.py": UNDER})
    assert outcome.effect is Effect.RELOAD
    assert root.depth() == 0 and trees.Root is type(root)


METACLASS = """
class Meta(type): pass
class Other(type): pass

class Base(metaclass={meta}):
    __slots__ = ()

class Row(Base):
    __slots__ = ('x',)
    def __init__(self, x): self.x = x
    def told(self): return {told}

ROW = Row(1)
"""


def test_a_class_is_laid_on_one_that_gives_way_though_it_is_laid_out_alike(program: Program) -> None:
    program.runs({"rows.py": METACLASS.format(meta="Meta", told="'old', self.x")})
    rows = program.module("rows")
    outcome = program.patch({"rows.py": METACLASS.format(meta="Other", told="'new', self.x")})
    assert outcome, outcome.reasons
    assert rows.ROW.told() == ("new", 1) and type(type(rows.ROW)) is rows.Other
    assert type(rows.ROW) is rows.Row

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import survey, worst
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.plan import Grade

Make = Callable[..., Program]


def f() -> int:
    return 1


async def g() -> int:
    return 1


class C:
    __slots__ = ("a",)


class Colour(enum.Enum):
    RED = 1


MEMBER = C.__dict__["a"]

CASES: list[tuple[str, Op, Grade, str]] = [
    ("code", Op(f, SlotKind.CODE, None, f.__code__, (lambda: 2).__code__, "f"), Grade.CANARY, "dispatcher"),
    ("defaults", Op(f, SlotKind.FUNCTION, "__defaults__", None, (1,), "f"), Grade.CANARY, "defaults"),
    ("doc", Op(f, SlotKind.FUNCTION, "__doc__", None, "x", "f"), Grade.CANARY, "metadata"),
    ("def to async", Op(f, SlotKind.CODE, None, f.__code__, g.__code__, "f"), Grade.BARRIER, "another kind"),
    ("function dict", Op(f, SlotKind.FUNCTION_DICT, "x", 1, 2, "f"), Grade.BARRIER, "attributes"),
    ("bases", Op(C, SlotKind.BASES, None, (object,), (list,), "C"), Grade.BARRIER, "one set of bases"),
    ("type", Op(C(), SlotKind.TYPE, None, C, object, "c"), Grade.BARRIER, "one class"),
    ("instance", Op(f, SlotKind.INSTANCE, "x", 1, 2, "x"), Grade.BARRIER, "state"),
    ("item", Op({}, SlotKind.ITEM, "x", 1, 2, "x"), Grade.BARRIER, "state"),
    ("elements", Op([], SlotKind.ELEMENTS, None, [], [1], "x"), Grade.BARRIER, "state"),
    ("order", Op({}, SlotKind.ORDER, None, ("a", "b"), ("b", "a"), "x"), Grade.BARRIER, "order of a mapping"),
    ("slot member", Op(C(), SlotKind.MEMBER, MEMBER, 1, 2, "x"), Grade.BARRIER, "state"),
    ("special method added", Op(C, SlotKind.CLASS, "__len__", ABSENT, len, "C"), Grade.BARRIER, "can do"),
    ("special method off", Op(C, SlotKind.CLASS, "__hash__", hash, None, "C"), Grade.BARRIER, "can do"),
    ("special method changed", Op(C, SlotKind.CLASS, "__len__", len, id, "C"), Grade.CANARY, "descriptor"),
    ("slots", Op(C, SlotKind.CLASS, "__slots__", (), ("a",), "C"), Grade.BARRIER, "layout"),
    ("slot removed", Op(C, SlotKind.CLASS, "a", MEMBER, ABSENT, "C"), Grade.BARRIER, "layout"),
    ("enum", Op(Colour, SlotKind.CLASS, "BLUE", ABSENT, 2, "Colour"), Grade.BARRIER, "enum"),
    ("class constant", Op(C, SlotKind.CLASS, "x", 1, 2, "C"), Grade.CANARY, "descriptor"),
    ("module replaced", Op(None, SlotKind.MODULE, "m", C, C, "m"), Grade.BARRIER, "one module"),
    ("call", Op(None, SlotKind.CALL, None, None, print, "cache"), Grade.CANARY, "after the collapse"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "grade", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_edit_has_its_grade_and_the_reason(op: Op, grade: Grade, reason: str) -> None:
    (graded,) = survey([op])
    assert (graded.grade, reason in graded.reason) == (grade, True), graded.reason


def test_every_kind_of_slot_has_a_grade() -> None:
    alone = {SlotKind.CELL, SlotKind.PARTIAL}
    assert {case[1].kind for case in CASES} | {SlotKind.GLOBAL} | alone == set(SlotKind)
    for kind in alone:
        (graded,) = survey([Op(None, kind, None, 1, 2, kind.value)])
        assert graded.grade is Grade.BARRIER


def test_other_free_variables_than_the_object_has_cells_is_no_edit_of_this_process() -> None:
    cell: Any = 1
    (graded,) = survey([Op(f, SlotKind.CODE, None, f.__code__, (lambda: cell).__code__, "f")])
    assert graded.grade is Grade.RELOAD and "closes over 1 variables" in graded.reason


def test_a_release_is_as_coarse_as_its_coarsest_edit() -> None:
    graded = survey([case[1] for case in CASES])
    assert worst(graded) is Grade.BARRIER
    assert worst(each for each in graded if each.grade is Grade.CANARY) is Grade.CANARY


def test_globals(program: Make) -> None:
    app = program(app="A = B = 1\ndef f():\n    global A\n    A = 2\ndef g():\n    return B\n")
    m = app["app"]

    def grade(name: str) -> tuple[Grade, str]:
        (graded,) = survey([Op(m, SlotKind.GLOBAL, name, 1, 2, name)])
        return graded.grade, graded.reason

    assert grade("B") == (Grade.CANARY, "each version reads a name of its own")
    assert grade("A") == (Grade.BARRIER, "f stores A: it is live state, shared by both versions")
    assert grade("__getattr__")[0] is Grade.BARRIER
    assert grade("__doc__") == (Grade.CANARY, "metadata: changes with the commit")

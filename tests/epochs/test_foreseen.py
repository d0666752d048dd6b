"""A plan's grades, foreseen from clean starts, are those that the epochs give in the live process, and their
reasons too."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from attrs import frozen

from hotpatch import epochs
from hotpatch.engine import Start, measure, plan, stage
from hotpatch.epochs import Graded
from hotpatch.foreseen import Foresight
from hotpatch.plan import Edit, Grade, Plan

CANARY, BARRIER = Grade.CANARY, Grade.BARRIER
CASES: Final[dict[str, tuple[str, str, Grade]]] = {
    "a body": ("def f(): return 1", "def f(): return 2", CANARY),
    "a signature": ("def f(a): return a", "def f(a, b=1, *, c: int = 2): return a", CANARY),
    "annotations": ("def f(a: int): return a", "def f(a: str) -> str: return a", CANARY),
    "def to async": ("def f(): return 1", "async def f(): return 1", BARRIER),
    "def to generator": ("def f(): return [1]", "def f(): yield 1", BARRIER),
    "a constant": ("X = 1\ndef f(): return X", "X = 2\ndef f(): return X", CANARY),
    "a global that a function stores": (
        "X = 1\ndef f():\n    global X\n    X += 1",
        "X = 2\ndef f():\n    global X\n    X += 1",
        BARRIER,
    ),
    "a global that the new code stores": (
        "X = 1\ndef f(): return X",
        "X = 2\ndef f():\n    global X\n    X = 3",
        BARRIER,
    ),
    "a module's hook": ("def f(): return 1", "def __getattr__(name): raise AttributeError(name)", BARRIER),
    "a class attribute": ("class C:\n    x = 1", "class C:\n    x = 2", CANARY),
    "a method": ("class C: pass", "class C:\n    def m(self): return 1", CANARY),
    "a special method comes": ("class C: pass", "class C:\n    def __len__(self): return 1", BARRIER),
    "a special method goes off": (
        "class C:\n    def __hash__(self): return 1",
        "class C:\n    __hash__ = None",
        BARRIER,
    ),
    "a special method changes": (
        "class C:\n    def __len__(self): return 1",
        "class C:\n    def __len__(self): return 2",
        CANARY,
    ),
    "an enum": (
        "import enum\nclass E(enum.Enum):\n    A = 1\n    def m(self): return 1",
        "import enum\nclass E(enum.Enum):\n    A = 1\n    note = property(lambda self: 2)\n"
        "    def m(self): return 1",
        BARRIER,
    ),
    "bases": (
        "class A: pass\nclass B: pass\nclass C(A): pass",
        "class A: pass\nclass B: pass\nclass C(B): pass",
        BARRIER,
    ),
    "slots": ("class C:\n    __slots__ = ('a',)", "class C:\n    __slots__ = ('a', 'b')", BARRIER),
    "a dataclass's fields": (
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 1",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 2\n    b: int = 3",
        CANARY,
    ),
    "an item of a dict": ("T = {'a': 1}", "T = {'a': 2}", BARRIER),
    "the contents of a list": ("T = [1]", "T = [1, 2]", BARRIER),
    "an object's attribute": (
        "class C: pass\nc = C()\nc.x = 1",
        "class C: pass\nc = C()\nc.x = 2",
        BARRIER,
    ),
    "a variable of a closure": (
        "def make(x):\n    def f(): return x\n    return f\nf = make(1)",
        "def make(x):\n    def f(): return x\n    return f\nf = make(2)",
        BARRIER,
    ),
    "a closure gains a variable": (
        "def make(x, y):\n    def f(): return x\n    return f\nf = make(1, 2)",
        "def make(x, y):\n    def f(): return x, y\n    return f\nf = make(1, 2)",
        BARRIER,
    ),
    "a function's attribute": ("def f(): return 1\nf.x = 1", "def f(): return 1\nf.x = 2", BARRIER),
    "a memoised function": (
        "import functools\n@functools.lru_cache\ndef f(): return 1",
        "import functools\n@functools.lru_cache\ndef f(): return 2",
        CANARY,
    ),
    "keyword defaults": ("def f(*, a=1): return a", "def f(*, a=2): return a", CANARY),
    "an import": ("def f(): return 1", "import bisect\ndef f(): return bisect", CANARY),
}  # fmt: skip


def module(case: str) -> str:
    return "foreseen_" + case.replace(" ", "_").replace("'", "")


@frozen
class Both:
    plan: Plan
    survey: Sequence[Graded]
    give_way: frozenset[str]
    """Modules with a class in whose place another comes: its objects follow in one step."""

    def edits(self, case: str) -> list[Edit]:
        return [edit for edit in self.plan.edits if edit.module == module(case)]

    def ops(self, case: str) -> list[Graded]:
        below = tuple(module(case) + after for after in ("", ".", " "))
        return [one for one in self.survey if f"{one.op.where} ".startswith(below)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The plan of all cases at once, each in a module of its own, and what the epochs say of the same change
    in a process that runs the old sources."""
    old, new = (tmp_path_factory.mktemp(name) for name in ("old", "new"))
    names = [module(case) for case in CASES]
    for name, (before, after, _) in zip(names, CASES.values(), strict=True):
        (old / f"{name}.py").write_text(before + "\n")
        (new / f"{name}.py").write_text(after + "\n")
    measured = measure(str(old), str(new), Start(root=str(old), modules=tuple(names)), Foresight)
    sys.path.insert(0, str(old))
    try:
        for name in names:
            importlib.import_module(name)
        staged = stage(measured, str(old), view=epochs.view())
        give_way = frozenset(cls.__module__ for cls, _ in staged.exchanged.values())
        yield Both(plan(measured), epochs.survey(staged.ops), give_way)
    finally:
        sys.path.remove(str(old))
        for name in names:
            sys.modules.pop(name, None)


def grade_of(one: Graded) -> Grade:
    """A function that forwards has no parallel form: its object can't hold the new code."""
    return BARRIER if one.op.target is not None else one.grade


@pytest.mark.parametrize("case", CASES)
def test_the_plan_says_what_the_epochs_do(both: Both, case: str) -> None:
    edits, ops = both.edits(case), both.ops(case)
    assert edits and ops
    expected = CASES[case][2]
    needs_a_step = module(case) in both.give_way or BARRIER in {grade_of(one) for one in ops}
    assert (BARRIER if needs_a_step else CANARY) is expected, ops
    assert Plan(tuple(edits)).grade is expected, edits


@pytest.mark.parametrize("case", [name for name, (_, _, grade) in CASES.items() if grade is BARRIER])
def test_the_plan_gives_the_epochs_reason(both: Both, case: str) -> None:
    said = {edit.grade_reason for edit in both.edits(case)} - {""}
    real = {one.reason for one in both.ops(case) if grade_of(one) is BARRIER}
    only_the_agent_tells = module(case) in both.give_way or any(
        one.op.target is not None for one in both.ops(case)
    )
    assert said and (said & real or only_the_agent_tells), (said, real)


def test_a_canarys_edits_need_no_reason_for_their_grade(both: Both) -> None:
    assert {edit.grade_reason for edit in both.plan.edits if edit.grade is CANARY} == {""}
    assert both.plan.grade is BARRIER, "a release is as coarse as its coarsest edit"


def test_the_plan_names_what_is_memoised_and_shared_by_both_versions(both: Both) -> None:
    (note,) = [note for note in both.plan.notes if "memoised" in note]
    assert note.startswith(f"{module('a memoised function')}.f: ")

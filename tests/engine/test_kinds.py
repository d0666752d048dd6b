"""An attribute of an object that lives is not of a kind that new code has done away with."""

from __future__ import annotations

import textwrap

import pytest

from hotpatch.engine.kinds import UNKNOWN, set_on_self
from hotpatch.plan import Effect

from .conftest import Program

CLASS = """
class Basket:
    def __init__(self, given=1):
        self.held = {value}
    def put(self, x):
        {put}
    def tell(self):
        {tell}
"""
CHANGES = {
    "a list becomes a dictionary": (
        ("[]", "self.held.append(x)", "return self.held[0]"),
        ("{}", "self.held[x] = x", "return self.held['a']"),
    ),
    "a list becomes a set": (
        ("[1]", "self.held.append(x)", "return self.held"),
        ("set()", "self.held.add(x)", "return self.held | {1}"),
    ),
    "nothing becomes a number": (
        ("None", "pass", "return self.held"),
        ("0", "self.held += 1", "return self.held + 1"),
    ),
    "a text becomes a list": (
        ("''", "self.held += x", "return self.held"),
        ("[]", "self.held.append(x)", "return self.held + []"),
    ),
}
MADE = (
    "from decimal import Decimal\nfrom enum import Enum\nclass St(Enum): NEW = 'new'\nclass Top:\n    n = 1\n"
)
OF_CLASSES = {
    "a number becomes one of another class": (
        ("0.0", "self.held += 1.0", "return self.held + 1.0"),
        ("Decimal('0')", "self.held += Decimal(1)", "return self.held + Decimal(1)"),
    ),
    "a text becomes a member of an enum": (
        ("'new'", "pass", "return self.held == 'new'"),
        ("St.NEW", "pass", "return self.held is St.NEW"),
    ),
    "a member of an enum becomes a text": (
        ("St.NEW", "pass", "return self.held is St.NEW"),
        ("'new'", "pass", "return self.held == 'new'"),
    ),
    "what a table makes by itself becomes another": (
        ("defaultdict(int)", "self.held[x] += 1", "return self.held['a'] + 1"),
        ("defaultdict(list)", "self.held[x].append(1)", "return self.held['a'] + [1]"),
    ),
}
HARMLESS_OF_CLASSES = {
    "it is made one of the new class": (
        ("0.0", "self.held += 1.0", "return self.held + 1.0"),
        ("Decimal('0')", "pass", "return Decimal(self.held) + 1"),
    ),
    "the code asks for its kind": (
        ("'new'", "pass", "return self.held == 'new'"),
        ("St.NEW", "pass", "return self.held is St.NEW if isinstance(self.held, St) else 2"),
    ),
    "the code asks for None": (
        ("None", "pass", "return 1"),
        ("Top()", "pass", "return 1 if self.held is None else self.held.n"),
    ),
    "one of the program's own classes becomes another": (
        ("Top()", "pass", "return self.held"),
        ("Sub()", "pass", "return [self.held]"),
    ),
    "a table makes another number by itself": (
        ("defaultdict(int)", "self.held[x] += 1", "return self.held['a'] + 1"),
        ("defaultdict(float)", "self.held[x] += 2", "return self.held['a'] + 1.5"),
    ),
}
HARMLESS = {
    "a number becomes another": (
        ("0", "self.held += 1", "return self.held"),
        ("0.5", "self.held += 2", "return self.held * 2"),
    ),
    "it is what is given": (
        ("given", "pass", "return self.held"),
        ("given or []", "pass", "return [self.held]"),
    ),
    "nothing is set at first any more": (
        ("0", "self.held += 1", "return self.held"),
        ("None", "self.held = 5", "return self.held or 1"),
    ),
    "no code that changed reads it": (
        ("[]", "pass", "return 1"),
        ("{}", "pass", "return 2"),
    ),
}


def basket(parts: tuple[str, str, str]) -> str:
    value, put, tell = parts
    return CLASS.replace("{value}", value).replace("{put}", put).replace("{tell}", tell)


@pytest.mark.parametrize("name", CHANGES)
def test_objects_that_hold_what_new_code_sets_no_more_are_the_reason(program: Program, name: str) -> None:
    old, new = map(basket, CHANGES[name])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Basket()
    held.put("a")
    before = held.tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and "as held, which old code set" in outcome.reasons[0]
    assert held.tell() == before


@pytest.mark.parametrize("name", CHANGES)
def test_without_such_objects_the_same_edit_is_live(program: Program, name: str) -> None:
    old, new = map(basket, CHANGES[name])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    made = m.Basket()
    made.put("a")
    assert made.tell()


def with_classes(parts: tuple[str, str, str]) -> str:
    return MADE + "class Sub(Top): pass\nfrom collections import defaultdict\n" + basket(parts)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_objects_that_hold_no_object_of_a_new_class_are_the_reason(program: Program, name: str) -> None:
    old, new = map(with_classes, OF_CLASSES[name])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Basket()
    held.put("a")
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and "as held, which old code set" in outcome.reasons[0]
    assert held.tell()


@pytest.mark.parametrize("name", HARMLESS_OF_CLASSES)
def test_objects_that_hold_no_object_of_a_new_class_are_no_reason_if(program: Program, name: str) -> None:
    old, new = map(with_classes, HARMLESS_OF_CLASSES[name])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Basket()
    held.put("a")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert held.tell()


@pytest.mark.parametrize("name", HARMLESS)
def test_an_attribute_is_no_reason_if(program: Program, name: str) -> None:
    old, new = map(basket, HARMLESS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Basket()
    held.put("a")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert held.tell()


def test_kinds_are_read_from_the_code() -> None:
    text = """
    def f(self, x, other):
        self.a = []
        self.a = [1, 2, 3]
        self.b = {}
        self.b = {"x": x, "y": 1}
        self.c = set()
        self.d = {1, 2, x}
        self.e = 1
        self.e = True
        self.f = None
        self.g = x
        self.h = dict(x)
        self.i = (x, 1)
        other.j = []
        self.k = "text"
    """
    space: dict[str, object] = {}
    exec(textwrap.dedent(text), space)
    found = set_on_self(space["f"].__code__)  # type: ignore[attr-defined]
    assert found == {
        "a": {"list"},
        "b": {"dict"},
        "c": {"set"},
        "d": {"set"},
        "e": {"number"},
        "f": {"NoneType"},
        "g": {UNKNOWN},
        "h": {UNKNOWN},
        "i": {"tuple"},
        "k": {"str"},
    }


DYNAMIC = {
    "by keywords that its class takes as they come": (
        "class A:\n    def __init__(self, **k): self.__dict__.update(k)\n"
        "def make(): return A(x=1)\ndef tell(a): return a.x\n",
        ("A(x=1)", "A(x=1, y=2)", "a.x", "a.y"),
    ),
    "by its name as text": (
        "class A: pass\ndef make():\n    a = A()\n    for name in ('x',): setattr(a, name, 1)\n"
        "    return a\ndef tell(a): return a.x\n",
        ("('x',)", "('x', 'y')", "a.x", "a.y"),
    ),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_an_object_lacks_an_attribute_that_is_given_now(program: Program, name: str) -> None:
    old, (one, other, read, reads) = DYNAMIC[name]
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.make()
    outcome = program.patch({"m.py": old.replace(one, other).replace(read, reads)})
    assert outcome.effect is Effect.RELOAD and "lack y" in outcome.reasons[0]
    assert m.tell(held) == 1

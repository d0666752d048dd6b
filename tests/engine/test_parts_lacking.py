"""What new code newly reads of an attribute's value is there in the values that live, or is no matter of
course to the code either."""

from __future__ import annotations

import textwrap

import pytest

from hotpatch.engine.parts_used import Part, parts_used
from hotpatch.plan import Effect

from .conftest import Program

PLAIN = """
class Box:
    def __init__(self, x, given={default}): self.x = {value}
    def tell(self): {tell}
BOXES = []
def make(): BOXES.append(Box({made}))
def tell(): return [box.tell() for box in BOXES]
"""
WITH_FIELD = """
{imports}
{decorator}
class Box{base}:
    name: str
    x: {kind} = {default}
BOXES = []
def make(): BOXES.append(Box(name='a'))
def tell(): return [{tell} for box in BOXES]
"""


def plain(value: str, tell: str, default: str = "None", made: str = "0") -> str:
    return PLAIN.format(value=value, tell=tell, default=default, made=made)


def with_field(maker: str, kind: str, default: str, tell: str) -> str:
    imports, decorator, base, factory = {
        "dataclass": ("from dataclasses import dataclass, field", "@dataclass", "", "field(default_factory="),
        "attrs": ("import attrs", "@attrs.define", "", "attrs.Factory("),
        "pydantic": (
            "from pydantic import BaseModel, Field\nfrom datetime import date",
            "",
            "(BaseModel)",
            "Field(default_factory=",
        ),
    }[maker]
    return WITH_FIELD.format(
        imports=imports,
        decorator=decorator,
        base=base,
        kind=kind,
        default=default.replace("factory(", factory),
        tell=tell,
    )


SINK = """
class Sink:
    def __init__(self, stream):
        self.stream, self.completes = stream, hasattr(stream, 'complete')
    def {name}(self): return [self.stream.complete()] if self.completes else []
SINK = Sink(print)
"""


def test_what_a_method_that_is_gone_read_of_an_attribute_is_no_news(program: Program) -> None:
    program.runs({"m.py": SINK.format(name="complete")})
    m = program.module("m")
    outcome = program.patch({"m.py": SINK.format(name="tasks")})
    assert outcome, outcome.reasons
    assert m.SINK.tasks() == []


MOMENT = "from datetime import datetime\n"
LACKING = {
    f"a {maker} field of another kind": (
        with_field(maker, "list", "factory(list)", "box.x.append(1)"),
        with_field(maker, "set", "factory(set)", "box.x.add(1)"),
    )
    for maker in ("dataclass", "attrs", "pydantic")
} | {
    "None that a dataclass field is no more": (
        with_field("dataclass", "list", "None", "(box.x or []) + [1]"),
        with_field("dataclass", "list", "factory(list)", "box.x.append(1)"),
    ),
    "None that a model's field is no more": (
        with_field("pydantic", "str | None", "None", "box.x or ''"),
        with_field("pydantic", "str", "'en'", "box.x.upper()"),
    ),
    "None that an argument is no more where nobody gives it": (
        plain("given", "return (self.x or 'en').upper()"),
        plain("given", "return self.x.upper()", default="'en'"),
    ),
    "what was kept as it was given and is converted now": (
        MOMENT + plain("x", "return datetime.fromtimestamp(self.x).year"),
        MOMENT + plain("datetime.fromtimestamp(x)", "return self.x.year"),
    ),
    "what is wrapped in an object now": (
        "class Wrap:\n    def __init__(self, z): self.z = z\n" + plain("x", "return self.x"),
        "class Wrap:\n    def __init__(self, z): self.z = z\n" + plain("Wrap(x)", "return self.x.z"),
    ),
    "another argument, right after a variable is set": (
        plain("(y := 0, x)[1]", "return 1", "'en'"),
        plain("(y := 0, given)[1]", "return self.x.upper()", "'en'"),
    ),
    "what a comprehension gathers": (
        plain("[int(n) for n in '1']", "return 1"),
        plain("[str(n) for n in '1'].pop()", "return self.x.upper()"),
    ),
    "what a comprehension makes otherwise": (
        plain("dict([(1, {0: 0}) for n in '1'])[1]", "return 1"),
        plain("dict([(1, 'en') for n in '1'])[1]", "return self.x.upper()"),
    ),
    "an object of another class": (
        "class A: pass\nclass B:\n    def __init__(self): self.z = 1\n" + plain("A()", "return 1"),
        "class A: pass\nclass B:\n    def __init__(self): self.z = 1\n" + plain("B()", "return self.x.z"),
    ),
}
HARMLESS = {
    "the code asks for None": (
        plain("given", "return (self.x or 'en').upper()"),
        plain("given", "return 'EN' if self.x is None else self.x.upper()", default="'en'"),
    ),
    "the code asks for its type": (
        plain("x", "return 1"),
        plain("str(x)", "return self.x.upper() if isinstance(self.x, str) else 0"),
    ),
    "the code asks for the part": (
        plain("x", "return 1"),
        plain("str(x)", "return self.x.upper() if hasattr(self.x, 'upper') else 0"),
    ),
    "the code catches its absence": (
        plain("x", "return 1"),
        plain(
            "str(x)",
            "\n        try: return self.x.upper()\n        except AttributeError: return 0",
        ),
    ),
    "it may still be None": (
        plain("None", "return self.x or 1"),
        plain("None", "return self.ready() and self.x.upper()\n    def ready(self): return False"),
    ),
    "it answers for whatever it is asked": (
        "class A:\n    def __getattr__(self, name): return 1\n" + plain("A()", "return 1"),
        "class A:\n    def __getattr__(self, name): return 1\n" + plain("A()", "return self.x.z"),
    ),
    "it is a module": (
        "import os\n" + plain("os", "return 1"),
        "import os\n" + plain("os", "return self.x.sep"),
    ),
    "the edit brings the part": (
        "class A: pass\n" + plain("A()", "return 1"),
        "class A:\n    def z(self): return 1\n" + plain("A()", "return self.x.z()"),
    ),
    "another sets the part": (
        "class A: pass\ndef fill(a): a.z = 1\n" + plain("A()", "return 1"),
        "class A: pass\ndef fill(a): a.z = 1\n" + plain("A()", "fill(self.x); return self.x.z"),
    ),
    "methods that stand read the part": (
        plain("x", "return 1\n    def up(self): return self.x.upper()"),
        plain("x", "return 2 if 0 in (self.x,) else self.x.upper()\n    def up(self): return self.x.upper()"),
    ),
    "the part is read of others": (
        "class Other:\n    x = 'a'\n" + plain("x", "return 1"),
        "class Other:\n    x = 'a'\n" + plain("x", "return Other().x.upper()"),
    ),
}


@pytest.mark.parametrize("name", LACKING)
def test_an_attribute_that_lives_and_lacks_what_new_code_reads_of_it_is_the_reason(
    program: Program, name: str
) -> None:
    old, new = LACKING[name]
    program.runs({"m.py": old})
    m = program.module("m")
    m.make()
    m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "new code reads that of it" in " ".join(outcome.reasons)
    assert m.tell()


@pytest.mark.parametrize("name", LACKING)
def test_without_such_attributes_the_same_edit_is_live(program: Program, name: str) -> None:
    old, new = LACKING[name]
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.make()
    assert m.tell()


@pytest.mark.parametrize("name", HARMLESS)
def test_what_an_attribute_lacks_is_no_reason_if(program: Program, name: str) -> None:
    old, new = HARMLESS[name]
    program.runs({"m.py": old})
    m = program.module("m")
    m.make()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.make()
    assert m.tell()


def test_what_is_used_of_attributes_is_read_from_the_code() -> None:
    text = """
    def f(self, other):
        self.a.b.c
        other.d.e()
        if self.g: self.g.h
        [self.i.j for _ in other]
        type(self.k); self.k.l
        self.m = 1; self.m.n
    """
    space: dict[str, object] = {}
    exec(textwrap.dedent(text), space)
    assert parts_used(space["f"].__code__) == {  # type: ignore[attr-defined]
        Part("a", "b", True, False),
        Part("b", "c", False, False),
        Part("d", "e", False, False),
        Part("g", "h", True, True),
        Part("i", "j", True, False),
    }

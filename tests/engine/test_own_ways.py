"""Classes and modules that answer in ways of their own are read without asking them."""

from __future__ import annotations

import pytest

from hotpatch import engine, patching
from hotpatch.plan import Effect
from tests.engine.conftest import Program

OWN = """\
import sys, types
ASKED = []
def ask(what):
    ASKED.append(what)
    if len(ASKED) > LIMIT: raise RuntimeError(what)
LIMIT = 10 ** 9
class M(type):
    def __getattribute__(cls, name): ask(name); return type.__getattribute__(cls, name)
    def __setattr__(cls, name, value): ask(name); type.__setattr__(cls, name, value)
    def __repr__(cls): ask('repr'); return 'M'
    def __call__(cls): ask('call'); return type.__call__(cls)
    def __instancecheck__(cls, other): ask('instancecheck'); return True
    def __subclasscheck__(cls, other): ask('subclasscheck'); return True
    def __len__(cls): ask('len'); return 0
    def __bool__(cls): ask('bool'); return False
    def __iter__(cls): ask('iter'); return iter(())
    def __contains__(cls, item): ask('contains'); return True
class D:
    def __init__(self, v): self.v = v
    def __get__(self, o, c): ask('get'); return self.v
    def __set__(self, o, v): ask('set'); self.v = v
    def __delete__(self, o): ask('delete')
class Mod(types.ModuleType):
    def __getattribute__(self, name):
        if name == 'watched': ask(name)
        return types.ModuleType.__getattribute__(self, name)
    def __setattr__(self, name, value): ask(name); types.ModuleType.__setattr__(self, name, value)
"""
EDITS = {
    "a method": (
        "class C(metaclass=M):\n    def f(self): return 1",
        "class C(metaclass=M):\n    def f(self): return 2",
    ),
    "an attribute": ("class C(metaclass=M):\n    x = 1", "class C(metaclass=M):\n    x = 2\n    y = 3"),
    "an attribute that goes": (
        "class C(metaclass=M):\n    x = 1\n    y = 2",
        "class C(metaclass=M):\n    x = 1",
    ),
    "a class that goes": ("class C(metaclass=M): pass\nd = 1", "d = 2"),
    "a class that comes": ("d = 1", "class C(metaclass=M):\n    def f(self): return 1\nd = 2"),
    "a base": (
        "class A(metaclass=M): pass\nclass B(metaclass=M): pass\nclass C(A): pass",
        "class A(metaclass=M): pass\nclass B(metaclass=M): pass\nclass C(B): pass",
    ),
    "a descriptor": ("class C:\n    x = D(1)", "class C:\n    x = D(2)"),
    "a descriptor that comes": ("class C: pass", "class C:\n    x = D(2)"),
    "a variable of a module": (
        "sys.modules[__name__].__class__ = Mod\nwatched = 1",
        "sys.modules[__name__].__class__ = Mod\nwatched = 2\nmore = 3",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_asks_them_nothing(program: Program, what: str) -> None:
    before, after = EDITS[what]
    program.runs({"m.py": f"{OWN}{before}\n"})
    m = program.module("m")
    m.ASKED.clear()
    vars(m)["LIMIT"] = 0
    outcome = program.patch({"m.py": f"{OWN}{after}\n"})
    assert outcome, outcome.reasons
    assert m.ASKED == []
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.ASKED == []


def test_an_error_of_theirs_is_the_reason(program: Program) -> None:
    text = "class M(type):\n    def mro(cls): return type.mro(cls) if len(type.mro(cls)) < {} else 1 / 0\n"
    text += "class A(metaclass=M): pass\nclass B(metaclass=M): pass\n"
    program.runs({"m.py": text.format(5) + "class C(A): pass\nLIMIT = 1\n"})
    m = program.module("m")
    m.M.mro = lambda cls: 1 / 0
    outcome = program.patch({"m.py": text.format(5) + "class C(A, B): pass\nLIMIT = 2\n"})
    assert outcome.effect is Effect.RELOAD and "division by zero" in outcome.reasons[0]
    assert m.LIMIT == 1


@pytest.mark.parametrize(("stage", "what"), [("measure", "the measurement"), ("stage", "laying the edit")])
def test_whatever_goes_wrong_is_an_outcome(
    program: Program, monkeypatch: pytest.MonkeyPatch, stage: str, what: str
) -> None:
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")
    program.becomes({"m.py": "X = 2\n"})
    monkeypatch.setattr(engine, stage, lambda *_, **__: 1 / 0)
    outcome = patching.patch(program.before, program.after, root=program.root)
    assert outcome.effect is Effect.RELOAD
    assert what in outcome.reasons[0] and "ZeroDivisionError" in outcome.reasons[0]
    assert m.X == 1

"""A method that moves between a class and its base, held bound by somebody."""

from __future__ import annotations

import pickle

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

METHOD = "    def get(self, key): return {}\n"
TEXT = "class Reader:\n    kind = 'r'\n{}class Store(Reader):\n    def __init__(self): self.rows = {{}}\n{}"
UP = TEXT.format("", METHOD.format("key")), TEXT.format(METHOD.format("key * 2"), "")
DOWN = TEXT.format(METHOD.format("key"), ""), TEXT.format("", METHOD.format("key * 2"))


@pytest.mark.parametrize("texts", [UP, DOWN], ids=["up", "down"])
def test_a_bound_method_that_moved_runs_the_new_code(program: Program, texts: tuple[str, str]) -> None:
    before, after = texts
    program.runs({"stores.py": before})
    stores = program.module("stores")
    store = stores.Store()
    get = store.get
    outcome = program.patch({"stores.py": after})
    assert outcome, outcome.reasons
    assert get(1) == store.get(1) == 2
    home = "Reader" if texts is UP else "Store"
    assert get.__qualname__ == f"{home}.get" and pickle.loads(pickle.dumps(store)).get(1) == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert get(1) == store.get(1) == 1


def test_an_override_that_comes_is_another_method(program: Program) -> None:
    program.runs({"stores.py": TEXT.format(METHOD.format("key"), "")})
    stores = program.module("stores")
    read = stores.Reader.get
    both = TEXT.format(METHOD.format("key"), METHOD.format("key * 2"))
    outcome = program.patch({"stores.py": both})
    assert outcome, outcome.reasons
    assert stores.Reader.get is read and read(None, 1) == 1
    assert stores.Store().get(1) == 2


def test_a_method_that_uses_super_belongs_to_its_class(program: Program) -> None:
    text = "class Root:\n    def get(self, key): return key\nclass Reader(Root):\n    kind = 'r'\n{}"
    text += "class Store(Reader):\n    def put(self, key): return super().get(key)\n{}"
    method = "    def get(self, key): return super().get(key){}\n"
    program.runs({"stores.py": text.format("", method.format(""))})
    stores = program.module("stores")
    store = stores.Store()
    outcome = program.patch({"stores.py": text.format(method.format(" * 2"), "")})
    assert outcome, outcome.reasons
    assert store.get(1) == store.put(1) == 2


def test_two_classes_that_hand_up_the_same_method(program: Program) -> None:
    text = "class Reader:\n    kind = 'r'\n{0}class A(Reader):\n    kind = 'a'\n{1}"
    text += "class B(Reader):\n    kind = 'b'\n{1}"
    program.runs({"stores.py": text.format("", METHOD.format("key"))})
    stores = program.module("stores")
    a, b = stores.A(), stores.B()
    outcome = program.patch({"stores.py": text.format(METHOD.format("self.kind"), "")})
    assert outcome, outcome.reasons
    assert (a.get(1), b.get(1)) == ("a", "b")


def test_of_two_classes_that_hand_up_the_same_method_a_bound_one_of_either_follows(program: Program) -> None:
    text = "class Reader:\n    kind = 'r'\n{0}class A(Reader):\n    kind = 'a'\n{1}"
    text += "class B(Reader):\n    kind = 'b'\n{1}"
    program.runs({"stores.py": text.format("", METHOD.format("key"))})
    stores = program.module("stores")
    a, b, bare = stores.A().get, stores.B().get, stores.B.get
    outcome = program.patch({"stores.py": text.format(METHOD.format("self.kind"), "")})
    assert outcome, outcome.reasons
    assert (a(1), b(1), bare(stores.B(), 1)) == ("a", "b", "b")
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (a(1), b(1), bare(stores.B(), 1)) == (1, 1, 1)


@pytest.mark.parametrize("held", [True, False])
def test_a_method_that_several_classes_take_over_in_different_forms_is_nobodys(
    program: Program, held: bool
) -> None:
    text = "class Reader:\n    kind = 'r'\n{0}class A(Reader):\n    kind = 'a'\n{1}"
    text += "class B(Reader):\n    kind = 'b'\n{2}"
    program.runs({"stores.py": text.format(METHOD.format("key"), "", "")})
    stores = program.module("stores")
    b = stores.B()
    get = b.get if held else None
    outcome = program.patch({"stores.py": text.format("", METHOD.format("'A'"), METHOD.format("'B'"))})
    assert bool(outcome) is not held, outcome.reasons
    assert b.get(1) == (1 if held else "B") and (get is None or get(1) == 1)


ORDER = """
class Meta(type):
    def mro(cls): {mro}
class One(metaclass=Meta):
    def who(self): return "one"
class Two(metaclass=Meta):
    def who(self): return "two"
class Thing(One, Two): pass
def f(): return {told}
"""


def test_another_order_in_which_a_metaclass_looks_through_bases_is_the_reason(program: Program) -> None:
    program.runs({"m.py": ORDER.format(mro="return super().mro()", told=1)})
    m = program.module("m")
    thing = m.Thing()
    turned = "found = super().mro(); return [found[0], *found[1:-1][::-1], found[-1]]"
    outcome = program.patch({"m.py": ORDER.format(mro=turned, told=2)})
    assert outcome.effect is Effect.RELOAD
    assert thing.who() == "one" and m.f() == 1


def test_where_that_order_stays_all_else_is_live(program: Program) -> None:
    program.runs({"m.py": ORDER.format(mro="return super().mro()", told=1)})
    m = program.module("m")
    outcome = program.patch({"m.py": ORDER.format(mro="return list(super().mro())", told=2)})
    assert outcome, outcome.reasons
    assert m.Thing().who() == "one" and m.f() == 2

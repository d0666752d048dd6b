from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain, survey
from hotpatch.plan import Grade
from tests.epochs.requests import Open

Make = Callable[..., Program]


def test_class_constant_by_epoch_and_instances_own_value_wins(program: Make) -> None:
    text = "class C:\n    x = {v}\nclass D(C): pass\n"
    app = program(app=text.format(v=1))
    m = app["app"]
    own = m.D()
    own.x = "own"
    old = Open()
    version = install(app.ops({"app": text.format(v=2)}))
    version.flip()
    assert (old.run(getattr, m.C, "x"), old.run(getattr, m.D(), "x"), old.run(getattr, own, "x")) == (
        1,
        1,
        "own",
    )
    assert (m.C.x, m.D().x, own.x) == (2, 2, "own")
    old.end()
    assert version.collapse() and vars(m.C)["x"] == 2


BASE = "class B:\n    def m(self): return 'base'\n"


def test_method_added_and_removed(program: Make) -> None:
    app = program(app=BASE + "class C(B):\n    def gone(self): return 'gone'\n")
    c = app["app"].C()
    old = Open()
    version = install(app.ops({"app": BASE + "class C(B):\n    def m(self): return 'C', super().m()\n"}))
    version.flip()
    new = Open()
    assert old.run(lambda: (c.m(), c.gone())) == ("base", "gone")
    assert new.run(lambda: c.m()) == ("C", "base")
    with pytest.raises(AttributeError, match=r"^'C' object has no attribute 'gone'$"):
        new.run(lambda: c.gone())
    with pytest.raises(AttributeError, match=r"^type object 'C' has no attribute 'gone'$"):
        new.run(lambda: app["app"].C.gone)
    old.end()
    new.end()
    assert version.collapse() and "gone" not in vars(app["app"].C) and c.m() == ("C", "base")
    back = version.rollback()
    assert c.m() == "base" and c.gone() == "gone"
    assert back.collapse() and is_plain() and "m" not in vars(app["app"].C)


def test_an_added_method_that_the_old_version_answers_by_getattr(program: Make) -> None:
    text = "class C:\n    def __getattr__(self, name): return 'dynamic ' + name\n"
    app = program(app=text)
    c = app["app"].C()
    old = Open()
    version = install(app.ops({"app": text + "    def m(self): return 'real'\n"}))
    version.flip()
    assert old.run(lambda: c.m) == "dynamic m" and c.m() == "real"
    old.end()
    assert version.collapse()


STATIC_CLASS_AND_PROPERTY = """
class C:
    @staticmethod
    def s(): return 's'
    @classmethod
    def c(cls): return cls
    @property
    def p(self): return 'p'
"""


def test_static_class_method_and_property_added(program: Make) -> None:
    new = STATIC_CLASS_AND_PROPERTY
    app = program(app="class C: pass\n")
    kind = app["app"].C
    instance = kind()
    vars(instance)["p"] = "the instance's"
    old = Open()
    version = install(app.ops({"app": new}))
    version.flip()
    assert (kind.s(), kind.c(), instance.p) == ("s", kind, "p"), "a property wins over the instance"
    assert old.run(lambda: instance.p) == "the instance's"
    assert not old.run(hasattr, kind, "s")
    old.run(setattr, instance, "p", "set by old")
    assert old.run(lambda: instance.p) == "set by old"
    with pytest.raises(AttributeError):
        instance.p = 1
    old.end()
    assert version.collapse() and instance.p == "p"


def test_a_property_that_becomes_a_plain_value(program: Make) -> None:
    app = program(app="class C:\n    @property\n    def p(self): return 'computed'\n")
    c = app["app"].C()
    old = Open()
    version = install(app.ops({"app": "class C:\n    p = 'plain'\n"}))
    version.flip()
    assert old.run(lambda: c.p) == "computed" and c.p == "plain"
    c.p = "own"
    assert c.p == "own" and old.run(lambda: c.p) == "computed"
    del c.p
    assert c.p == "plain"
    old.end()
    assert version.collapse() and c.p == "plain"


def test_method_gains_super(program: Make) -> None:
    app = program(app=BASE + "class C(B):\n    def m(self): return 'C'\n")
    c = app["app"].C()
    old = Open()
    version = install(
        app.ops({"app": BASE + "class C(B):\n    def m(self): return 'C', super().m(), __class__.__name__\n"})
    )
    version.flip()
    assert old.run(c.m) == "C" and c.m() == ("C", "base", "C")
    old.end()
    assert version.collapse() and c.m() == ("C", "base", "C")
    back = version.rollback()
    assert c.m() == "C" and back.collapse() and c.m() == "C"


DATACLASS = """
from dataclasses import dataclass, field, fields, astuple, replace

@dataclass
class Item:
    name: str
    price: int = 1
{more}

def make():
    return Item("a")
def shape(item):
    names = [f.name for f in fields(item)]
    return names, Item.__match_args__, repr(item), item == Item("a"), astuple(replace(item))
"""


def test_dataclass_new_field_both_epochs(program: Make) -> None:
    app = program(app=DATACLASS.format(more=""))
    m = app["app"]
    kept = m.make()
    old = Open()
    alone = m.shape(m.make())
    ops = app.ops({"app": DATACLASS.format(more="    stock: int = 7")})
    assert {graded.grade for graded in survey(ops)} == {Grade.CANARY}
    version = install(ops)
    assert old.run(lambda: m.shape(m.make())) == alone
    version.flip()
    new = Open()
    assert old.run(lambda: m.shape(m.make())) == alone
    expected = (
        ["name", "price", "stock"],
        ("name", "price", "stock"),
        "Item(name='a', price=1, stock=7)",
        True,
        ("a", 1, 7),
    )
    assert new.run(lambda: m.shape(m.make())) == expected
    assert new.run(lambda: kept.stock) == 7, (
        "an object made by the old version finds the default on the class"
    )
    assert not old.run(hasattr, kept, "stock")
    old.end()
    assert version.collapse() and m.shape(m.make()) == expected == m.shape(kept)
    new.end()


def test_the_applications_own_class_assignment_stays(program: Make) -> None:
    text = "class C:\n    x = {v}\n"
    app = program(app=text.format(v=1))
    version = install(app.ops({"app": text.format(v=2)}))
    app["app"].C.x = "set"
    version.flip()
    assert app["app"].C.x == "set" and version.collapse() and app["app"].C.x == "set"


def test_instances_pickle_during_a_rollout(program: Make) -> None:
    text = "class C:\n    x = {v}\n    def m(self): return {v}\n"
    app = program(app=text.format(v=1))
    version = install(app.ops({"app": text.format(v=2)}))
    version.flip()
    assert pickle.loads(pickle.dumps(app["app"].C())).m() == 2
    assert version.collapse()

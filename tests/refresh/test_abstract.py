"""`isinstance` asks again where classes changed."""

from __future__ import annotations

from collections.abc import Iterable

from hotpatch.engine.commit import commit
from hotpatch.ops import ABSENT, Op
from hotpatch.refresh import begin
from tests.refresh.programs import Programs, new_code, on_class

SOURCE = """
    import abc
    class Thing:
        def size(self): return 1
    class Sized(abc.ABC):
        @classmethod
        def __subclasshook__(cls, other): return any("size" in vars(c) for c in other.__mro__)
    def nothing(): pass
"""


def apply(program: Programs, *ops: Op) -> None:
    with begin(ops, root=program.root):
        commit(ops)


def test_a_class_that_gains_a_method_is_asked_again(program: Programs) -> None:
    m = program.load("hp_abc_a", SOURCE)
    assert not isinstance(m.Thing(), Iterable)
    apply(program, on_class(m.Thing, "__iter__", lambda self: iter(())))
    assert isinstance(m.Thing(), Iterable)
    apply(program, on_class(m.Thing, "__iter__", ABSENT))
    assert not isinstance(m.Thing(), Iterable)


def test_a_hook_that_decides_in_another_way_is_asked_again(program: Programs) -> None:
    m = program.load("hp_abc_b", SOURCE)
    assert isinstance(m.Thing(), m.Sized)
    hook = vars(m.Sized)["__subclasshook__"].__func__
    apply(program, new_code(hook, "def __subclasshook__(cls, other): return False"))
    assert not isinstance(m.Thing(), m.Sized)


def test_registrations_stay(program: Programs) -> None:
    m = program.load("hp_abc_c", SOURCE)

    class Other:
        pass

    m.Sized.__subclasshook__ = classmethod(lambda cls, other: NotImplemented)
    m.Sized.register(Other)
    assert isinstance(Other(), m.Sized)
    apply(program, on_class(m.Thing, "__iter__", lambda self: iter(())))
    assert isinstance(Other(), m.Sized)

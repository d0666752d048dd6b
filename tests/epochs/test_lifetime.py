"""Old code really goes: by reference count alone, without the collector, and for good."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import Version, aliases, install, is_plain, names, pins, tend
from hotpatch.epochs.functions import clones
from hotpatch.ops import Op
from tests.epochs.requests import Open

Make = Callable[..., Program]

TEXT = """
X = {v}
def f(a=({v},)):
    return X, {v}, a
def stream():
    while True:
        yield X, f()
class C:
    k = ({v},)
    def m(self):
        return self.k, X
    def only_{name}(self):
        return {v}
"""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def edits(app: Program, v: int, collect: bool = True) -> tuple[Op, ...]:
    ops = app.ops({"app": TEXT.format(v=v, name=v % 3)})
    if collect:
        gc.collect()  # the modules that the builder executed are cycles
    return ops


def release(app: Program, v: int) -> Version:
    return install(edits(app, v))


def test_losers_garbage_by_refcount(program: Make) -> None:
    app = program(app=TEXT.format(v=1, name=1))
    m = app["app"]
    old = [weakref.ref(each) for each in (m.f.__code__, m.C.only_1, m.C.only_1.__code__)]
    version = release(app, 2)
    version.flip()
    assert version.collapse()
    assert all(ref() is not None for ref in old), "the undo record has them"
    del version
    assert [ref() for ref in old] == [None] * len(old)


def test_withdrawn_code_is_garbage_by_refcount(program: Make) -> None:
    app = program(app=TEXT.format(v=1, name=1))
    ops = edits(app, 2)
    new = [weakref.ref(op.after) for op in ops if isinstance(op.after, (FunctionType, CodeType))]
    version = install(ops)
    version.withdraw()
    del version, ops
    assert new and [ref() for ref in new] == [None] * len(new)


def test_clones_and_dispatchers_go_at_the_collapse(program: Make) -> None:
    app = program(app=TEXT.format(v=1, name=1))
    version = release(app, 2)
    dispatcher = weakref.ref(app["app"].f.__code__)
    assert len(clones) > 0
    version.flip()
    assert version.collapse()
    assert dispatcher() is None and len(clones) == 0


def test_a_stream_keeps_its_code_and_alias_and_nothing_else(program: Make) -> None:
    app = program(app=TEXT.format(v=1, name=1))
    version = release(app, 2)
    version.flip()
    request = Open()
    items = request.run(app["app"].stream)
    next(items)
    assert version.collapse()
    (alias,) = [name for name in vars(app["app"]) if "@" in name]
    request.end()
    assert next(items)[0] == 2
    items.close()
    del items
    assert alias not in vars(app["app"]) and not aliases._alive


def test_two_aliases_of_one_name_at_a_time_never_share_a_place(program: Make) -> None:
    """The first is free only when the last code that reads it is gone, also where it stands for nothing."""
    module: dict[str, int] = {}
    nothing = aliases.Alias(module, "X")
    code = names.rename(compile("X", "app.py", "eval"), {"X": nothing.name})
    nothing.read_by(code)
    nothing.retire()
    second = aliases.Alias(module, "X")
    assert (nothing.name, second.name) == ("X@1", "X@2")
    del code
    third = aliases.Alias(module, "X")
    assert third.name == "X@1"
    second.retire()
    third.retire()
    assert not aliases._alive


def test_300_releases_no_growth(program: Make) -> None:
    app = program(app=TEXT.format(v=1, name=1))

    def rounds(first: int, last: int) -> None:
        for v in range(first, last):
            version = install(edits(app, v, collect=v % 20 == 0))
            if v % 5 == 0:
                version.withdraw()
                continue
            version.flip()
            if v % 7 == 0:
                version.rollback()
            tend()
        assert is_plain()

    def size() -> tuple[int, int, int, int]:
        gc.collect()
        return len(gc.get_objects()), len(vars(app["app"])), len(vars(app["app"].C)), sys.getallocatedblocks()

    rounds(2, 60)
    before = size()
    rounds(60, 360)
    after = size()
    assert after[1:3] == before[1:3]
    assert after[0] - before[0] < 50, "objects"
    assert after[3] - before[3] < 400, "blocks"
    assert not aliases._alive and not pins.open_pins

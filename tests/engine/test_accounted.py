"""Who refers to an object, told by counting: all of them or no answer, never some."""

from __future__ import annotations

import asyncio
import functools
import gc
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

import pytest

from hotpatch.engine import accounted
from hotpatch.engine.accounted import holders


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module of three functions, one of them handed out by another."""
    made = types.ModuleType("accounted_for_test")
    source = "def one(): return 1\ndef make():\n    def inner(): return 2\n    return inner\n"
    exec(compile(source, "accounted_for_test.py", "exec"), vars(made))
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def of_globals(module: types.ModuleType) -> list[Any] | None:
    return holders(lambda: [vars(module)], [module])


def inner_code(module: types.ModuleType) -> types.CodeType:
    return next(const for const in module.make.__code__.co_consts if type(const) is types.CodeType)


def test_all_functions_of_a_module_are_found(module: types.ModuleType) -> None:
    found = of_globals(module)
    assert found is not None
    assert {id(holder) for holder in found} == {id(module), id(module.one), id(module.make)}


def test_a_closure_kept_far_away_is_found(module: types.ModuleType) -> None:
    kept = module.make()
    asyncio.kept_for_test = [{"deep": (kept,)}]  # type: ignore[attr-defined]
    try:
        found = of_globals(module)
    finally:
        del asyncio.kept_for_test  # type: ignore[attr-defined]
    assert found is not None
    assert any(holder is kept for holder in found)


def test_no_answer_where_only_a_stack_knows_the_holder(module: types.ModuleType) -> None:
    kept = module.make()
    assert of_globals(module) is None
    del kept
    assert of_globals(module) is not None


def test_no_answer_where_a_wide_table_may_hide_the_holder(
    module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.table = [module.make(), *[None] * 10]  # type: ignore[attr-defined]
    assert of_globals(module) is not None
    monkeypatch.setattr(accounted, "WIDE", 5)
    del module.one, module.make  # type: ignore[attr-defined]  # its own dict is entered, whatever its size
    assert of_globals(module) is None


def test_no_answer_once_the_walk_has_gone_far_enough(module: types.ModuleType) -> None:
    asyncio.kept_for_test = [{"deep": (module.make(),)}]  # type: ignore[attr-defined]
    try:
        assert holders(lambda: [vars(module)], [module], most=3) is None
    finally:
        del asyncio.kept_for_test  # type: ignore[attr-defined]


def test_a_holder_that_gives_way_to_another_during_the_walk_closes_no_account(
    module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count is the same, and the references are not."""
    first = [vars(module)]
    module.first = first  # type: ignore[attr-defined]
    hidden = []
    note = accounted._Account.note

    def meanwhile(self: Any, obj: Any) -> bool:
        noted = note(self, obj)
        if obj is first and not hidden:
            hidden.append([first.copy(), *[None] * accounted.WIDE])  # too wide to be entered
            first.clear()
        return noted

    monkeypatch.setattr(accounted._Account, "note", meanwhile)
    assert of_globals(module) is None
    assert hidden


@pytest.mark.parametrize("kind", ["function", "generator", "running"])
def test_who_is_on_a_code_object_is_found(module: types.ModuleType, kind: str) -> None:
    inner = module.make()
    if kind == "generator":
        source = "def flow():\n    yield 1\n    yield 2\n"
        exec(compile(source, "accounted_for_test.py", "exec"), vars(module))
        module.kept = module.flow()  # type: ignore[attr-defined]
        next(module.kept)
        expected, target = module.kept, lambda: [module.flow.__code__]
    elif kind == "function":
        module.kept = inner  # type: ignore[attr-defined]
        expected, target = inner, lambda: [inner_code(module)]
    else:
        assert _found_while_running(module)
        return
    found = holders(target, [module])
    assert found is not None
    assert any(holder is expected for holder in found)


def _found_while_running(module: types.ModuleType) -> bool:
    began, go = threading.Event(), threading.Event()
    source = "def wait(began, go):\n    began.set()\n    go.wait()\n"
    exec(compile(source, "accounted_for_test.py", "exec"), vars(module))
    thread = threading.Thread(target=module.wait, args=(began, go))
    thread.start()
    began.wait()
    try:
        found = holders(lambda: [module.wait.__code__], [module], accounted.frames())
    finally:
        go.set()
        thread.join()
    return found is not None and any(
        type(holder) is types.FrameType and holder.f_code is module.wait.__code__ for holder in found
    )


def test_what_a_code_object_refers_to_is_walked_too(module: types.ModuleType) -> None:
    """Dispatchers call functions that stand among their constants, which the collector does not see."""
    kept = module.make()
    module.one.__code__ = module.one.__code__.replace(co_consts=(None, 1, kept))
    del kept
    found = of_globals(module)
    assert found is not None
    assert any(getattr(holder, "__qualname__", "") == "make.<locals>.inner" for holder in found)


def test_all_caches_of_the_process_are_found() -> None:
    cache = functools.lru_cache(len)
    kept = asyncio.kept_for_test = [cache]  # type: ignore[attr-defined]
    try:
        found = holders(lambda: [type(cache)], [])
    finally:
        del asyncio.kept_for_test  # type: ignore[attr-defined]
    del kept
    if found is not None:  # what the test run itself holds on its stacks may leave the account open
        assert {id(obj) for obj in gc.get_objects() if type(obj) is type(cache)} <= {id(o) for o in found}


def test_nothing_is_kept_of_the_search(module: types.ModuleType) -> None:
    before = sys.getrefcount(vars(module)), sys.getrefcount(module.one)
    assert of_globals(module) is not None
    assert (sys.getrefcount(vars(module)), sys.getrefcount(module.one)) == before


def test_under_gevent_the_stacks_of_other_threads_are_told_from_its_own() -> None:
    pytest.importorskip("gevent")
    code = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from hotpatch.engine.accounted import frames
from hotpatch.native import original

def look():
    assert sys._getframe() not in list(frames())
    return True

assert look() and gevent.spawn(look).get()
done = original("_thread", "allocate_lock")()
done.acquire()
seen = []
original("_thread", "start_new_thread")(lambda: (seen.append(look()), done.release()), ())
while not done.acquire(False):
    original("time", "sleep")(0.001)
assert seen == [True]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

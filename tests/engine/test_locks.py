"""A lock that becomes one of another type is exchanged while nobody has it, and one for all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

from hotpatch.plan import Effect, Grade
from tests.engine.conftest import Program

STOCK = """
import threading
class Stock:
    def __init__(self):
        self.lock = threading.{0}()
        self.changed = threading.Condition(self.lock)
    def take(self):
        with self.lock: return 1
STOCK = Stock()
GUARD = threading.{0}()
HELD = []
def guarded(wait):
    with GUARD: wait()
def handed_on(wait):
    guard = GUARD
    wait()
    with guard: pass
"""
BUSY = ("in use just now", "builtin_function_or_method holds the old")
"""By `with` itself, which keeps the lock's `__exit__` ready, or by who knows the lock."""
OLD, NEW = STOCK.format("Lock"), STOCK.format("RLock")


def test_the_lock_of_an_object_and_of_a_module_and_what_is_made_of_it(program: Program) -> None:
    program.runs({"stock.py": OLD})
    stock = program.module("stock")
    outcome = program.patch({"stock.py": NEW})
    assert outcome, outcome.reasons
    assert type(stock.STOCK.lock) is type(stock.GUARD) is type(threading.RLock())
    with stock.STOCK.changed:
        assert stock.STOCK.take() == 1
    assert {edit.grade for edit in outcome.edits if edit.name.lower().endswith(("lock", "guard"))} == {
        Grade.BARRIER
    }
    assert outcome.undo is not None
    outcome.undo.revert()
    assert type(stock.STOCK.lock) is type(stock.GUARD) is type(threading.Lock())
    with stock.STOCK.changed:
        assert stock.GUARD.acquire(blocking=False)
        stock.GUARD.release()


@contextmanager
def in_a_thread(stock: ModuleType, name: str) -> Iterator[None]:
    there, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        there.set()
        go_on.wait(60)

    thread = threading.Thread(target=getattr(stock, name), args=(wait,))
    thread.start()
    there.wait(60)
    try:
        yield
    finally:
        go_on.set()
        thread.join()


@pytest.mark.parametrize("name", ["guarded", "handed_on"])
def test_one_that_somebody_has_or_is_about_to_take_stays(program: Program, name: str) -> None:
    program.runs({"stock.py": OLD})
    stock = program.module("stock")
    with in_a_thread(stock, name):
        outcome = program.patch({"stock.py": NEW})
    assert outcome.effect is Effect.RELOAD
    assert any(said in outcome.reasons[0] for said in BUSY)
    assert type(stock.GUARD) is type(threading.Lock())
    assert stock.GUARD.acquire(blocking=False)


@pytest.mark.parametrize("name", ["guarded", "handed_on"])
def test_it_does_not_go_back_either(program: Program, name: str) -> None:
    program.runs({"stock.py": OLD})
    stock = program.module("stock")
    outcome = program.patch({"stock.py": NEW})
    assert outcome.undo is not None
    with in_a_thread(stock, name), pytest.raises(Exception, match="in use just now"):
        outcome.undo.revert()
    assert type(stock.GUARD) is type(threading.RLock())
    outcome.undo.revert()
    assert type(stock.GUARD) is type(threading.Lock())


def test_one_that_this_thread_has_stays(program: Program) -> None:
    program.runs({"stock.py": NEW})
    stock = program.module("stock")
    with stock.GUARD:
        outcome = program.patch({"stock.py": OLD})
    assert any(said in outcome.reasons[0] for said in BUSY)


def test_one_that_is_kept_elsewhere_stays(program: Program) -> None:
    program.runs({"stock.py": OLD})
    stock = program.module("stock")
    stock.HELD.append((stock.GUARD, stock.GUARD.release))
    outcome = program.patch({"stock.py": NEW})
    assert outcome.effect is Effect.RELOAD
    assert "lock object" in outcome.reasons[0]

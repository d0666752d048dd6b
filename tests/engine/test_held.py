"""A class gives way to another class object: who holds an object of it, or the class, is not left behind."""

from __future__ import annotations

import dis
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from hotpatch import engine
from hotpatch.engine.held import loaded
from hotpatch.errors import PatchRefused
from hotpatch.plan import Effect
from tests.engine.conftest import Program

OLD = "class A:\n    pass\nclass Box:\n    pass\n"
NEW = "class A:\n    pass\nclass Box(A):\n    pass\n"


class Holder:
    """A thread that does `first`, waits, and goes on with `then`."""

    def __init__(self, work: Callable[[Callable[[], None]], Any]) -> None:
        self._there, self._go = threading.Event(), threading.Event()
        self.answer: Any = None

        def run() -> None:
            self.answer = work(self._wait)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert self._there.wait(30)

    def _wait(self) -> None:
        self._there.set()
        self._go.wait(60)

    def goes_on(self) -> Any:
        self._go.set()
        self._thread.join(30)
        return self.answer


def boxes(program: Program) -> Any:
    program.runs({"m.py": OLD})
    return program.module("m")


def local_object(m: Any) -> Callable[[Callable[[], None]], Any]:
    def work(wait: Callable[[], None]) -> bool:
        held = m.Box()
        wait()
        return isinstance(held, m.Box)

    return work


def local_class(m: Any) -> Callable[[Callable[[], None]], Any]:
    def work(wait: Callable[[], None]) -> bool:
        box = m.Box
        wait()
        return isinstance(box(), m.Box)

    return work


def class_on_the_stack(m: Any) -> Callable[[Callable[[], None]], Any]:
    def work(wait: Callable[[], None]) -> bool:
        return isinstance(m.Box(*(wait() or ())), m.Box)

    return work


def test_an_object_that_only_a_running_frame_holds_follows_its_class(program: Program) -> None:
    m = boxes(program)
    holder = Holder(local_object(m))
    outcome = program.patch({"m.py": NEW})
    assert outcome, outcome.reasons
    assert holder.goes_on() is True


Box = types.SimpleNamespace


def another_of_the_name(_m: Any) -> Callable[[Callable[[], None]], Any]:
    def work(wait: Callable[[], None]) -> bool:
        return isinstance(Box(**(wait() or {})), Box)

    return work


def test_a_frame_that_has_loaded_something_else_of_that_name_holds_nothing(program: Program) -> None:
    m = boxes(program)
    holder = Holder(another_of_the_name(m))
    outcome = program.patch({"m.py": NEW})
    assert outcome, outcome.reasons
    assert holder.goes_on() is True


def class_below_a_comprehension(m: Any) -> Callable[[Callable[[], None]], Any]:
    def work(wait: Callable[[], None]) -> bool:
        return isinstance(m.Box(*[made for _ in "a" if (made := wait())]), m.Box)

    return work


@pytest.mark.parametrize("work", [local_class, class_on_the_stack, class_below_a_comprehension])
def test_a_frame_that_holds_the_class_and_stays_is_the_reason(program: Program, work: Any) -> None:
    m = boxes(program)
    holder = Holder(work(m))
    outcome = program.patch({"m.py": NEW})
    assert outcome.effect is Effect.RELOAD
    assert "holds the class Box" in outcome.reasons[0]
    assert holder.goes_on() is True


def test_a_frame_that_lets_the_class_go_is_waited_for(program: Program) -> None:
    m = boxes(program)
    staged = engine.stage(program.measure({"m.py": NEW}), str(program.root))
    holder = Holder(local_class(m))
    assert [blocker.holds for blocker in staged.blockers_now()] == ["Box"]
    threading.Timer(0.2, holder.goes_on).start()
    engine.commit_quietly(staged, seconds=30)
    assert m.Box.__bases__ == (m.A,)


def suspended_generator(m: Any) -> Any:
    def numbers() -> Any:
        yield isinstance(m.Box(*(yield ())), m.Box)

    made = numbers()
    next(made)
    return made


def suspended_greenlet(m: Any) -> Any:
    greenlet = pytest.importorskip("greenlet")

    def work() -> None:
        box = m.Box
        greenlet.getcurrent().parent.switch()
        box()

    made = greenlet.greenlet(work)
    made.switch()
    return made


@pytest.mark.parametrize("hold", [suspended_generator, suspended_greenlet])
def test_what_is_suspended_since_staging_and_holds_the_class_is_the_reason(
    program: Program, hold: Callable[[Any], Any]
) -> None:
    m = boxes(program)
    staged = engine.stage(program.measure({"m.py": NEW}), str(program.root))
    holds = hold(m)
    with pytest.raises(PatchRefused, match="holds the class Box"):
        engine.commit_now(staged)
    assert m.Box.__bases__ == (object,)
    del holds


def test_an_object_made_between_staging_and_commit_follows_its_class(program: Program) -> None:
    m = boxes(program)
    staged = engine.stage(program.measure({"m.py": NEW}), str(program.root))
    late = m.Box()
    undo = engine.commit_now(staged)
    assert isinstance(late, m.Box)
    undo.revert()
    assert type(late) is m.Box


def test_an_object_made_after_the_commit_follows_its_class_back(program: Program) -> None:
    m = boxes(program)
    outcome = program.patch({"m.py": NEW})
    made = m.Box()
    assert outcome.undo is not None
    outcome.undo.revert()
    assert type(made) is m.Box


def test_what_a_statement_has_loaded_is_known_until_it_ends() -> None:
    def f() -> None:
        early = first(1)  # type: ignore[name-defined]  # noqa: F821
        Box(early, x := last(2), wait(x))  # type: ignore[name-defined]  # noqa: F821

    code = f.__code__
    assert loaded(code, len(code.co_code) - 6) == {"Box", "last", "wait"}


def test_a_comprehension_ends_no_statement() -> None:
    def f(some: Any) -> None:
        Box([x for x in some], wait(some))  # type: ignore[name-defined]  # noqa: C416, F821

    assert loaded(f.__code__, end_of(f.__code__)) >= {"Box", "wait"}


def test_what_an_object_is_made_of_is_let_go_of_before_it_is_used() -> None:
    def f() -> None:
        made = Box()
        made.wait()

    assert loaded(f.__code__, end_of(f.__code__)) == {"wait"}


def test_what_is_waited_for_ends_no_statement() -> None:
    async def f() -> None:
        Box(await first(), wait())  # type: ignore[name-defined]  # noqa: F821

    assert loaded(f.__code__, end_of(f.__code__)) >= {"Box", "wait"}


def end_of(code: types.CodeType) -> int:
    """Where a frame is that has called what this code calls `wait`."""
    steps = list(dis.get_instructions(code))
    at = next(i for i, step in enumerate(steps) if step.argval == "wait")
    return next(step.offset for step in steps[at:] if step.opname == "CALL")


def test_a_class_that_gives_way_twice_is_not_held_by_the_record_of_the_first_time(program: Program) -> None:
    m = boxes(program)
    box = m.Box()
    first = program.patch({"m.py": NEW})
    assert first, first.reasons
    program._write(program.before, {"m.py": NEW})
    second = program.patch({"m.py": OLD})
    assert second, second.reasons
    assert type(box) is m.Box
    assert m.Box.__bases__ == (object,)
    for outcome in (second, first):
        assert outcome.undo is not None
        outcome.undo.revert()
    assert type(box) is m.Box


def test_a_module_outside_of_the_program_that_took_the_class_by_name_follows(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = boxes(program)
    library = types.ModuleType("library_of_boxes")
    monkeypatch.setitem(sys.modules, "library_of_boxes", library)
    vars(library).update(Box=m.Box, made=m.Box())
    old = id(m.Box)
    outcome = program.patch({"m.py": NEW})
    assert outcome, outcome.reasons
    assert library.Box is m.Box and id(m.Box) != old
    assert type(library.made) is m.Box
    assert outcome.undo is not None
    outcome.undo.revert()
    assert library.Box is m.Box and id(m.Box) == old

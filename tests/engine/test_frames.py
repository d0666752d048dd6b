"""Old code that goes on: found in the bytecode beforehand, and in the live process."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any

import greenlet  # type: ignore[import-untyped]
import pytest

from hotpatch.engine.flow import endless_loop, flow_of
from hotpatch.engine.frames import Blocker, blockers, may_never_return


def function(source: str) -> FunctionType:
    """The first function that a source defines."""
    namespace: dict[str, Any] = {}
    exec(compile(dedent(source), "sample.py", "exec"), namespace)
    return next(value for value in namespace.values() if isinstance(value, FunctionType))


def code_of(source: str) -> CodeType:
    return function(source).__code__


# -- beforehand ------------------------------------------------------------------------------

ENDLESS = {
    "while True": """
        def f():
            while True:
                work()
        """,
    "after a part that ends": """
        def f(a):
            if not a:
                return
            for i in a:
                work(i)
            while 1:
                work()
        """,
    "with a lock": """
        def f():
            while True:
                with lock:
                    work()
        """,
    "errors logged": """
        def f():
            while True:
                try:
                    work()
                except Exception:
                    log()
        """,
    "errors passed on": """
        def f():
            while True:
                try:
                    work()
                except Exception:
                    log()
                    raise
        """,
    "finally": """
        def f():
            while True:
                try:
                    work()
                finally:
                    tidy()
        """,
    "assert": """
        def f():
            while True:
                assert work()
        """,
    "own exception, caught": """
        def f():
            while True:
                try:
                    if work():
                        raise Empty
                except Empty:
                    continue
        """,
    "coroutine": """
        async def f():
            while True:
                await work()
        """,
    "async with": """
        async def f():
            while True:
                async with lock:
                    await work()
        """,
    "generator": """
        def f():
            while True:
                yield work()
        """,
    "inner loop that ends": """
        def f():
            while True:
                for i in work():
                    if i:
                        break
        """,
}

ENDING = {
    "break": """
        def f():
            while True:
                if work():
                    break
        """,
    "return in a handler": """
        def f():
            while True:
                try:
                    work()
                except Stop:
                    return
        """,
    "raise": """
        def f():
            while True:
                if work():
                    raise Stop
        """,
    "raise with a lock held": """
        def f():
            while True:
                with lock:
                    if work():
                        raise Stop
        """,
    "raise through finally": """
        def f():
            while True:
                try:
                    if work():
                        raise Stop
                finally:
                    tidy()
        """,
    "condition": """
        def f(self):
            while self.running:
                work()
        """,
    "for": """
        def f():
            for item in iter(work, None):
                work(item)
        """,
    "async for": """
        async def f():
            async for item in work():
                await work(item)
        """,
    "no loop": """
        def f():
            return [i for i in work()]
        """,
    "generator that raises": """
        def f():
            while True:
                yield work()
                if work():
                    raise Stop
        """,
    "return in a match": """
        def f():
            while True:
                match work():
                    case 1:
                        return 2
                    case _:
                        pass
        """,
    "one await": """
        async def f():
            return await work()
        """,
    "ends by raising": """
        def f():
            work()
            raise NotImplementedError
        """,
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=list(ENDLESS))
def test_a_loop_without_a_way_out_may_never_return(source: str) -> None:
    assert endless_loop(code_of(source)) is not None


@pytest.mark.parametrize("source", ENDING.values(), ids=list(ENDING))
def test_a_loop_with_a_way_out_may_return(source: str) -> None:
    assert endless_loop(code_of(source)) is None


def test_the_loop_is_named_with_its_line() -> None:
    (endless,) = may_never_return([code_of("def f():\n    a = 1\n    while True:\n        work()\n")])
    assert (endless.qualname, endless.file) == ("f", "sample.py")
    assert endless.line in (3, 4)
    assert "may never return" in str(endless)


def test_inner_functions_are_looked_at_too() -> None:
    module = compile(
        "def outer():\n    def run():\n        while True: work()\n    return run\n", "m.py", "exec"
    )
    assert [e.qualname for e in may_never_return([module])] == ["outer.<locals>.run"]


def test_every_instruction_of_a_large_function_is_understood() -> None:
    """Whatever a CPython compiles, each step leads to a known one: jumps, handlers, inline caches."""
    for function in vars(asyncio.base_events.BaseEventLoop).values():
        if isinstance(function, FunctionType):
            flow = flow_of(function.__code__)
            known = set(flow.offsets)
            assert {to for nexts in flow.after.values() for to in nexts} | set(flow.handler.values()) <= known


def test_names_are_those_that_may_still_be_read() -> None:
    code = code_of("def f(a):\n    first(a)\n    second(a)\n    a.third()\n")
    flow = flow_of(code)
    second = next(o for o in flow.offsets if flow.steps[o].argval == "second")
    assert flow.names(0) >= {"first", "second", "third"}
    assert "first" not in flow.names(second)


# -- live ------------------------------------------------------------------------------------


@contextmanager
def in_thread(target: Callable[..., object], *args: object, ready: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=target, args=args, name="worker-1", daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield
    finally:
        args[-1].set()  # type: ignore[attr-defined]
        thread.join(30)
        assert not thread.is_alive()


class Finished(Exception):
    pass


def spins(ready: threading.Event, stop: threading.Event) -> None:
    ready.set()
    while True:
        waits(stop)


def waits(stop: threading.Event) -> None:
    if stop.wait(0.01):
        raise Finished


def guarded(target: Callable[..., object], *args: object) -> None:
    with suppress(Finished):
        target(*args)


def once(ready: threading.Event, stop: threading.Event) -> None:
    ready.set()
    stop.wait(30)
    helper(1)


def helper(value: int) -> int:
    return value


def test_a_thread_in_an_endless_loop_is_found_and_never_leaves() -> None:
    ready, stop = threading.Event(), threading.Event()
    with in_thread(guarded, spins, ready, stop, ready=ready):
        (found,) = blockers([spins.__code__])
    assert (found.holder, found.qualname, found.running) == ("thread worker-1", "spins", True)
    assert found.never_leaves
    assert found.in_loop
    assert found.file == __file__
    assert spins.__code__.co_firstlineno < found.line <= spins.__code__.co_firstlineno + 3
    assert "never leaves its loop" in str(found)


def test_a_thread_that_will_leave_is_told_apart() -> None:
    ready, stop = threading.Event(), threading.Event()
    with in_thread(once, ready, stop, ready=ready):
        (found,) = blockers([once.__code__])
    assert not found.never_leaves
    assert not found.in_loop
    assert found.calls == ()


def test_what_a_frame_would_still_call_in_the_old_way_is_named() -> None:
    ready, stop = threading.Event(), threading.Event()
    with in_thread(once, ready, stop, ready=ready):
        (found,) = blockers([once.__code__], incompatible={"helper", "other"})
    assert found.calls == ("helper",)
    assert "would call helper with old arguments" in str(found)


def test_code_that_nothing_runs_has_no_blockers() -> None:
    assert blockers([helper.__code__]) == ()


def test_code_is_told_by_identity() -> None:
    ready, stop = threading.Event(), threading.Event()
    with in_thread(once, ready, stop, ready=ready):
        assert blockers([once.__code__.replace()]) == ()


def numbers() -> Generator[int, None, None]:
    yield 1
    yield helper(2)


def test_a_suspended_generator_is_found_among_given_objects() -> None:
    generator = numbers()
    next(generator)
    (found,) = blockers([numbers.__code__], objects=[generator, object()], incompatible={"helper"})
    assert (found.holder, found.running, found.calls) == ("generator", False, ("helper",))
    generator.close()


def test_a_generator_that_has_not_begun_is_found() -> None:
    generator = numbers()
    (found,) = blockers([numbers.__code__], objects=[generator], incompatible={"helper"})
    assert found.calls == ("helper",)


def test_a_finished_generator_is_none() -> None:
    generator = numbers()
    assert list(generator) == [1, 2]
    assert blockers([numbers.__code__], objects=[generator]) == ()


async def inner(event: asyncio.Event) -> None:
    while True:
        await event.wait()
        if event.is_set():
            break


async def outer(event: asyncio.Event) -> None:
    await inner(event)


def test_tasks_are_found_with_all_that_they_await() -> None:
    async def main() -> tuple[Blocker, ...]:
        event = asyncio.Event()
        task = asyncio.create_task(outer(event), name="poller")
        while not (inner_frames := blockers([inner.__code__])):
            await asyncio.sleep(0)
        found = blockers([outer.__code__])
        event.set()
        await task
        assert blockers([outer.__code__, inner.__code__]) == ()
        return found + inner_frames

    found = asyncio.run(main())
    assert [(b.holder, b.qualname, b.running) for b in found] == [
        ("task poller", "outer", False),
        ("task poller", "inner", False),
    ]
    assert not found[0].in_loop, "waiting for one await is no loop"
    assert found[1].in_loop
    assert not found[1].never_leaves


async def agen() -> Any:
    while True:
        yield 1


def test_an_async_generator_is_found_among_given_objects() -> None:
    async def main() -> tuple[Blocker, ...]:
        generator = agen()
        await anext(generator)
        found = blockers([agen.__code__], objects=[generator])
        await generator.aclose()
        return found

    (found,) = asyncio.run(main())
    assert (found.holder, found.never_leaves) == ("async generator", True)


def test_a_greenlet_is_found_among_given_objects() -> None:
    main = greenlet.getcurrent()

    def work() -> None:
        main.switch()

    child = greenlet.greenlet(work)
    child.switch()
    found = blockers([work.__code__], objects=[child])
    child.switch()
    assert [b.holder for b in found] == ["greenlet"]


def test_the_place_in_an_inline_cache_is_rounded_down() -> None:
    """`f_lasti` of a frame that calls is in the middle of the call on some versions."""
    seen: list[int] = []

    def calls() -> None:
        seen.append(flow_of(calls.__code__).at(sys._getframe().f_lasti))
        looks()

    def looks() -> None:
        frame = sys._getframe(1)
        offset = flow_of(frame.f_code).at(frame.f_lasti)
        seen.append(offset)
        assert flow_of(frame.f_code).steps[offset].opname in ("CALL", "PRECALL", "CALL_FUNCTION_EX")

    calls()
    assert len(seen) == 2

from __future__ import annotations

import asyncio
import inspect
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain
from tests.epochs.requests import Open

Make = Callable[..., Program]

KINDS = """
def plain():
    return {v}

def generator():
    got = yield {v}
    yield got, {v}
    return {v}

async def coroutine():
    return {v}

async def async_generator():
    yield {v}
    yield {v}

def closure_of(n):
    def inner():
        return {v}, n
    return inner

recursive = None
def recursion(n):
    return [{v}] + (recursion(n - 1) if n else [])

default = lambda: {v}

class C:
    def __init__(self):
        self.made_by = {v}

    def method(self):
        return {v}

    @staticmethod
    def static():
        return {v}

    @classmethod
    def of_class(cls):
        return {v}, cls.__name__

    @property
    def prop(self):
        return {v}

    @prop.setter
    def prop(self, value):
        self.set_by = {v}

    def __getitem__(self, key):
        return {v}, key

    def __len__(self):
        return {v}

    def __iter__(self):
        yield {v}

    def __enter__(self):
        return {v}

    def __exit__(self, *exc):
        self.left_by = {v}

    def __call__(self):
        return {v}

    def __eq__(self, other):
        return {v} == other

    def __hash__(self):
        return {v}

class D(C):
    def method(self):
        return super().method(), {v}
"""


def uses(m: Any) -> dict[str, Callable[[], Any]]:
    async def collect() -> list[int]:
        return [item async for item in m.async_generator()]

    def manager() -> Any:
        c = m.C()
        with c as entered:
            pass
        return entered, c.left_by

    def setter() -> Any:
        c = m.C()
        c.prop = None
        return c.set_by

    def driven() -> Any:
        items = m.generator()
        return next(items), items.send("x")

    return {
        "plain": m.plain,
        "generator": lambda: list(m.generator()),
        "generator driven": driven,
        "coroutine": lambda: asyncio.run(m.coroutine()),
        "async generator": lambda: asyncio.run(collect()),
        "recursion": lambda: m.recursion(3),
        "lambda": m.default,
        "init": lambda: m.C().made_by,
        "method": lambda: m.C().method(),
        "bound method kept": bound(m),
        "static": lambda: m.C.static(),
        "class method": m.D.of_class,
        "property": lambda: m.C().prop,
        "setter": setter,
        "getitem": lambda: m.C()["k"],
        "len": lambda: len(m.C()),
        "iter": lambda: list(m.C()),
        "context manager": manager,
        "call": lambda: m.C()(),
        "eq": lambda: (m.C() == 1, m.C() == 2),
        "hash": lambda: hash(m.C()),
        "super": lambda: m.D().method(),
    }


def bound(m: Any) -> Callable[[], Any]:
    method = m.C().method
    return lambda: method()


BLANK = types.SimpleNamespace(method=None, static=None, of_class=None)
NAMES = list(uses(types.SimpleNamespace(plain=None, default=None, C=lambda: BLANK, D=BLANK)))


@pytest.mark.parametrize("kind", NAMES)
def test_each_kind_of_function_is_picked_by_epoch(program: Make, kind: str) -> None:
    app = program(app=KINDS.format(v=1))
    use = uses(app["app"])[kind]
    alone = use()
    old = Open()
    ops = app.ops({"app": KINDS.format(v=2)})
    version = install(ops)
    assert old.run(use) == alone
    version.flip()
    new = Open()
    changed = new.run(use)
    assert (old.run(use) == alone and changed != alone) or kind == "through an lru_cache"
    old.end()
    assert version.collapse() and is_plain()
    assert new.run(use) == changed == use()
    new.end()


def test_closures_handed_out_before_and_after_are_picked_by_epoch(program: Make) -> None:
    from hotpatch.ops import Op, SlotKind

    app = program(app=KINDS.format(v=1))
    early = app["app"].closure_of("early")
    ops = app.ops({"app": KINDS.format(v=2)})
    outer = next(op for op in ops if op.owner is app["app"].closure_of)
    inner = next(const for const in outer.after.co_consts if isinstance(const, types.CodeType))
    old = Open()
    version = install([outer, Op(early, SlotKind.CODE, None, early.__code__, inner, "app.closure_of.inner")])
    version.flip()
    new = Open()
    assert old.run(early) == (1, "early") and new.run(early) == (2, "early")
    late_old, late_new = old.run(app["app"].closure_of, "late"), new.run(app["app"].closure_of, "late")
    assert (late_old(), late_new()) == ((1, "late"), (2, "late"))
    old.end()
    new.end()
    assert version.collapse() and early() == (2, "early")


def test_kind_flags_during_rollout(program: Make) -> None:
    app = program(app=KINDS.format(v=1))
    m = app["app"]
    version = install(app.ops({"app": KINDS.format(v=2)}))
    try:
        assert inspect.iscoroutinefunction(m.coroutine)
        assert asyncio.iscoroutinefunction(m.coroutine)
        assert inspect.isgeneratorfunction(m.generator)
        assert inspect.isasyncgenfunction(m.async_generator)
        assert not inspect.iscoroutinefunction(m.plain) and not inspect.isgeneratorfunction(m.plain)
        made = m.coroutine()
        assert made.cr_code.co_name == "coroutine" and inspect.iscoroutine(made)
        made.close()
    finally:
        version.withdraw()


def test_kind_flags_keep_starlette_handlers_async_during_rollout(program: Make) -> None:
    """Starlette asks whether an endpoint is a coroutine function when a route is made *and* called."""
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from hotpatch.epochs import pin_requests

    text = """
from starlette.responses import JSONResponse, StreamingResponse
STEP = {v}
def helper(): return {v}
async def endpoint(request): return JSONResponse([{v}, helper(), STEP])
def threaded(request): return JSONResponse([{v}, helper(), STEP])
def stream(request):
    def body():
        for _ in range(3):
            yield f"{{helper()}}{{STEP}}".encode()
    return StreamingResponse(body())
"""
    app = program(app=text.format(v=1))
    old_route = Route("/before", app["app"].endpoint)
    version = install(app.ops({"app": text.format(v=2)}))
    m = app["app"]
    routes = [old_route, Route("/during", m.endpoint), Route("/t", m.threaded), Route("/s", m.stream)]
    client = TestClient(pin_requests(Starlette(routes=routes)))

    def answers() -> list[str]:
        return [client.get(path).text for path in ("/before", "/during", "/t", "/s")]

    assert answers() == ["[1,1,1]"] * 3 + ["111111"]
    version.flip()
    assert answers() == ["[2,2,2]"] * 3 + ["222222"]
    assert version.collapse()
    assert answers() == ["[2,2,2]"] * 3 + ["222222"]


def test_coroutine_made_pinned_awaited_elsewhere(program: Make) -> None:
    """The body is chosen when the coroutine is made; what it calls is chosen by whoever runs it."""
    app = program(app="async def f():\n    return 1\n")
    old = Open()
    version = install(app.ops({"app": "async def f():\n    return 2\n"}))
    version.flip()
    made_by_old = old.run(app["app"].f)
    assert asyncio.run(made_by_old) == 1
    old.end()
    assert version.collapse()


TRACED = """
def outer(x):
    return inner(x)

def inner(x):
    return {v} / x
"""


def test_traceback_identical(program: Make) -> None:
    app = program(app=TRACED.format(v=1))

    def trace() -> list[tuple[str, int | None, int | None]]:
        try:
            app["app"].outer(0)
        except ZeroDivisionError as error:
            return [
                (entry.name, entry.lineno, entry.colno) for entry in traceback.extract_tb(error.__traceback__)
            ]
        raise AssertionError

    alone = trace()
    old = Open()
    version = install(app.ops({"app": TRACED.format(v=2)}))
    assert old.run(trace) == alone
    version.flip()
    assert old.run(trace) == alone == trace()
    old.end()
    assert version.collapse()
    assert trace() == alone and [name for name, *_ in alone] == ["trace", "outer", "inner"]


def test_inspect_finds_the_same_place_during_a_rollout(program: Make) -> None:
    app = program(app=TRACED.format(v=1))
    f = app["app"].inner
    before = (inspect.signature(f), f.__code__.co_firstlineno, f.__code__.co_filename, inspect.getsource(f))
    version = install(app.ops({"app": TRACED.format(v=2)}))
    code = f.__code__
    assert (inspect.signature(f), code.co_firstlineno, code.co_filename) == before[:3]
    assert code.co_qualname == "inner" and code.co_name == "inner"
    version.withdraw()


def test_frame_locals_of_dispatchers_can_be_read(program: Make) -> None:
    """A debugger or an error reporter looks at every frame of the stack."""
    text = "def make():\n    a, b = 1, 2\n    def f(look):\n        return look(), a, b, {v}\n"
    text += "    return f\nf = make()\n"
    app = program(app=text.format(v=1))
    from hotpatch.ops import Op, SlotKind

    new = compile(text.format(v=2), "app.py", "exec")
    make = next(const for const in new.co_consts if isinstance(const, types.CodeType))
    inner = next(const for const in make.co_consts if isinstance(const, types.CodeType))
    version = install([Op(app["app"].f, SlotKind.CODE, None, app["app"].f.__code__, inner, "app.f")])

    def look() -> list[str]:
        frame: Any = sys._getframe()
        names = []
        while frame is not None and frame.f_code.co_name != "test_frame_locals_of_dispatchers_can_be_read":
            names.append(sorted(frame.f_locals))
            frame = frame.f_back
        return names

    stack, a, b, v = app["app"].f(look)
    assert (a, b, v) == (1, 2, 1) and len(stack) == 3
    version.withdraw()


def test_tracing_and_profiling_survive_a_rollout(program: Make) -> None:
    import cProfile

    app = program(app=TRACED.format(v=1))
    version = install(app.ops({"app": TRACED.format(v=2)}))
    events: list[str] = []
    sys.settrace(lambda frame, event, arg: events.append(frame.f_code.co_name))
    app["app"].inner(1)
    sys.settrace(None)
    assert "inner" in events
    profile = cProfile.Profile()
    assert profile.runcall(app["app"].inner, 1) == 1
    version.flip()
    assert profile.runcall(app["app"].inner, 1) == 2
    assert version.collapse()
    assert profile.runcall(app["app"].inner, 1) == 2

"""Starlette: endpoints are called by what they are now, and the stack of middleware follows its list."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from hotpatch.engine.commit import commit
from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.refresh import begin
from tests.refresh.programs import Programs, elements, item, new_code, new_global, on_class

SOURCE = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    def place(request): return PlainTextResponse("thread")
    def fails(request): raise KeyError("no")
    def on_key_error(request, error): return PlainTextResponse("no such key", 404)

    class Layer:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send): await self.app(scope, receive, send)

    class Tag:
        def __init__(self, app, tag): self.app, self.tag = app, tag
        async def __call__(self, scope, receive, send):
            async def tagged(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-tag", self.tag.encode()))
                await send(message)
            await self.app(scope, receive, tagged)

    def make():
        inner = Route("/place", place, middleware=[Middleware(Layer)])
        return Starlette(routes=[Mount("/m", routes=[inner]), Route("/place", place), Route("/fails", fails)])
    APP = make()
"""

AWAITED = """
    async def place(request): return PlainTextResponse("awaited")
"""


def apply(program: Programs, *ops: Op) -> Any:
    with begin(ops, root=program.root) as round_:
        undo = commit(ops)
    assert round_.report is not None
    assert round_.report.failures == ()
    return undo


def test_an_endpoint_that_became_a_coroutine_is_awaited_and_back(program: Programs) -> None:
    m = program.load("hp_starlette_a", SOURCE)
    client = TestClient(m.APP)
    assert client.get("/place").text == client.get("/m/place").text == "thread"
    ops = (new_code(m.place, AWAITED),)
    undo = apply(program, *ops)
    assert client.get("/place").text == client.get("/m/place").text == "awaited"
    with begin(ops, undo=True, root=program.root):
        undo.revert()
    assert client.get("/place").text == client.get("/m/place").text == "thread"


HANDLED = """
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route, request_response

    class Handled(Route):
        def __init__(self, path, endpoint):
            super().__init__(path, endpoint)
            async def handler(request): return PlainTextResponse(self.endpoint())
            self.app = request_response(handler)

    def place(): return "old"
    APP = Starlette(routes=[Handled("/place", place)])
"""


def test_a_route_that_calls_its_endpoint_in_a_way_of_its_own_goes_on_doing_so(program: Programs) -> None:
    m = program.load("hp_starlette_own", HANDLED)
    apply(program, new_code(m.place, 'def place(): return "new"'))
    assert TestClient(m.APP).get("/place").text == "new"


def test_middleware_that_came_takes_part(program: Programs) -> None:
    m = program.load("hp_starlette_b", SOURCE)
    client = TestClient(m.APP)
    assert "x-tag" not in client.get("/place").headers
    apply(program, elements(m.APP.user_middleware, [Middleware(m.Tag, tag="new")]))
    assert client.get("/place").headers["x-tag"] == "new"


def test_an_exception_handler_that_came_is_asked(program: Programs) -> None:
    m = program.load("hp_starlette_c", SOURCE)
    client = TestClient(m.APP, raise_server_exceptions=False)
    assert client.get("/fails").status_code == 500
    apply(program, item(m.APP.exception_handlers, KeyError, m.on_key_error))
    assert client.get("/fails").text == "no such key"


def test_middleware_keeps_its_state_where_the_list_is_the_same(program: Programs) -> None:
    m = program.load("hp_starlette_d", SOURCE)
    m.APP.add_middleware(m.Tag, tag="kept")
    client = TestClient(m.APP)
    client.get("/place")
    stack = m.APP.middleware_stack
    apply(program, new_code(m.place, AWAITED))
    assert m.APP.middleware_stack is stack
    assert client.get("/place").headers["x-tag"] == "kept"


def test_a_stack_that_was_never_built_is_left_to_the_first_request(program: Programs) -> None:
    m = program.load("hp_starlette_e", SOURCE)
    apply(program, elements(m.APP.user_middleware, [Middleware(m.Tag, tag="new")]))
    assert m.APP.middleware_stack is None
    assert TestClient(m.APP).get("/place").headers["x-tag"] == "new"


def test_middleware_given_to_the_constructor_anew(program: Programs) -> None:
    """The list itself may be another one, not the old one with other contents."""
    m = program.load("hp_starlette_f", SOURCE)
    client = TestClient(m.APP)
    client.get("/place")
    old = m.APP.user_middleware
    new = [Middleware(m.Tag, tag="new")]
    apply(program, Op(m.APP, SlotKind.INSTANCE, "user_middleware", old, new, "APP.user_middleware"))
    assert client.get("/place").headers["x-tag"] == "new"


STARTING = """
    from contextlib import asynccontextmanager
    from starlette.applications import Starlette

    class Settings:
        wait = 1
    SIZE, settings = 4, Settings()
    @asynccontextmanager
    async def lifespan(app, tries=3):
        app.state.pool = [None] * SIZE
        app.state.wait = settings.wait * tries
        yield
    APP = Starlette(lifespan=lifespan)
"""
MORE = """
    def changed(app):
        app.state.pool = [None] * SIZE * 2
        yield
"""


def test_what_ran_when_the_worker_started_is_not_changed_live(program: Programs) -> None:
    m = program.load("hp_starlette_starting", STARTING)
    ran = m.lifespan.__wrapped__
    more_tries = Op(ran, SlotKind.FUNCTION, "__defaults__", (3,), (5,), "lifespan defaults")
    longer = (
        on_class(m.Settings, "wait", 2),
        Op(m.settings, SlotKind.INSTANCE, "wait", ABSENT, 2, "settings"),
    )
    for op in (new_code(ran, MORE), new_global(m, "SIZE", 8), more_tries, *longer):
        with pytest.raises(PatchRefused, match="lifespan changes, and ran when the worker started"):
            begin([op], root=program.root)


def test_what_moved_to_other_lines_ran_as_it_is(program: Programs) -> None:
    m = program.load("hp_starlette_moved", STARTING)
    function = m.lifespan.__wrapped__
    code = function.__code__
    moved = Op(function, SlotKind.CODE, "__code__", code, code.replace(co_firstlineno=90), "lifespan")
    apply(program, moved, new_global(m, "OTHER", 1))

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve
from flask import Flask
from hotpatch_agent.rollout.picking import bucketer, key_of, picker, route_of
from hotpatch_agent.rollout.strategy import Kind, Match, Strategy, Target
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from werkzeug.test import Client

from hotpatch.errors import StrategyInvalid

COOKIE = Strategy(kind=Kind.CANARY, key="cookie:session")


def wsgi(**headers: str) -> dict[str, Any]:
    variables = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "10.0.0.1", **variables}


def asgi(**headers: str) -> dict[str, Any]:
    pairs = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": "/", "client": ("10.0.0.1", 5), "headers": pairs}


@pytest.mark.parametrize("make", [wsgi, asgi])
def test_keys_are_read_alike_from_both_kinds_of_request(make: Any) -> None:
    request = make(cookie="a=1; session=xyz; b=2", x_user="ann")
    assert key_of("cookie:session")(request) == "xyz"
    assert key_of("header:X-User")(request) in ("ann", b"ann")
    assert key_of("address")(request) == "10.0.0.1"
    assert key_of("header:X-Nope")(request) is None
    assert key_of("cookie:nope")(request) is None


def test_both_kinds_of_request_fall_into_the_same_bucket() -> None:
    for key in ("cookie:session", "header:X-User", "address"):
        bucket = bucketer(key, "digest")
        made = [make(cookie="session=xyz", x_user="ann") for make in (wsgi, asgi)]
        assert bucket(made[0]) == bucket(made[1]) is not None


@pytest.mark.parametrize("cookie", ["session2=x", "xsession=x", "", ";;;"])
def test_a_cookie_of_another_name_is_not_taken_for_it(cookie: str) -> None:
    assert bucketer("cookie:session", "digest")(wsgi(cookie=cookie)) is None


@pytest.mark.parametrize("make", [wsgi, asgi])
def test_who_is_in_stays_in_and_shares_nest(make: Any) -> None:
    small, large = (picker(COOKIE, Target(share=share), "digest") for share in (0.05, 0.25))
    requests = [make(cookie=f"session={number}") for number in range(2_000)]
    in_small = {number for number, request in enumerate(requests) if small(request)}
    assert in_small == {number for number, request in enumerate(requests) if small(request)}
    assert len(in_small) > 0
    assert in_small < {number for number, request in enumerate(requests) if large(request)}


def test_a_request_without_the_key_gets_the_old_version_and_no_bucket() -> None:
    assert not picker(COOKIE, Target(share=1.0), "digest")(wsgi())
    assert bucketer("cookie:session", "digest")(wsgi()) is None


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of the service."""
    module = ModuleType("shop_keys")
    monkeypatch.setitem(sys.modules, "shop_keys", module)
    yield module


@pytest.mark.parametrize("make", [wsgi, asgi])
def test_a_function_of_the_services_own_tells_a_requests_key(own: ModuleType, make: Any) -> None:
    own.user_of = lambda request: 17  # type: ignore[attr-defined]
    assert key_of("function:shop_keys:user_of")(make()) == "17"
    strategy = evolve(COOKIE, key="function:shop_keys:user_of")
    assert {picker(strategy, Target(share=1.0), "digest")(make()) for _ in range(5)} == {True}


def test_whom_such_a_function_can_not_tell_gets_the_old_version(own: ModuleType) -> None:
    strategy = evolve(COOKIE, key="function:shop_keys:user_of")
    own.user_of = lambda request: request["no such thing"]  # type: ignore[attr-defined]
    assert not picker(strategy, Target(share=1.0), "digest")(wsgi())
    own.user_of = lambda request: None  # type: ignore[attr-defined]
    assert not picker(strategy, Target(share=1.0), "digest")(wsgi())


@pytest.mark.parametrize("named", ["shop_keys:nobody", "no_such_module:user_of", "os:getpid"])
def test_a_function_that_the_service_has_not_is_refused_by_name(own: ModuleType, named: str) -> None:
    with pytest.raises(StrategyInvalid, match=named.replace(":", ".")):
        key_of(f"function:{named}")


def test_without_a_key_each_request_is_drawn_by_itself() -> None:
    pick = picker(Strategy(kind=Kind.CANARY), Target(share=0.5), "digest")
    assert len({pick(wsgi()) for _ in range(200)}) == 2


@pytest.mark.parametrize("make", [wsgi, asgi])
def test_a_match_takes_those_that_bear_it_and_nobody_else(make: Any) -> None:
    pick = picker(COOKIE, Target(share=1.0, match=Match("header", "X-Canary", "yes")), "digest")
    assert [pick(make(x_canary="yes")), pick(make(x_canary="no")), pick(make())] == [True, False, False]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "GET /"),
        ("/cart/17", "GET /cart/*"),
        ("/users/17/posts/3", "GET /users/*/posts/*"),
        ("/files/0123456789abcdef", "GET /files/*"),
        ("/o/6f1e2d3c-0000-4000-8000-123456789abc", "GET /o/*"),
        ("/v2/cart", "GET /v2/cart"),
    ],
)
def test_what_varies_in_a_path_is_no_part_of_the_route(path: str, route: str) -> None:
    assert route_of({"REQUEST_METHOD": "GET", "PATH_INFO": path}) == route
    assert route_of({"type": "http", "method": "GET", "path": path}) == route


def test_flasks_own_rule_is_the_route() -> None:
    app, seen = Flask("shop"), []

    @app.route("/item/<name>")
    def item(name: str) -> str:
        return name

    def watching(environ: dict[str, Any], start_response: Any) -> Any:
        def starting(status: str, headers: Any, *rest: Any) -> Any:
            seen.append(route_of(environ))
            return start_response(status, headers, *rest)

        return app.wsgi_app(environ, starting)

    assert Client(watching).get("/item/teapot").status_code == 200
    assert seen == ["GET /item/<name>"]


def test_a_starlette_request_has_a_route_that_does_not_name_the_item() -> None:
    seen: list[str] = []

    async def item(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse("ok")

    inner = Starlette(routes=[Route("/item/{number:int}", item)])

    async def ask() -> None:
        scope = {**asgi(), "path": "/item/17", "raw_path": b"/item/17", "root_path": "", "query_string": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                seen.append(route_of(scope))

        await inner(scope, receive, send)

    asyncio.run(ask())
    assert seen in (["GET /item/*"], ["GET /item/{number:int}"])

"""An HTTP check is answered by the application itself, WSGI or ASGI, without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.errors import CheckFailed
from hotpatch.plan import Effect
from hotpatch.rehearsal import Limits, Verdict, rehearse
from hotpatch.rehearsal.probe import Request, ask, speaks_asgi
from hotpatch.release import Check


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/crash":
        raise RuntimeError("crashed")
    body = environ["wsgi.input"].read()
    status = "200 OK" if environ["PATH_INFO"] == "/tür" else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["QUERY_STRING"].encode(), b" ", body]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    message = await receive()
    status = 200 if scope["path"] == "/tür" else 404
    await send({"type": "http.response.start", "status": status, "headers": []})
    text = f"{scope['method']} {scope['query_string'].decode()} ".encode() + message["body"]
    await send({"type": "http.response.body", "body": text, "more_body": False})
    await receive()  # a server would say that the client has gone


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)


APPS = [pytest.param(wsgi, id="wsgi"), pytest.param(asgi, id="asgi"), pytest.param(AsgiObject(), id="object")]


@pytest.mark.parametrize("app", APPS)
def test_method_path_query_and_body_arrive(app: Any) -> None:
    answer = ask(app, Request("post", "/t%C3%BCr?a=1", {}, b"x=2"))
    decoded = answer.body.decode()
    if app is wsgi:  # PEP 3333: the path is bytes in latin-1 clothes
        assert answer.status == 404
        assert ask(app, Request("GET", "/t%FCr", {}, b"")).status == 200
    else:
        assert answer.status == 200
    assert decoded == "POST a=1 x=2"


@pytest.mark.parametrize("app", APPS)
def test_speaks_asgi_tells_the_two_apart(app: Any) -> None:
    assert speaks_asgi(app) is (app is not wsgi)


def http(app: Any, **fields: Any) -> Verdict:
    return rehearse(None, [Check(name="page", kind="http", **fields)], app, Limits(check_seconds=20.0))


@pytest.mark.parametrize("app", APPS)
def test_a_wrong_status_is_refused_with_what_was_seen(app: Any) -> None:
    with pytest.raises(CheckFailed, match="GET /nowhere answered 404, not 200"):
        http(app, path="/nowhere").raise_refusal()


@pytest.mark.parametrize("app", APPS)
def test_a_missing_text_is_refused(app: Any) -> None:
    with pytest.raises(CheckFailed, match="lacks 'welcome'"):
        http(app, path="/nowhere", status=404, contains="welcome").raise_refusal()


@pytest.mark.parametrize("app", APPS)
def test_an_answer_that_fits_is_live(app: Any) -> None:
    assert http(app, path="/nowhere?q=7", status=404, contains="q=7").effect is Effect.LIVE


def test_what_the_application_raises_is_told() -> None:
    with pytest.raises(CheckFailed, match="RuntimeError: crashed"):
        http(wsgi, path="/crash").raise_refusal()


def test_an_endless_body_is_read_in_part() -> None:
    closed: list[bool] = []

    class Endless:
        def __iter__(self) -> Any:
            return iter(lambda: b"x" * 65536, b"")

        def close(self) -> None:
            closed.append(True)

    def stream(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Endless()

    assert ask(stream, Request("GET", "/", {}, b"")).status == 200
    assert closed == [True]

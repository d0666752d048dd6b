"""An HTTP request answered by the application itself, in this process, with no socket.

The application gets what a server would give it: a WSGI environ (PEP 3333) or an ASGI HTTP scope.  One
probe is one request; a body that does not end is read up to `BODY_LIMIT` bytes.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from attrs import frozen

BODY_LIMIT: Final = 1024 * 1024


@frozen
class Request:
    method: str
    path: str
    """With the query, as in a request line."""
    headers: Mapping[str, str]
    body: bytes


@frozen
class Answer:
    status: int
    body: bytes


class NoAnswer(Exception):
    """The application ended without a response that follows its protocol."""


def ask(app: Any, request: Request, state: Mapping[str, Any] | None = None) -> Answer:
    """The application's answer.  `state` is what an ASGI lifespan left for requests.

    Whatever the application raises, comes out; NoAnswer if it never began a response.
    """
    if speaks_asgi(app):
        return asyncio.run(ask_asgi(app, request, dict(state or {})))
    return _ask_wsgi(app, request)


def speaks_asgi(app: Any) -> bool:
    """Whether the application is an ASGI 3 callable; what else can be called is taken for WSGI."""
    if inspect.iscoroutinefunction(inspect.unwrap(app) if inspect.isfunction(app) else app):
        return True
    return inspect.iscoroutinefunction(getattr(type(app), "__call__", None))  # noqa: B004  (not whether, but how)


def _headers(request: Request) -> dict[str, str]:
    headers = {"host": "localhost", "user-agent": "hotpatch-rehearsal"}
    headers.update({name.lower(): value for name, value in request.headers.items()})
    if request.body:
        headers.setdefault("content-length", str(len(request.body)))
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    return headers


def _ask_wsgi(app: Any, request: Request) -> Answer:
    started: list[str] = []
    written = io.BytesIO()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append(status)
        return written.write

    body = app(_environ(request), start_response)
    try:
        _collect(body, written)
    finally:
        if hasattr(body, "close"):
            body.close()
    if not started:
        raise NoAnswer("the application returned without calling start_response")
    return Answer(int(started[-1].split()[0]), written.getvalue())


def _collect(parts: Iterable[bytes], into: io.BytesIO) -> None:
    for part in parts:
        into.write(part)
        if into.tell() >= BODY_LIMIT:
            break


def _environ(request: Request) -> dict[str, Any]:
    parts = urlsplit(request.path)
    headers = _headers(request)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "RAW_URI": request.path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _FileWrapper,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


class _FileWrapper:
    """A file as a response body, in blocks."""

    def __init__(self, file: Any, block_size: int = 8192) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Any:
        return iter(lambda: self.file.read(self.block_size), b"")

    def close(self) -> None:
        if hasattr(self.file, "close"):
            self.file.close()


async def ask_asgi(app: Any, request: Request, state: dict[str, Any]) -> Answer:
    """As `ask`, of an ASGI application, on the loop on which its requests run."""
    status: list[int] = []
    body = io.BytesIO()
    ended = asyncio.Event()
    incoming = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])
        elif message["type"] == "http.response.body":
            body.write(message.get("body", b""))
            if not message.get("more_body", False) or body.tell() >= BODY_LIMIT:
                ended.set()

    answering = asyncio.ensure_future(app(_scope(request, state), receive, send))
    waiting = asyncio.ensure_future(ended.wait())
    await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if answering.done():
        answering.result()
    waiting.cancel()
    if not status:
        raise NoAnswer("the application returned without starting a response")
    return Answer(status[0], body.getvalue())


def _scope(request: Request, state: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(request.path)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _headers(request).items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method.upper(),
        "scheme": "http",
        "path": unquote_to_bytes(parts.path).decode("utf-8", "replace"),
        "raw_path": parts.path.encode("ascii", "replace"),
        "query_string": parts.query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": state,
    }

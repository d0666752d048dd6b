"""Requests to an application in this process, as a server would hand them over.

Imports the standard library alone: it runs in processes whose packages are the application's.
"""

from __future__ import annotations

import asyncio
import http.client
import http.cookies
import io
import re
import sys
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Answer = list[Any]
"""[status, the headers that matter, the body as text]."""
KEPT_HEADERS = ("content-type", "location", "allow", "www-authenticate", "vary", "cache-control", "x-seen-by")
SERVER_ERROR = 500


Sender = Callable[[str, str, bytes, Mapping[str, str]], tuple[int, list[tuple[str, str]], bytes]]
"""Method, target, body, headers; to status, headers, body."""
NOISE = [
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"\b[0-9a-f]{24,64}\b"), "HEX"),
    (re.compile(r"\b\d{8}T\d{6}Z"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "TIME"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]+ GMT"), "DATE"),
]
"""What is never the same twice."""


def normal_text(text: str) -> str:
    for pattern, name in NOISE:
        text = pattern.sub(name, text)
    return text


class Browser:
    """Sends requests in the short form `METHOD path [body]`, one after another, and keeps the cookies."""

    def __init__(self, send: Sender, cookies: Mapping[str, str] | None = None) -> None:
        self._send = send
        self._cookies = dict(cookies or {})

    @property
    def cookies(self) -> Mapping[str, str]:
        return dict(self._cookies)

    def ask(self, line: str) -> Answer:
        method, target, body, headers = parse(line)
        if self._cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        status, got, data = self._send(method, target, body, headers)
        for name, value in got:
            if name.lower() == "set-cookie":
                for morsel in http.cookies.SimpleCookie(value).values():
                    self._cookies[morsel.key] = morsel.coded_value
        kept = sorted([name.lower(), value] for name, value in got if name.lower() in KEPT_HEADERS)
        return [status, kept, data.decode("utf-8", "replace")]

    def ask_all(self, lines: Sequence[str]) -> list[Answer]:
        return [self.ask(line) for line in lines]


def parse(line: str) -> tuple[str, str, bytes, dict[str, str]]:
    """`POST /path name=ada` or `POST /path {"name": "ada"}`, and `Header: value;;` in front of either."""
    *head, rest = line.split(";; ")
    method, target, *body = rest.split(" ", 2)
    headers = {"host": "localhost"} | {
        name.strip().lower(): value.strip() for name, _, value in (entry.partition(":") for entry in head)
    }
    data = body[0].encode() if body else b""
    if data:
        kind = "application/json" if data[:1] in (b"{", b"[") else "application/x-www-form-urlencoded"
        headers.setdefault("content-type", kind)
        headers["content-length"] = str(len(data))
    return method, target, data, headers


def sender(application: Any, kind: str) -> Sender:
    """To an application in this process."""
    return AsgiServer(application).send if kind == "asgi" else wsgi_sender(application)


def http_sender(host: str, port: int, seconds: float = 60.0) -> Sender:
    """To a server; a connection for each request."""

    def send(
        method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    return send


def wsgi_sender(application: Any) -> Sender:
    def send(
        method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": urllib.parse.unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "gunicorn",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        seen: list[Any] = []
        written: list[bytes] = []

        def start_response(status: str, got: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seen[:] = [status, got]
            return written.append

        try:
            answer = application(environ, start_response)
            try:
                data = b"".join([*written, *answer])
            finally:
                getattr(answer, "close", lambda: None)()
        except Exception as error:  # noqa: BLE001  a server answers 500, whatever it was
            return SERVER_ERROR, [], told(error)
        return int(seen[0].split()[0]), seen[1], data

    return send


class AsgiServer:
    """An event loop in a thread, with the application's lifespan begun, as a worker has it."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._state: dict[str, Any] = {}
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(60)

    async def _begin(self) -> None:
        started = asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            started.set()

        async def lifespan() -> None:
            try:
                scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
                await self._application(scope, self._inbox.get, send)
            except BaseException:  # noqa: BLE001  an application without a lifespan raises here
                started.set()

        self._life = asyncio.get_running_loop().create_task(lifespan())
        await self._inbox.put({"type": "lifespan.startup"})
        await started.wait()

    def send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        asked = asyncio.run_coroutine_threadsafe(self._one(method, target, body, headers), self._loop)
        return asked.result(60)

    async def _one(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": urllib.parse.unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 80),
            "state": dict(self._state),
        }
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        await inbox.put({"type": "http.request", "body": body, "more_body": False})
        out: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            out.append(message)

        try:
            await self._application(scope, inbox.get, send)
        except Exception as error:  # noqa: BLE001  a server answers 500, whatever it was
            return SERVER_ERROR, [], told(error)
        head = next(message for message in out if message["type"] == "http.response.start")
        got = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.get("headers", ())]
        return head["status"], got, b"".join(message.get("body", b"") for message in out)


def told(error: Exception) -> bytes:
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})".encode()

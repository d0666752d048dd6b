"""Server-sent events and WebSockets for tests of long streams: a program whose versions mix visibly, and
clients of it."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import define, field, frozen
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.agent.service import WAIT, Service, wait_until

WSGI: Final = """
import os
import time
import shop

def app(environ, start_response):
    if environ["PATH_INFO"] != "/events":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [shop.line().encode()]
    headers = [("Content-Type", "text/event-stream"), ("X-Worker", str(os.getpid()))]
    start_response("200 OK", headers)
    return events()

def events():
    while not os.path.exists("end"):
        yield f"data: {shop.line()}\\n\\n".encode()
        time.sleep(0.02)
"""
ASGI: Final = """
import asyncio
import os
import shop

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await chat(receive, send)
    if scope["type"] != "http":
        return
    streams = scope["path"] == "/events"
    kind = b"text/event-stream" if streams else b"text/plain"
    headers = [(b"content-type", kind), (b"x-worker", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for part in events() if streams else page():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

async def chat(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while not os.path.exists("end"):
        await send({"type": "websocket.send", "text": shop.line()})
        await asyncio.sleep(0.02)
    await send({"type": "websocket.close"})

async def page():
    yield shop.line().encode()

async def events():
    while not os.path.exists("end"):
        yield f"data: {shop.line()}\\n\\n".encode()
        await asyncio.sleep(0.02)
"""
SHOP: Final = """
import prices
from prices import RATE, Basket, total

NAME = {v}

def line():
    found = (NAME, RATE, prices.RATE, Basket().version(), Basket.KIND, {call}, {v})
    return " ".join(str(each) for each in found)
"""
PRICES: Final = """
RATE = {v}
ONLY_{v} = {v}

class Basket:
    KIND = {v}

    def version(self):
        return {v} if RATE == {v} else "mixed"

def total(first{parameters}):
    return ONLY_{v} if first == {v} else "mixed"
"""


def version(app: str, v: int) -> dict[str, str]:
    """The sources of this version; every line that it answers has its number seven times."""
    parameters = "".join(f", by_{i}={i}" for i in range(v))
    call = f"total({v}{''.join(f', by_{i}={i}' for i in range(v))})"
    return {
        "app.py": app,
        "shop.py": SHOP.format(v=v, call=call),
        "prices.py": PRICES.format(v=v, parameters=parameters),
    }


def line(v: int) -> str:
    return " ".join([str(v)] * 7)


@define(eq=False)
class Stream:
    """What a client of `/events` has received so far."""

    events: list[str] = field(factory=list)
    failed: list[str] = field(factory=list)
    ended: bool = False
    headers: Mapping[str, str] = field(factory=dict)
    worker: int = 0
    """The pid of the one that answers, as the program's header says."""

    def read(self, service: Service) -> None:
        try:
            self._receive(service.port)
        except (OSError, http.client.HTTPException, WebSocketException) as error:
            self.failed.append(f"{type(error).__name__}: {error}")
        self.ended = True

    def _receive(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        with contextlib.closing(connection):
            connection.request("GET", "/events", headers=dict(self.headers))
            response = connection.getresponse()
            self.worker = int(response.headers["X-Worker"])
            for row in response:
                if row.strip():
                    self.events.append(row.decode().strip().removeprefix("data: "))

    def goes_on(self, more: int = 5) -> None:
        """Waits for further events."""
        have = len(self.events)
        wait_until(lambda: self.ended or len(self.events) >= have + more, "the stream goes on")
        assert not self.ended, f"the stream was cut: {self.failed}"


class Socket(Stream):
    """The same of a WebSocket."""

    def _receive(self, port: int) -> None:
        address = f"ws://127.0.0.1:{port}/"
        with connect(address, additional_headers=dict(self.headers), open_timeout=WAIT) as socket:
            for text in socket:
                self.events.append(str(text))


class Streams:
    """The streams of one service; leaving the block lets the program end them all by itself."""

    def __init__(self, service: Service, kind: type[Stream]) -> None:
        self._service = service
        self._kind = kind
        self._threads: list[threading.Thread] = []
        self.open: list[Stream] = []

    def begin(self, **headers: str) -> Stream:
        stream = self._kind(headers=headers)
        thread = threading.Thread(target=stream.read, args=(self._service,))
        self._threads.append(thread)
        self.open.append(stream)
        thread.start()
        stream.goes_on(1)
        return stream

    def end(self) -> None:
        (self._service.root / "end").touch()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def streams(service: Service, kind: type[Stream] = Stream) -> Iterator[Streams]:
    made = Streams(service, kind)
    try:
        yield made
    finally:
        made.end()


@frozen
class Way:
    """A kind of stream under a worker class that can serve others meanwhile."""

    worker_class: str
    app: str
    kind: type[Stream] = Stream


_UVICORN: Final = "uvicorn.workers.UvicornWorker"
WAYS: Final[Mapping[str, Way]] = {
    "gthread": Way("gthread", WSGI),
    "gevent": Way("gevent", WSGI),
    "asgi": Way("asgi", ASGI),
    "uvicorn": Way(_UVICORN, ASGI),
    "asgi websocket": Way("asgi", ASGI, Socket),
    "uvicorn websocket": Way(_UVICORN, ASGI, Socket),
}

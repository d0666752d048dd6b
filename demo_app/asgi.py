"""The application for ASGI servers: `demo_app.asgi:app`.  Each request is answered in a thread of its own."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from demo_app.wsgi import app as wsgi_app

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Bridge:
    """A WSGI application behind ASGI.  Bodies are streamed: a stream without end holds its thread for as long
    as its client stays, and no pool, so there may be as many as the machine bears."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        elif scope["type"] == "http":
            environ = environ_of(scope, await whole_body(receive))
            await Exchange(self.application, environ, send).carry_out(receive)
        else:
            raise ValueError(f"the shop speaks HTTP, not {scope['type']}")


class Exchange:
    """One request and its answer: the thread works, the loop sends.  Made in the loop."""

    def __init__(self, application: Any, environ: dict[str, Any], send: Send) -> None:
        self._application = application
        self._environ = environ
        self._send = send
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()

    async def carry_out(self, receive: Receive) -> None:
        """Raises what the application raised."""
        leaving = asyncio.create_task(self._watch(receive))
        threading.Thread(target=self._work, daemon=True).start()
        try:
            await self._done
        finally:
            self._gone = True
            leaving.cancel()

    async def _watch(self, receive: Receive) -> None:
        """Nobody tells a thread that the client has left; it looks at this between two pieces."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True

    def _work(self) -> None:
        problem: BaseException | None = None
        try:
            body = self._application(self._environ, self._start)
            try:
                self._stream(body)
            finally:
                if hasattr(body, "close"):
                    body.close()
        except BaseException as error:  # noqa: BLE001 - it is the loop's to raise
            problem = error
        self._loop.call_soon_threadsafe(self._finish, problem)

    def _stream(self, body: Iterable[bytes]) -> None:
        for piece in body:
            if self._gone:
                return
            self._tell({"type": "http.response.body", "body": piece, "more_body": True})
        self._tell({"type": "http.response.body", "body": b"", "more_body": False})

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._tell({"type": "http.response.start", "status": int(status[:3]), "headers": pairs})

    def _tell(self, message: Message) -> None:
        """Waits until the server has taken it, so that a slow client slows its own stream alone."""
        asyncio.run_coroutine_threadsafe(sent(self._send, message), self._loop).result()

    def _finish(self, problem: BaseException | None) -> None:
        if self._done.done():
            return
        if problem is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(problem)


async def sent(send: Send, message: Message) -> None:
    await send(message)


async def live(receive: Receive, send: Send) -> None:
    """The server's start and end; the shop was loaded by the import."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def whole_body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


def environ_of(scope: Message, body: bytes) -> dict[str, Any]:
    """The same request as WSGI has it (PEP 3333)."""
    server = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        text = name.decode("latin-1").upper().replace("-", "_")
        if text != "CONTENT_LENGTH":
            environ[text if text == "CONTENT_TYPE" else f"HTTP_{text}"] = value.decode("latin-1")
    return {**environ, "CONTENT_LENGTH": str(len(body))}


app = Bridge(wsgi_app)

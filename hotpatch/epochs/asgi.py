"""Pins for ASGI: HTTP requests and WebSockets are pinned for as long as the application's call runs.

Tasks carry the pin by themselves (they copy the context), and so do `to_thread` and the thread pools of
anyio and Starlette.  A lifespan call is no request: it lasts as long as the worker and is not pinned.
While a barrier is held only the request's own task waits, never the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from hotpatch.epochs.pins import ANSWERED, EPOCH, answered, enter_async, leave
from hotpatch.epochs.wsgi import Header

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

PINNED_SCOPES = frozenset({"http", "websocket"})


def pin_asgi(app: ASGIApp, header: Header | None = None) -> ASGIApp:
    """The same application, each of its requests pinned to one epoch."""

    async def pinned_app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in PINNED_SCOPES:
            return await app(scope, receive, send)
        pin = await enter_async(scope)

        def sending(message: Message) -> Awaitable[None]:
            kind = message["type"]
            if kind == "http.response.start" or kind == "websocket.accept":
                if header is not None:
                    pair = header[0].lower().encode("latin-1"), header[1](pin.epoch).encode("latin-1")
                    message = {**message, "headers": [*message.get("headers", ()), pair]}
                answered(pin, message.get("status", 0) >= 500)
            elif kind == "http.response.body" and not message.get("more_body"):
                # Servers begin a connection's next request from here, in this context: it is no part of ours.
                pin.running = False
            return send(message)

        token = EPOCH.set(pin)
        failed = False
        try:
            await app(scope, receive, sending)
        except Exception as error:
            # Once the answer has begun, an OSError is the client hanging up.
            failed = not (isinstance(error, OSError) and pin.outcome == ANSWERED)
            raise
        finally:
            leave(pin, failed)
            with suppress(
                ValueError
            ):  # closed by the collector, in another context: nothing to restore there
                EPOCH.reset(token)
        return None

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app

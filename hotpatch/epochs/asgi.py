"""Pins for ASGI: HTTP requests and WebSockets are pinned for as long as the application's call runs.

Tasks carry the pin by themselves (they copy the context), and so do `to_thread` and the thread pools of
anyio and Starlette.  A lifespan call is no request: it lasts as long as the worker and is not pinned.
While a barrier is held only the request's own task waits, never the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import monotonic
from typing import Any

from hotpatch.epochs import pins
from hotpatch.epochs.pins import (
    ANSWERED,
    ENDED,
    RESTING,
    RUNNING,
    UNANSWERED,
    Pin,
    Released,
    answered,
    enter_async,
    here,
    leave,
    open_pins,
    put,
    put_back,
    put_here,
    take_out,
)
from hotpatch.epochs.wsgi import Header

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

publish = open_pins.add
BEGINS = frozenset({"http.response.start", "websocket.accept"})
"""Messages with which an answer begins."""


class ASGIPin(Pin):
    """A request's pin that is its `send` as well: nothing else has to be made for that."""

    __slots__ = ()

    def sending(self, message: Message) -> Awaitable[None]:
        kind = message["type"]  # compared with each in turn: looked for in a set it takes longer
        if kind == "http.response.body":
            if "more_body" not in message or not message["more_body"]:
                # Servers begin a connection's next request from here, in this context: it is no part of ours.
                self.phase = RESTING
        elif kind == "http.response.start" or kind == "websocket.accept":
            tally = self.tally
            failed = "status" in message and message["status"] >= 500
            if failed or tally is None or tally.listener is not None or self.outcome != UNANSWERED:
                answered(self, failed)
            else:  # nearly always: what `answered` comes to then, in line
                tally.requests += 1
                tally.recent.append(monotonic() - self.since)
                self.outcome = ANSWERED
        reply: Send = self.reply
        return reply(message)


def _naming(header: Header) -> type[ASGIPin]:
    name, value = header[0].lower().encode("latin-1"), header[1]

    class NamingPin(ASGIPin):
        """Names the version that answers."""

        __slots__ = ()

        def sending(self, message: Message) -> Awaitable[None]:
            if message["type"] in BEGINS:
                pair = name, value(self.epoch).encode("latin-1")
                message = {**message, "headers": [*message.get("headers", ()), pair]}
            return ASGIPin.sending(self, message)

    return NamingPin


def _broke(pin: Pin, error: BaseException) -> None:
    # Once the answer has begun, an OSError is the client hanging up.
    gone = isinstance(error, OSError) and pin.outcome == ANSWERED
    leave(pin, failed=isinstance(error, Exception) and not gone)


def pin_asgi(app: ASGIApp, header: Header | None = None) -> ASGIApp:
    """The same application, each of its requests pinned to one epoch."""
    kind_of_pin = ASGIPin if header is None else _naming(header)

    async def pinned_app(scope: Message, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            return await app(scope, receive, send)
        # What `pins.enter_at_once` comes to, in line: a call is a twentieth of all that this costs.
        seen = pins.policy
        tally = seen.tally
        if not seen.plain or tally.listener is not None or here().phase:
            return await in_turn(scope, receive, send)
        pin = kind_of_pin()
        pin.since = monotonic()
        pin.what = scope
        pin.reply = send
        pin.outcome = UNANSWERED
        pin.phase = RUNNING
        pin.epoch = seen.epoch
        pin.tally = tally
        publish(pin)
        if pins.policy is not seen:  # as in `admit`
            take_out(pin)
            return await in_turn(scope, receive, send)
        put_here(pin)
        try:
            await app(scope, receive, pin.sending)
        except BaseException as error:
            _broke(pin, error)
            raise
        if pin.outcome == UNANSWERED:
            answered(pin, False)
        take_out(pin)  # what `leave` comes to, in line
        pin.what = None
        pin.reply = None
        pin.phase = ENDED
        pin.__class__ = Released  # type: ignore[assignment]
        return None

    async def in_turn(scope: Message, receive: Receive, send: Send) -> None:
        """By the policy: a canary, a barrier, somebody who counts, a request inside a request."""
        pin = await enter_async(scope, kind_of_pin, send)
        token = put(pin)
        try:
            await app(scope, receive, pin.sending)
        except BaseException as error:
            _broke(pin, error)
            raise
        else:
            leave(pin)
        finally:
            if token is not None:
                with suppress(ValueError):  # closed by the collector, in another context: nothing to restore
                    put_back(token)

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app

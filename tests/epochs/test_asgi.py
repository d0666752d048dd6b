from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hotpatch.epochs import EPOCH, control, pin_requests, pins


def epoch() -> int:
    return EPOCH.get().epoch


def commit() -> None:
    control.set_default(control.next_epoch())


async def call(app: Any, scope: dict[str, Any], sent: list[Any] | None = None) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        if sent is not None:
            sent.append(message)

    await app(scope, receive, send)


HTTP = {"type": "http", "path": "/", "method": "GET"}


def test_http_is_pinned_across_awaits_and_into_tasks_and_threads() -> None:
    seen: list[int] = []

    async def look() -> None:
        seen.append(epoch())

    @pin_requests
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for step in (
            look,
            lambda: asyncio.create_task(look()),
            lambda: asyncio.to_thread(lambda: seen.append(epoch())),
            lambda: asyncio.get_running_loop().run_in_executor(None, lambda: seen.append(epoch())),
        ):
            await step()
            commit()

    asyncio.run(call(app, HTTP))
    assert len(seen) == 4 and len(set(seen)) == 1 and seen[0] != epoch()
    assert not pins.open_pins


def test_websocket_is_pinned_and_answered_when_accepted() -> None:
    commit()
    seen: list[int] = []

    @pin_requests
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        assert control.counts()[-1].requests == 1, "counted although it is still open"
        seen.append(epoch())
        commit()
        seen.append(epoch())

    asyncio.run(call(app, {"type": "websocket", "path": "/ws"}))
    assert seen[0] == seen[1] != epoch()


def test_lifespan_is_not_pinned() -> None:
    seen: list[int] = []

    @pin_requests
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert not pins.open_pins
        seen.append(epoch())
        commit()
        seen.append(epoch())

    asyncio.run(call(app, {"type": "lifespan"}))
    assert seen[0] != seen[1]


def test_requests_in_turn_in_one_task_do_not_inherit() -> None:
    async def keep_alive() -> list[int]:
        seen: list[int] = []

        @pin_requests
        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(epoch())

        await call(app, HTTP)
        commit()
        await call(app, HTTP)
        return seen

    first, second = asyncio.run(keep_alive())
    assert first < second == epoch()


def test_errors_are_exceptions_and_5xx_but_not_the_client_hanging_up() -> None:
    commit()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["case"] == "raises":
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": scope["case"]})
        if scope.get("gone"):
            raise OSError("client gone")

    async def main() -> None:
        pinned = pin_requests(app)
        for scope in ({"case": 200}, {"case": 503}, {"case": "raises"}, {"case": 200, "gone": True}):
            with contextlib.suppress(ZeroDivisionError, OSError):
                await call(pinned, {**HTTP, **scope})

    asyncio.run(main())
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (4, 2)
    assert not pins.open_pins


def test_a_cancelled_request_ends_its_pin() -> None:
    async def main() -> None:
        @pin_requests
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(call(app, HTTP))
        while not pins.open_pins:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not pins.open_pins


def test_a_response_header_can_name_the_version() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    sent: list[Any] = []
    asyncio.run(call(pin_requests(app, header=("X-Version", str)), HTTP, sent))
    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-version", str(epoch()).encode())]


class Application:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


async def function(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    "app", [Application(), function, functools.partial(function), Application().__call__]
)
def test_asgi_applications_are_told_from_wsgi(app: Callable[..., Awaitable[None]]) -> None:
    asyncio.run(call(pin_requests(app), HTTP))

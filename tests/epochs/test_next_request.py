"""A connection's next request is no part of the one before, though the server starts it from there."""

from __future__ import annotations

import asyncio
from typing import Any

from hotpatch.epochs import EPOCH, control, pin_requests, pins


async def receive() -> dict[str, Any]:
    return {"type": "http.request"}


async def nowhere(message: Any) -> None: ...


def request(path: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "method": "GET"}


def test_the_next_request_gets_its_own_version_though_the_one_before_still_works_in_the_background() -> None:
    canary = control.next_epoch()
    control.set_canary(canary, lambda scope: scope["path"] == "/next")
    seen: dict[str, int] = {}
    over = asyncio.Event()

    @pin_requests
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen[scope["path"]] = EPOCH.get().epoch
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"all of it"})
        if scope["path"] == "/first":
            await over.wait()

    async def serve() -> None:
        begun: list[asyncio.Task[None]] = []

        async def send(message: Any) -> None:
            # As uvicorn does: what has come in meanwhile is begun as soon as the answer is out.
            if message["type"] == "http.response.body":
                begun.append(asyncio.create_task(app(request("/next"), receive, nowhere)))

        first = asyncio.create_task(app(request("/first"), receive, send))
        while not begun:
            await asyncio.sleep(0)
        await begun[0]
        over.set()
        await first

    asyncio.run(serve())
    assert seen["/next"] == canary != seen["/first"]
    assert not pins.open_pins


def test_a_request_that_the_application_makes_of_itself_before_it_answers_stays_on_its_version() -> None:
    control.set_canary(control.next_epoch(), lambda scope: scope["path"] == "/inner")
    seen: dict[str, int] = {}

    @pin_requests
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen[scope["path"]] = EPOCH.get().epoch
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        if scope["path"] == "/outer":
            await asyncio.create_task(app(request("/inner"), receive, nowhere))
        await send({"type": "http.response.body", "body": b"the rest"})

    asyncio.run(app(request("/outer"), receive, nowhere))
    assert seen["/inner"] == seen["/outer"]

"""What differs between gunicorn's worker classes: where the application is, and how a worker leaves.

A worker that leaves should first stop accepting, then say `Connection: close` on every answer, and end when
its connections have ended; only then can no client write into a connection that is about to close.

    sync      has no connections that are kept alive: nothing to add
    gthread   does all of that by itself
    gevent    does, but goes on accepting for up to a second
    asgi      closes connections on which it has just promised to go on
    uvicorn   closes connections that it has accepted and not yet read from

For the last two the missing part is put in here, for every way of leaving: TERM, TTOU, HUP, a replacement.
The wait is bounded by the keep-alive time, after which both close idle connections by themselves.  Neither
tells the master that it lives while it leaves, so that a stream would be cut after `timeout`, not after
`graceful_timeout`: that is put in as well, for that long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from hotpatch_agent.native import under_gevent
from hotpatch_agent.process import request_end
from hotpatch_agent.process.doors import CLOSE, SHUT, is_asgi, is_uvicorn, stop_accepting

LINGER: Final = 1.0
"""Seconds to wait for connections to end, beyond the keep-alive time."""
LOOK: Final = 0.02
BEAT: Final = 1.0
LEAVING: Final = "_hotpatch_leaving"
BEATING: Final = "_hotpatch_beating"
STATE: Final = "_hotpatch_state"
"""Attributes of a worker of our own."""


APPLICATION: Final = ("wsgi", "asgi")
"""Where the classes keep the application after `load_wsgi`."""


def application(worker: Any) -> Any:
    """The application object, as the program made it or as it was put in."""
    return next(app for name in APPLICATION if (app := getattr(worker, name, None)) is not None)


def put_application(worker: Any, app: Any) -> None:
    """The worker serves this application from now on; called after `load_wsgi`, before `run`."""
    for name in APPLICATION:
        if getattr(worker, name, None) is not None:
            setattr(worker, name, _closing_app(app, worker) if name == "asgi" else app)
    if hasattr(worker, "handle_request"):
        request_end.put_in(worker)


def lifespan_state(worker: Any) -> Mapping[str, Any]:
    """What an ASGI application's lifespan has left for its requests; empty for others."""
    found: Mapping[str, Any] = getattr(worker, STATE, None) or getattr(worker, "state", None) or {}
    return found


def prepare(worker: Any, left: Callable[[], None]) -> None:
    """Puts in what the worker's class lacks; `left` is called when the worker no longer accepts connections.

    Called before `init_process`, which sets the signal handlers.
    """
    if is_asgi(worker):
        _prepare_asgi(worker, left)
    elif is_uvicorn(worker):
        _prepare_uvicorn(worker, left)
    else:
        _prepare_plain(worker, left)


def _prepare_plain(worker: Any, left: Callable[[], None]) -> None:
    handle_exit = worker.handle_exit

    def handle(*arguments: Any) -> None:
        handle_exit(*arguments)
        if under_gevent():
            _at_next_heartbeat(worker, left)  # the first one after the listeners were closed
        else:
            left()

    worker.handle_exit = handle


def _at_next_heartbeat(worker: Any, left: Callable[[], None]) -> None:
    notify = worker.notify

    def last_notify() -> None:
        del worker.notify
        notify()
        left()

    worker.notify = last_notify


# -- gunicorn's ASGI worker ----------------------------------------------------------------------


def _prepare_asgi(worker: Any, left: Callable[[], None]) -> None:
    handle_exit = worker.handle_exit_signal

    async def leave() -> None:
        setattr(worker, BEATING, worker.loop.create_task(_beat(worker)))
        await stop_accepting(worker.servers)
        left()
        await _until(lambda: worker.nr_conns == 0, worker.cfg.keepalive)
        handle_exit()

    def handle() -> None:
        if not getattr(worker, LEAVING, None):
            setattr(worker, LEAVING, worker.loop.create_task(leave()))

    worker.handle_exit_signal = handle


def _closing_app(app: Any, worker: Any) -> Any:
    """An ASGI application that says `Connection: close` while the worker leaves, or waits."""

    def closing_app(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        closes = getattr(worker, LEAVING, None) or getattr(worker, SHUT, False)
        if closes and scope["type"] == "http":
            send = _closing(send)
        called: Awaitable[None] = app(scope, receive, send)
        return called

    closing_app.__wrapped__ = app  # type: ignore[attr-defined]
    return closing_app


def _closing(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    def sending(message: MutableMapping[str, Any]) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        return send(message)

    return sending


# -- uvicorn's worker ----------------------------------------------------------------------------


def _prepare_uvicorn(worker: Any, left: Callable[[], None]) -> None:
    from uvicorn.server import Server

    startup, shutdown = Server.startup, Server.shutdown

    async def noting_startup(server: Any, sockets: Any = None) -> None:
        await startup(server, sockets)
        setattr(worker, STATE, server.lifespan.state)

    async def careful_shutdown(server: Any, sockets: Any = None) -> None:
        if server.config.timeout_graceful_shutdown is None:
            server.config.timeout_graceful_shutdown = worker.cfg.graceful_timeout
        beating = asyncio.create_task(_beat(worker))
        await stop_accepting(server.servers)
        left()
        state = server.server_state
        state.default_headers = [*state.default_headers, CLOSE]
        await _until(lambda: server.force_exit or not state.connections, worker.cfg.keepalive)
        await shutdown(server, sockets)
        beating.cancel()

    Server.startup = noting_startup  # type: ignore[method-assign, assignment]
    Server.shutdown = careful_shutdown  # type: ignore[method-assign, assignment]


# -- both ----------------------------------------------------------------------------------------


async def _beat(worker: Any) -> None:
    """Tells the master that this worker lives, for as long as it may take to leave."""
    end = time.monotonic() + worker.cfg.keepalive + LINGER + worker.cfg.graceful_timeout
    while time.monotonic() < end:
        worker.notify()
        await asyncio.sleep(min(BEAT, worker.timeout or BEAT))


async def _until(over: Callable[[], bool], keepalive: float) -> None:
    end = time.monotonic() + keepalive + LINGER
    while not over() and time.monotonic() < end:
        await asyncio.sleep(LOOK)

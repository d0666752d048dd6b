"""A worker's doors: whether it accepts connections, in every worker class, turned from any thread.

A worker whose doors are shut lives on: it answers what it has accepted, keeps its streams, tells the master
that it lives, and can open again at once.  All workers share the kernel's queue of connections, so that one
which nobody has accepted yet is lost by nobody: another worker takes it, or this one when it opens.

    sync      `accept` finds nothing there, and the listeners are not among what it waits for
    gthread   turns accepting off as it does by itself when it has all the connections that it may have
    gevent    `stop_accepting` and `start_accepting` of its servers
    asyncio   (gunicorn's ASGI worker, uvicorn's) its servers are closed, and made anew of the same sockets

While they are shut each answer says `Connection: close`, so that clients which keep their connections come to
a worker that is open.

Leans on gunicorn 27: `SyncWorker.wait_fds`, `PIPE` and `accept`; `ThreadWorker.set_accept_enabled`,
`max_keepalived` and `method_queue`; the gevent worker's `handle_request`, and gevent's
`BaseServer.start_accepting`; else on what asyncio documents.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from attrs import define

from hotpatch_agent.native import under_gevent

SETTLE: Final = 0.05
"""Seconds for connections that were accepted already to become known as such."""
SHUT: Final = "_hotpatch_shut"
UVICORN: Final = "_hotpatch_uvicorn"
LOOP: Final = "_hotpatch_loop"
"""Attributes of a worker of our own: are its doors shut?  Its uvicorn server, and its event loop."""
CLOSE: Final = (b"connection", b"close")


class Doors(Protocol):
    """Made in the worker before it begins to accept."""

    def turn(self, open_: bool) -> None:
        """Open or shut, from any thread; harmless to repeat.  Takes effect when the worker's own loop comes
        to it: at once if it waits, after the request if it is single-threaded and answers one."""


def doors_of(worker: Any) -> Doors | None:
    """Those of this worker, open; None for a class that is not known."""
    if is_asgi(worker):
        doors = AsyncioDoors(worker, AsgiServers(worker))
        doors.enter(worker.loop)
        return doors
    if is_uvicorn(worker):
        return _of_uvicorn(worker)
    if under_gevent():
        return GeventDoors(worker)
    if hasattr(worker, "set_accept_enabled"):
        return ThreadDoors(worker)
    return SyncDoors(worker) if hasattr(worker, "accept") else None


def is_asgi(worker: Any) -> bool:
    """Is it gunicorn's own ASGI worker?"""
    return hasattr(worker, "handle_exit_signal")


def is_uvicorn(worker: Any) -> bool:
    """Is it uvicorn's?"""
    return hasattr(worker, "callback_notify")


def is_shut(worker: Any) -> bool:
    """Does this worker accept no connections for now?"""
    return bool(getattr(worker, SHUT, False))


def loop_of(worker: Any) -> Any:
    """The event loop in which the worker's requests run, asyncio's or gevent's; None for one without, or that
    has not begun yet."""
    return getattr(worker, LOOP, None)


def _of_uvicorn(worker: Any) -> Doors:
    """uvicorn makes its loop when it runs."""
    from uvicorn.server import Server

    doors = AsyncioDoors(worker, UvicornServers(worker))
    startup = Server.startup

    async def entering_startup(server: Any, sockets: Any = None) -> None:
        setattr(worker, UVICORN, server)
        doors.enter(asyncio.get_running_loop())
        await startup(server, sockets)

    Server.startup = entering_startup  # type: ignore[method-assign, assignment]
    return doors


class SyncDoors:
    """One thread: it accepts, answers, and accepts again."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def turn(self, open_: bool) -> None:
        """See `Doors`."""
        worker = self._worker
        setattr(worker, SHUT, not open_)
        if open_:
            worker.__dict__.pop("accept", None)
        else:
            worker.accept = _nothing_there
        worker.wait_fds = [*(worker.sockets if open_ else ()), worker.PIPE[0]]
        with contextlib.suppress(BlockingIOError):
            os.write(worker.PIPE[1], b"\0")


def _nothing_there(_listener: Any) -> None:
    raise BlockingIOError(errno.EAGAIN, "this worker accepts nothing for now")


class ThreadDoors:
    """A thread that accepts, and a pool that answers."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._enable = worker.set_accept_enabled
        self._kept = worker.max_keepalived
        worker.set_accept_enabled = self._enable_if_open

    def turn(self, open_: bool) -> None:
        """See `Doors`."""
        worker = self._worker
        setattr(worker, SHUT, not open_)
        worker.max_keepalived = self._kept if open_ else 0
        worker.method_queue.defer(self._apply)

    def _apply(self) -> None:
        worker = self._worker
        if worker.alive:
            worker.set_accept_enabled(worker.nr_conns < worker.worker_connections)

    def _enable_if_open(self, enabled: bool) -> None:
        self._enable(enabled and not is_shut(self._worker))


class GeventDoors:
    """A server for each listener, found when it begins to accept."""

    def __init__(self, worker: Any) -> None:
        from gevent import get_hub
        from gevent.baseserver import BaseServer

        self._worker = worker
        self._servers: list[Any] = []
        self._loop = get_hub().loop
        setattr(worker, LOOP, self._loop)
        self._handle = worker.handle_request
        start = BaseServer.start_accepting

        def start_accepting(server: Any) -> None:
            at = server.socket.fileno()  # the server's is the socket inside gevent's own
            if server not in self._servers and any(one.fileno() == at for one in worker.sockets):
                self._servers.append(server)
            if not (is_shut(worker) and server in self._servers):
                start(server)

        BaseServer.start_accepting = start_accepting

    def turn(self, open_: bool) -> None:
        """See `Doors`."""
        worker = self._worker
        setattr(worker, SHUT, not open_)
        worker.handle_request = self._handle if open_ else self._handle_the_last
        self._loop.run_callback_threadsafe(self._apply)

    def _handle_the_last(self, listener: Any, request: Any, *connection: Any) -> Any:
        """Of this connection."""
        request.force_close()
        return self._handle(listener, request, *connection)

    def _apply(self) -> None:
        for server in self._servers:
            if not server.started or server.closed:
                continue
            if is_shut(self._worker):
                server.stop_accepting()
            else:
                server.start_accepting()


# -- asyncio -------------------------------------------------------------------------------------


class Servers(Protocol):
    """Where a class keeps its servers, and what it does about connections that are kept."""

    def put(self, servers: list[Any]) -> None:
        """These are the servers from now on."""

    def close_kept(self, close: bool) -> None:
        """Let answers say `Connection: close`, or no more."""


class AsgiServers:
    """gunicorn's own; what its answers say goes by `is_shut` (`worker_classes`)."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def put(self, servers: list[Any]) -> None:
        """See `Servers`."""
        self._worker.servers[:] = servers

    def close_kept(self, close: bool) -> None:
        """See `Servers`."""


class UvicornServers:
    """uvicorn's, which has one server object of its own; its answers begin with the headers of its state,
    which it makes anew each second from its configuration."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def put(self, servers: list[Any]) -> None:
        """See `Servers`."""
        self._server.servers[:] = servers

    def close_kept(self, close: bool) -> None:
        """See `Servers`."""
        for place, name in (
            (self._server.config, "encoded_headers"),
            (self._server.server_state, "default_headers"),
        ):
            others = [one for one in getattr(place, name) if one != CLOSE]
            setattr(place, name, [*others, CLOSE] if close else others)

    @property
    def _server(self) -> Any:
        return getattr(self._worker, UVICORN)


@define
class Entrance:
    """One listener, what is served at it, and the server that does."""

    factory: Callable[[], Any]
    options: dict[str, Any]
    listener: Any
    server: Any
    open_: bool
    is_closed: bool = False
    """Was the server closed, rather than never begun?  `listener` is a second handle then."""


class AsyncioDoors:
    """What makes a server of a listener is noted when the worker class makes its own."""

    def __init__(self, worker: Any, servers: Servers) -> None:
        self._worker = worker
        self._servers = servers
        self._entrances: list[Entrance] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turning: asyncio.Task[None] | None = None

    def enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """The worker is about to make its servers on this loop."""
        self._loop = loop
        setattr(self._worker, LOOP, loop)
        create = loop.create_server

        async def create_server(factory: Callable[[], Any], *arguments: Any, **options: Any) -> Any:
            sock = options.get("sock")
            if not any(sock is one or sock is getattr(one, "sock", one) for one in self._worker.sockets):
                return await create(factory, *arguments, **options)
            options.pop("sock")
            open_ = not is_shut(self._worker)
            server = await create(factory, sock=sock, **{**options, "start_serving": open_})
            self._entrances.append(Entrance(factory, options, sock, server, open_))
            self._follow_soon()
            return server

        self._create = create
        loop.create_server = create_server  # type: ignore[method-assign, assignment]

    def turn(self, open_: bool) -> None:
        """See `Doors`."""
        setattr(self._worker, SHUT, not open_)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._follow_soon)

    def _follow_soon(self) -> None:
        if self._loop is not None and (self._turning is None or self._turning.done()):
            self._turning = self._loop.create_task(self._follow())

    async def _follow(self) -> None:
        """Until all are as they should be: that may have changed again while a server was closed."""
        while late := [one for one in self._entrances if one.open_ is is_shut(self._worker)]:
            for entrance in late:
                await (self._shut(entrance) if entrance.open_ else self._open(entrance))
            self._servers.close_kept(is_shut(self._worker))
            self._servers.put([one.server for one in self._entrances])

    async def _shut(self, entrance: Entrance) -> None:
        listener = entrance.listener.dup()
        await stop_accepting([entrance.server])
        entrance.listener, entrance.is_closed, entrance.open_ = listener, True, False

    async def _open(self, entrance: Entrance) -> None:
        if entrance.is_closed:
            options = {**entrance.options, "start_serving": True}
            entrance.server = await self._create(entrance.factory, sock=entrance.listener, **options)
        else:
            await entrance.server.start_serving()
        entrance.is_closed, entrance.open_ = False, True


async def stop_accepting(servers: Iterable[Any]) -> None:
    """No new connections; those that were accepted a moment ago are given to their protocols first.

    asyncio takes a connection in two steps, and drops it if its server was closed in between.
    """
    loop = asyncio.get_running_loop()
    for server in servers:
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())
    await asyncio.sleep(SETTLE)
    for server in servers:
        server.close()

"""What requests wait at while a barrier is held.

A gate lives as long as its barrier; when there is none, `policy.gate` is None and costs nothing.

Thread-safety: any number of threads, greenlets and event loops may wait; `open` may be called from any
thread, more than once.  Fork-safety: a child drops the gate with its first act (`pins.py`), for whoever
held it does not exist there.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Gate:
    """Shut when made; `open` lets everybody through, for good."""

    __slots__ = ("_event", "_loops", "is_open")

    def __init__(self) -> None:
        # Looked up now, not at import: gevent may have replaced it since, and then only greenlets wait.
        self._event = threading.Event()
        self._loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self.is_open = False

    def wait(self) -> None:
        """Block the calling thread (under gevent: the greenlet) until the gate opens."""
        self._event.wait()

    async def wait_async(self) -> None:
        """Suspend the calling task, and nothing else of its loop, until the gate opens."""
        from asyncio import get_running_loop  # who waits here has loaded it

        loop = get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._loops.append((loop, waiter))
        if self.is_open:  # counterpart: open() stores is_open, then empties the list
            return
        await waiter

    def open(self) -> None:
        self.is_open = True
        self._event.set()
        while self._loops:
            loop, waiter = self._loops.pop()
            with contextlib.suppress(RuntimeError):  # that loop has been closed: nobody waits there
                loop.call_soon_threadsafe(_resolve, waiter)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

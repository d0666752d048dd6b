"""What Python does not carry by itself: a request's pin into the threads, executors and greenlets it starts.

asyncio carries context variables into tasks, callbacks and `to_thread`.  Threads, thread pools and gevent do
not; the smallest places that see both sides are `Thread.start` and `_bootstrap_inner`, `_WorkItem.__init__`
and `run`, and gevent's spawn callback.  They are private in part: `cpython.py`, "carrying".

Carrying has to be on before the first request, not only during a rollout: a thread that was started just
before a release goes live belongs to a request of the old version.

Still lost, and documented: bare `_thread`, bare greenlets, gevent's own thread pool and hub timers, contexts
made empty on purpose, and generators that are consumed outside the request that made them.
"""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import thread as pool
from contextvars import Context
from typing import Any, Final

from hotpatch.epochs.pins import DEFAULT, Released, here, put_back, put_here

ATTRIBUTE: Final = "_hotpatch_pin"
"""Where a thread that is to start, or a pool's item, has the pin that it brings."""
_POOL_THREAD: Any = getattr(pool, "_worker", pool)
"""What the threads of a pool run: they serve many requests, and have no pin but that of each item."""
_installed = False
_gevent_installed = False


def install() -> None:
    """Carry pins from now on, for good.  Cheap, idempotent, to be called before the first request and
    again once gevent is loaded."""
    global _installed, _gevent_installed
    if not _installed:
        _installed = True
        _carry_into_threads()
        _carry_into_executors()
    if not _gevent_installed and "gevent" in sys.modules:
        _gevent_installed = True
        import gevent

        gevent.Greenlet.add_spawn_callback(_carry_into_greenlet)


def _carry_into_threads() -> None:
    thread: Any = threading.Thread
    start, bootstrap = thread.start, thread._bootstrap_inner

    @functools.wraps(start)
    def start_with_pin(self: Any) -> None:
        pin = here()
        if pin is not DEFAULT and self._target is not _POOL_THREAD:
            self.__dict__[ATTRIBUTE] = pin
        start(self)

    @functools.wraps(bootstrap)
    def bootstrap_with_pin(self: Any) -> None:
        pin = self.__dict__.pop(ATTRIBUTE, None)
        if pin is not None:
            put_here(pin)
        bootstrap(self)

    thread.start, thread._bootstrap_inner = start_with_pin, bootstrap_with_pin


def _carry_into_executors() -> None:
    """Each item that a request hands in brings its pin; one from outside any request, as a server's are, is
    left as it is made, for that is on the path of every request."""
    item: Any = pool._WorkItem
    make = item.__init__

    @functools.wraps(make)
    def make_with_pin(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        pin = here()
        if pin is not DEFAULT and type(pin) is not Released:
            self.__dict__[ATTRIBUTE] = pin
            self.__class__ = PinnedItem

    class PinnedItem(item):  # type: ignore[misc]
        """An item that runs on its request's epoch, what waits for its result included."""

        def run(self, *args: Any) -> None:
            token = put_here(self.__dict__[ATTRIBUTE])
            try:
                super().run(*args)
            finally:
                put_back(token)

    item.__init__ = make_with_pin


def _carry_into_greenlet(greenlet: Any) -> None:
    pin = here()
    if pin is not DEFAULT and greenlet.gr_context is None:
        context = Context()
        context.run(put_here, pin)
        greenlet.gr_context = context

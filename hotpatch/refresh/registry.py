"""Who wants to be told of a change: the callbacks that the application, the bundle and the plugins
registered.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from attrs import frozen

from hotpatch.refresh.update import Update

Step = Callable[[Update], object]
"""Called with what changes; what it returns is not looked at."""


@frozen(eq=False)
class Handler:
    """What one party does around a change; see the package for when each step runs."""

    name: str
    before: Step | None = None
    forget: Step | None = None
    rebuild: Step | None = None
    after: Step | None = None
    looks_for: tuple[type, ...] = ()
    """Classes whose instances its steps ask for by `Update.held`: looked for once for all handlers, before
    the change, and once more before it is settled."""
    looks_in: Callable[[], Iterable[object]] | None = None
    """Where they are to be found as well, besides what the program holds."""
    remakes: frozenset[str] = frozenset()
    """Attributes of classes that its `rebuild` makes anew, of all that a change reaches: compiled from what
    the proof compares, which leaves them out."""


_handlers: tuple[Handler, ...] = ()
_lock = threading.Lock()
_collecting: ContextVar[list[Handler] | None] = ContextVar("hotpatch_refresh_collecting", default=None)


def _renew() -> None:
    global _lock
    _lock = threading.Lock()  # another thread may have held it when the process forked


os.register_at_fork(after_in_child=_renew)


@frozen(eq=False)
class Registration:
    """What `register` gives back; `remove` ends it, and brings back the handler that it replaced, if any."""

    handler: Handler
    replaced: Handler | None

    def remove(self) -> None:
        """May be called from any thread, and twice.  Rounds that have begun still finish with the handler."""
        global _handlers
        with _lock:
            if self.handler in _handlers:
                place = _handlers.index(self.handler)
                back = () if self.replaced is None else (self.replaced,)
                _handlers = (*_handlers[:place], *back, *_handlers[place + 1 :])


def register(
    name: str,
    *,
    before: Step | None = None,
    forget: Step | None = None,
    rebuild: Step | None = None,
    after: Step | None = None,
) -> Registration:
    """Have callbacks run around every change of the program's code.  Any thread, any time.

    Handlers run in the order in which they were registered.  A name is registered once: registering it again
    takes the place of what was there, so that a module that runs twice doesn't do everything twice.
    Raises ValueError if there is no callback at all.
    """
    if not (before or forget or rebuild or after):
        raise ValueError(f"refresh handler {name!r} has no callback: give before, forget, rebuild or after")
    handler = Handler(name, before, forget, rebuild, after)
    collected = _collecting.get()
    if collected is not None:
        collected.append(handler)
        return Registration(handler, None)
    return add(handler)


def add(handler: Handler) -> Registration:
    """Register a handler that is there already, a plugin's say."""
    global _handlers
    with _lock:
        known = next((h for h in _handlers if h.name == handler.name), None)
        if known is None:
            _handlers = (*_handlers, handler)
        else:
            place = _handlers.index(known)
            _handlers = (*_handlers[:place], handler, *_handlers[place + 1 :])
    return Registration(handler, known)


def registered() -> tuple[Handler, ...]:
    """The handlers of the moment; takes no lock."""
    return _handlers


@contextmanager
def collecting() -> Iterator[list[Handler]]:
    """Within it, `register` calls of this thread or task go into the list instead of the process's registry.

    For the code of a bundle: its handlers take part in its own commit and undo (`begin(extra=...)`) alone.
    """
    found: list[Handler] = []
    token = _collecting.set(found)
    try:
        yield found
    finally:
        _collecting.reset(token)

"""Pins for WSGI: a request is pinned from the call of the application to the end of its body.

The server iterates the body outside the application call, and what a generator calls is dispatched by its
consumer's epoch; so the pin has to be in `EPOCH` for the call, for each `next`, and for `close`, where it
ends.  It is left there in between, for setting a context variable is a good part of what pinning costs; a
server that does something else between two chunks (another request, or the next chunk in another thread)
finds it put in as needed.

Two kinds of body are handed to the server as they are, because it looks at their type: an exact list or tuple
(no code of the application runs any more: the pin ends at once) and an instance of `wsgi.file_wrapper`, which
a server sends by `sendfile` (the pin ends at its `close`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from typing import Any, Final

from hotpatch.epochs.pins import EPOCH, Pin, answered, enter, leave, open_pins

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Header = tuple[str, Callable[[int], str]]
"""A response header that names the version that answered: its name, and its value for an epoch."""


def pin_wsgi(app: WSGIApp, header: Header | None = None) -> WSGIApp:
    """The same application, each of its requests pinned to one epoch."""

    def pinned_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        pin = enter(environ)

        def starting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if header is not None:
                headers = [*headers, (header[0], header[1](pin.epoch))]
            answered(pin, status[0] == "5")
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        token = EPOCH.set(pin)
        try:
            body = app(environ, starting)
            kind = type(body)
            if kind is list or kind is tuple:
                leave(pin)
            else:
                wrapper = environ.get("wsgi.file_wrapper")
                if not (isinstance(wrapper, type) and isinstance(body, wrapper) and _close_with(body, pin)):
                    sized = hasattr(body, "__len__")
                    pin.running = False
                    return SizedBody(pin, body, token) if sized else PinnedBody(pin, body, token)
        except BaseException:
            leave(pin, failed=True)
            EPOCH.reset(token)
            raise
        EPOCH.reset(token)
        return body

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app


def _close_with(body: Any, pin: Pin) -> bool:
    """End the pin with the file's `close`; False where there's no file, or the wrapper takes no attribute."""
    if not hasattr(getattr(body, "filelike", None), "fileno"):
        return False
    close = getattr(body, "close", None)

    def close_and_leave() -> None:
        token = EPOCH.set(pin)
        try:
            if close is not None:
                close()
        finally:
            EPOCH.reset(token)
            leave(pin)

    try:
        body.close = close_and_leave
    except AttributeError:  # a wrapper written in C: no code of the application is left to run but close
        leave(pin)
    return True


_END: Final[Any] = object()


class PinnedBody:
    """A response body whose every step runs on its request's epoch; ends the pin when closed or dropped.

    Iterated by a generator: its end costs no exception, which in a `__next__` would be most of the cost.
    """

    __slots__ = ("_body", "_pin", "_token")

    def __init__(self, pin: Pin, body: Iterable[bytes], token: Token[Pin]) -> None:
        self._body = body
        self._token = token
        self._pin = pin

    def __iter__(self) -> Iterator[bytes]:
        pin, current = self._pin, EPOCH.get
        iterator: Iterator[bytes] | None = None
        while True:
            token = None if current() is pin else EPOCH.set(pin)
            pin.running = True
            try:
                if iterator is None:
                    iterator = iter(self._body)
                item = next(iterator, _END)
            except BaseException:
                answered(pin, failed=True)
                raise
            finally:
                pin.running = False
                if token is not None:
                    EPOCH.reset(token)
            if item is _END:
                return
            yield item

    def close(self) -> None:
        pin = self._pin
        token = self._token if EPOCH.get() is pin else EPOCH.set(pin)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                pin.running = True
                close()
        finally:
            leave(pin)
            try:  # noqa: SIM105 - a context manager would cost as much as all of this
                EPOCH.reset(token)
            except (ValueError, RuntimeError):  # set in another context; closed for a second time
                pass

    def __del__(self) -> None:
        pin = getattr(self, "_pin", None)
        if pin is not None and pin in open_pins:  # a server that forgot close() must not hold it for ever
            leave(pin)
            if EPOCH.get() is pin:
                EPOCH.reset(self._token)


class SizedBody(PinnedBody):
    """For bodies of known length: servers derive the content length from a length of one."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

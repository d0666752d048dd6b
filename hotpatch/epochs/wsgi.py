"""Pins for WSGI: a request is pinned from the call of the application to the end of its body.

The server iterates the body outside the application call, and what a generator calls is dispatched by its
consumer's epoch; so the pin is put into `EPOCH` around the call, around each `next`, and around `close`,
and ends there.  Two kinds of body are handed to the server as they are, because it looks at their type: an
exact list or tuple (no code of the application runs any more: the pin ends at once) and an instance of
`wsgi.file_wrapper`, which a server sends by `sendfile` (the pin ends at its `close`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from hotpatch.epochs.pins import EPOCH, Pin, answered, enter, leave

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Header = tuple[str, Callable[[int], str]]
"""A response header that names the version that answered: its name, and its value for an epoch."""


def pin_wsgi(app: WSGIApp, header: Header | None = None) -> WSGIApp:
    """The same application, each of its requests pinned to one epoch."""

    def pinned_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        pin = enter(environ)

        def starting(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            if header is not None:
                headers = [*headers, (header[0], header[1](pin.epoch))]
            answered(pin, status[:1] == "5")
            return start_response(status, headers, *exc_info)

        token = EPOCH.set(pin)
        try:
            body = app(environ, starting)
            kind = type(body)
            if kind is list or kind is tuple:
                leave(pin)
                return body
            return _hold(pin, body, environ.get("wsgi.file_wrapper"))
        except BaseException:
            leave(pin, failed=True)
            raise
        finally:
            EPOCH.reset(token)

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app


def _hold(pin: Pin, body: Iterable[bytes], wrapper: Any) -> Iterable[bytes]:
    if isinstance(wrapper, type) and isinstance(body, wrapper) and _close_with(body, pin):
        return body
    return SizedBody(pin, body) if hasattr(body, "__len__") else PinnedBody(pin, body)


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

    __slots__ = ("_body", "_pin")

    def __init__(self, pin: Pin, body: Iterable[bytes]) -> None:
        self._pin = pin
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        pin = self._pin
        iterator: Iterator[bytes] | None = None
        while True:
            token = EPOCH.set(pin)
            try:
                if iterator is None:
                    iterator = iter(self._body)
                item = next(iterator, _END)
            except BaseException:
                answered(pin, failed=True)
                raise
            finally:
                EPOCH.reset(token)
            if item is _END:
                return
            yield item

    def close(self) -> None:
        token = EPOCH.set(self._pin)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            EPOCH.reset(token)
            leave(self._pin)

    def __del__(self) -> None:
        leave(self._pin)  # a server that forgot close() must not hold the epoch for ever


class SizedBody(PinnedBody):
    """For bodies of known length: servers derive the content length from a length of one."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

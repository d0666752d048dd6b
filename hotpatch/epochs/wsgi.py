"""Pins for WSGI: a request is pinned from the call of the application to the end of its body.

The server iterates the body outside the application call, and what a generator calls is dispatched by its
consumer's epoch; so the pin has to be in `EPOCH` for the call, for each `next`, and for `close`, where it
ends.  It is left there in between, for setting a context variable is a good part of what pinning costs; a
server that does something else between two chunks (another request, or the next chunk in another thread)
finds it put in as needed.

Two kinds of body are handed to the server as they are, because it looks at their type: an exact list or tuple
(no code of the application runs any more: the pin ends at once) and an instance of `wsgi.file_wrapper`, which
a server sends by `sendfile` (the pin ends at its `close`).

A server that says when a request is over (`ends_requests`) gets every body as it is: that halves the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from time import monotonic
from types import FunctionType, MethodType
from typing import Any, Final

from hotpatch.epochs.pins import (
    ANSWERED,
    EPOCH,
    UNANSWERED,
    Pin,
    Released,
    answered,
    enter_at_once,
    enter_in_turn,
    leave,
    open_pins,
)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Header = tuple[str, Callable[[int], str]]
"""A response header that names the version that answered: its name, and its value for an epoch."""


class WSGIPin(Pin):
    """A request's pin that is its `start_response` as well: nothing else has to be made for that."""

    __slots__ = ()

    def starting(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        tally = self.tally
        if status < "5" and tally is not None and tally.listener is None and self.outcome == UNANSWERED:
            tally.requests += 1  # nearly always: what `answered` comes to then, in line
            tally.recent.append(monotonic() - self.since)
            self.outcome = ANSWERED
        else:
            answered(self, status >= "5")
        reply = self.reply
        return reply(status, headers) if exc_info is None else reply(status, headers, exc_info)


def _naming(header: Header) -> type[WSGIPin]:
    name, value = header

    class NamingPin(WSGIPin):
        """Names the version that answers."""

        __slots__ = ()

        def starting(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return WSGIPin.starting(self, status, [*headers, (name, value(self.epoch))], exc_info)

    return NamingPin


_ending: Final[set[FunctionType]] = set()


def ends_requests(start_response: FunctionType) -> Callable[[bool], None]:
    """For a server that calls the application with a bound method of this function, in one thread or greenlet
    from the call to the body's end, with no other request in between, and then, whatever happens, what is
    given back here: in the same thread or greenlet, and with whether the application failed.
    """
    _ending.add(start_response)
    return over


def over(failed: bool) -> None:
    """The request that runs here has ended.  Harmless where that has been said, or where there is none.

    Its pin stays in `EPOCH`, as a released one: taking it out would make this and the next look there slow.
    """
    pin = EPOCH.get()
    if pin.told:
        if failed or pin.outcome == UNANSWERED:
            answered(pin, failed)
        open_pins.discard(pin)  # what `leave` comes to, in line
        pin.what = pin.reply = None
        pin.running = pin.told = False
        pin.__class__ = Released


def pin_wsgi(app: WSGIApp, header: Header | None = None) -> WSGIApp:
    """The same application, each of its requests pinned to one epoch."""
    kind_of_pin = WSGIPin if header is None else _naming(header)

    def pinned_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        pin = enter_at_once(environ, kind_of_pin, start_response)
        if pin is None:
            pin = enter_in_turn(environ, kind_of_pin, start_response)
        token = EPOCH.set(pin)
        try:
            body = app(environ, pin.starting)
            if (
                type(start_response) is MethodType
                and start_response.__func__ in _ending
                and pin.tally is not None
            ):
                pin.told = True
                return body
            return _followed(body, pin, token, environ.get("wsgi.file_wrapper"))
        except BaseException:
            leave(pin, failed=True)
            EPOCH.reset(token)
            raise

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app


def _followed(body: Iterable[bytes], pin: Pin, token: Token[Pin], wrapper: Any) -> Iterable[bytes]:
    """What the server gets for a body, so that the pin ends with it."""
    kind = type(body)
    if kind is list or kind is tuple:
        leave(pin)
    elif not (type(wrapper) is type and isinstance(body, wrapper) and _close_with(body, pin)):
        pinned = SizedBody() if hasattr(body, "__len__") else PinnedBody()
        pinned._body, pinned._pin, pinned._token = body, pin, token
        pin.running = False
        return pinned
    EPOCH.reset(token)
    return body


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


class PinnedBody:
    """A response body whose every step runs on its request's epoch; ends the pin when closed or dropped.

    Iterated by a generator: its end costs no exception, which in a `__next__` would be most of the cost.
    """

    __slots__ = ("_body", "_pin", "_token")  # set by `pinned_app`: a call of `__init__` costs as much again
    _body: Iterable[bytes]
    _pin: Pin
    _token: Token[Pin]

    def __iter__(self) -> Iterator[bytes]:
        pin, current = self._pin, EPOCH.get
        token = None if current() is pin else EPOCH.set(pin)
        pin.running = True
        try:
            for item in self._body:
                pin.running = False
                if token is not None:
                    EPOCH.reset(token)
                    token = None
                yield item
                if current() is not pin:
                    token = EPOCH.set(pin)
                pin.running = True
        except GeneratorExit:  # the server has had enough; the pin ends at `close`
            raise
        except BaseException:
            answered(pin, failed=True)
            raise
        finally:
            pin.running = False
            if token is not None:
                EPOCH.reset(token)

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
        pin = self._pin
        if type(pin) is not Released:  # a server that forgot close() must not hold it for ever
            leave(pin)
            if EPOCH.get() is pin:
                EPOCH.reset(self._token)


class SizedBody(PinnedBody):
    """For bodies of known length: servers derive the content length from a length of one."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

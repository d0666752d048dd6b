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

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from time import monotonic
from types import MethodType
from typing import Any, Final

from hotpatch.epochs.pins import (
    ANSWERED,
    ENDED,
    RESTING,
    RUNNING,
    UNANSWERED,
    Pin,
    Released,
    answered,
    enter_at_once,
    enter_in_turn,
    here,
    leave,
    put,
    put_back,
    put_here,
    take_out,
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


_ending: Final[set[type]] = set()
_PIN: Final = "hotpatch_pin"
"""Where such a server's response has its request's pin."""


def ends_requests(response: type) -> Callable[[Any, bool], None]:
    """For a server that calls the application with the method `start_response` of an instance of this class,
    which has a `status`, None until that has been called, and then a `status_code` as well; that does nothing
    else in that thread or greenlet until the body has ended; and that then, whatever happens, calls what is
    given back here, with that instance and with whether the application raised an error.
    """
    setattr(response, _PIN, None)
    _ending.add(response)
    return over


def over(response: Any, failed: bool) -> None:
    """The request of this response has ended.  Harmless where that has been said, or where it has no pin.

    Its pin stays in `EPOCH`, as a released one: taking it out would make the next look there slow.
    """
    pin: Pin | None = response.hotpatch_pin
    if pin is not None:
        response.hotpatch_pin = None
        try:  # noqa: SIM105 - as below; it may have become an error after it had begun
            failed = failed or response.status_code >= 500
        except AttributeError:  # it never began
            pass
        if failed or pin.outcome == UNANSWERED:
            answered(pin, failed)
        take_out(pin)  # what `leave` comes to, in line
        pin.what = pin.reply = None
        pin.phase = ENDED
        pin.__class__ = Released


def pin_wsgi(app: WSGIApp, header: Header | None = None) -> WSGIApp:
    """The same application, each of its requests pinned to one epoch."""
    kind_of_pin = WSGIPin if header is None else _naming(header)
    asks = header is None and not inspect.isgeneratorfunction(app)
    """Whether a response is asked, when the application has been called, if the answer has begun, rather than
    `start_response` followed.  Not where an application begins it later, as one that is a generator does."""

    def pinned_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        nonlocal asks
        response: Any = start_response.__self__ if type(start_response) is MethodType else None
        if not asks or type(response) not in _ending or (pin := enter_at_once(environ)) is None:
            return followed_app(environ, start_response, response)
        token = put_here(pin)
        try:
            body = app(environ, start_response)
        except BaseException:
            leave(pin, failed=True)
            put_back(token)
            raise
        if response.status is None:
            asks = False
        else:  # what `answered` comes to then, in line
            tally: Any = pin.tally
            tally.requests += 1
            tally.recent.append(monotonic() - pin.since)
            pin.outcome = ANSWERED
        response.hotpatch_pin = pin
        return body

    def followed_app(
        environ: dict[str, Any], start_response: Callable[..., Any], response: Any
    ) -> Iterable[bytes]:
        pin, back = enter_at_once(environ, kind_of_pin, start_response), None
        if pin is not None:
            token: Token[Pin] | None = put_here(pin)
        else:
            pin = enter_in_turn(environ, kind_of_pin, start_response)
            token = back = put(pin)
        try:
            body = app(environ, pin.starting)
            if pin.tally is not None and type(response) in _ending:
                response.hotpatch_pin = pin
                return body
            return _followed(body, pin, back, environ.get("wsgi.file_wrapper"))
        except BaseException:
            leave(pin, failed=True)
            if token is not None:
                put_back(token)
            raise

    pinned_app.__wrapped__ = app  # type: ignore[attr-defined]
    return pinned_app


def _followed(body: Iterable[bytes], pin: Pin, token: Token[Pin] | None, wrapper: Any) -> Iterable[bytes]:
    """What the server gets for a body, so that the pin ends with it."""
    kind = type(body)
    if kind is list or kind is tuple:
        leave(pin)
    elif not (type(wrapper) is type and isinstance(body, wrapper) and _close_with(body, pin)):
        pinned = SizedBody() if hasattr(body, "__len__") else PinnedBody()
        pinned._body, pinned._pin, pinned._token = body, pin, token
        pin.phase = RESTING
        return pinned
    if token is not None:
        put_back(token)
    return body


def _close_with(body: Any, pin: Pin) -> bool:
    """End the pin with the file's `close`; False where there's no file, or the wrapper takes no attribute."""
    if not hasattr(getattr(body, "filelike", None), "fileno"):
        return False
    close = getattr(body, "close", None)

    def close_and_leave() -> None:
        token = put_here(pin)
        try:
            if close is not None:
                close()
        finally:
            put_back(token)
            leave(pin)

    try:
        body.close = close_and_leave
    except AttributeError:  # a wrapper written in C: no code of the application is left to run but close
        leave(pin)
    else:
        pin.phase = RESTING
    return True


class PinnedBody:
    """A response body whose every step runs on its request's epoch; ends the pin when closed or dropped.

    Iterated by a generator: its end costs no exception, which in a `__next__` would be most of the cost.
    """

    __slots__ = ("_body", "_pin", "_token")  # set by `pinned_app`: a call of `__init__` costs as much again
    _body: Iterable[bytes]
    _pin: Pin
    _token: Token[Pin] | None

    def __iter__(self) -> Iterator[bytes]:
        pin, current = self._pin, here
        token = None if current() is pin else put_here(pin)
        pin.phase = RUNNING
        try:
            for item in self._body:
                pin.phase = RESTING
                if token is not None:
                    put_back(token)
                    token = None
                yield item
                if current() is not pin:
                    token = put_here(pin)
                pin.phase = RUNNING
        except GeneratorExit:  # the server has had enough; the pin ends at `close`
            raise
        except BaseException:
            pin.phase = RESTING
            answered(pin, failed=True)
            raise
        else:
            pin.phase = RESTING
        finally:
            if token is not None:
                put_back(token)

    def close(self) -> None:
        pin, token = self._pin, self._token
        if here() is not pin:
            token = put_here(pin)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                pin.phase = RUNNING
                close()
        finally:
            leave(pin)
            if token is not None:
                try:  # noqa: SIM105 - a context manager would cost as much as all of this
                    put_back(token)
                except (ValueError, RuntimeError):  # set in another context; closed for a second time
                    pass

    def __del__(self) -> None:
        pin = self._pin
        if type(pin) is not Released:  # a server that forgot close() must not hold it for ever
            leave(pin)
            if self._token is not None and here() is pin:
                put_back(self._token)


class SizedBody(PinnedBody):
    """For bodies of known length: servers derive the content length from a length of one."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]

"""`with pinned():` makes one unit of background work: from its begin to its end it sees one version."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType

from hotpatch.epochs.pins import EPOCH, Pin, enter, enter_async, leave

__all__ = ["pinned"]


class pinned:
    """Context manager, sync and async; the unit gets the epoch that is the default when it begins.

    Inside a request it is part of that request.  A barrier holds it, and waits for it, like a request, so
    a background loop should enter anew for every round.  In a coroutine use `async with`: the plain form
    would block the loop while a barrier is held.
    """

    __slots__ = ("_pin", "_token", "_what")

    def __init__(self, what: str = "a pinned unit of background work") -> None:
        self._what = what
        self._pin: Pin | None = None
        self._token: Token[Pin] | None = None

    def _begin(self, pin: Pin) -> Pin:
        pin.what, pin.tally = self._what, None  # no request: it has no place in the requests' counts
        self._pin, self._token = pin, EPOCH.set(pin)
        return pin

    def __enter__(self) -> Pin:
        return self._begin(enter(None))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pin is not None and self._token is not None
        EPOCH.reset(self._token)
        leave(self._pin)

    async def __aenter__(self) -> Pin:
        return self._begin(await enter_async(None))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

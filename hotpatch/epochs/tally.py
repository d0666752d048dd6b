"""What each epoch's requests came to: how many, how many failed, how long until they were answered.

A judgement on a canary compares two of these.  Latency runs from a request's entry to the start of its
answer, so that a stream or a WebSocket that stays open for an hour counts like any other answer.

Thread-safety: `note` is straight-line code on plain ints and one `deque.append`; CPython switches threads
at calls and backward jumps only, so no count is lost (see `cpython.py`, "counters").  No lock is taken.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from attrs import frozen

RECENT = 2048
"""How many latencies an epoch remembers for its quantiles: the latest ones."""


class Listener(Protocol):
    """Whoever counts one epoch's requests in a way of its own, for a while.

    Called in the request's thread or task: takes no lock, does no IO, never raises.  `mark` is whatever
    `entered` gave for the request, `lot` what the canary has drawn for it, if it draws lots.
    """

    def entered(self, request: Any, lot: Any) -> Any:
        """A request has been given this epoch."""

    def answered(self, request: Any, mark: Any, since: float, seconds: float, failed: bool) -> None:
        """Its answer begins, after so many seconds; it came at `since` (`time.monotonic`)."""

    def failed(self, request: Any, mark: Any, since: float) -> None:
        """An answer that had begun well has failed."""


class Tally:
    """Counts of one epoch, written by requests without a lock and read by `status`."""

    __slots__ = ("_read", "epoch", "errors", "listener", "recent", "requests")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.requests = 0
        self.errors = 0
        self.listener: Listener | None = None
        """None but while somebody compares versions."""
        self.recent: deque[float] = deque(maxlen=RECENT)
        self._read: Counts | None = None

    def read(self) -> Counts:
        """A snapshot; safe at any time, from any thread."""
        last = self._read
        if last is not None and (last.requests, last.errors) == (self.requests, self.errors):
            return last  # most epochs are past, and sorting takes longer than all else here
        self._read = self._anew()
        return self._read

    def _anew(self) -> Counts:
        latencies = sorted(self.recent.copy())
        return Counts(self.epoch, self.requests, self.errors, *(_quantile(latencies, q) for q in QUANTILES))


QUANTILES = (0.50, 0.90, 0.99)


@frozen
class Counts:
    """Requests answered and failed (5xx, or an exception that reached the server) in one epoch, and the
    quantiles of its latest `RECENT` latencies in seconds; None before the first answer."""

    epoch: int
    requests: int
    errors: int
    p50: float | None
    p90: float | None
    p99: float | None


def _quantile(ordered: list[float], q: float) -> float | None:
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]

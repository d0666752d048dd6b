"""An in-process cache that knows how warm it is.  It dies with its worker: that is what a restart costs."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")

LIVING: weakref.WeakSet[Cache] = weakref.WeakSet()


@dataclass(frozen=True)
class Warmth:
    """`hits` and `misses` since the process started; `entries` now."""

    hits: int
    misses: int
    entries: int

    @property
    def share(self) -> float:
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Cache:
    """Values by key, each for at most `seconds`, the oldest going first when there are more than `most`.
    Thread-safe; a forked child keeps the contents and gets a lock of its own, since another thread may have
    held the old one when it was forked."""

    def __init__(
        self, seconds: float, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._entries: dict[object, tuple[float, object]] = {}
        self._hits = 0
        self._misses = 0
        self.renew_lock()
        LIVING.add(self)

    def renew_lock(self) -> None:
        self._lock = threading.Lock()

    def get_or_make(self, key: object, make: Callable[[], Value]) -> Value:
        """The value of `key`; made outside the lock when it is missing or too old."""
        now = self._clock()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry[0] > now:
                self._hits += 1
                return entry[1]  # type: ignore[return-value]
            self._misses += 1
        value = make()
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = (now + self._seconds, value)
            if len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]
        return value

    def forget(self, key: object) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def warmth(self) -> Warmth:
        with self._lock:
            return Warmth(self._hits, self._misses, len(self._entries))


def renew_locks() -> None:
    for cache in LIVING:
        cache.renew_lock()


os.register_at_fork(after_in_child=renew_locks)

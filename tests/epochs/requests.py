"""Requests in tests: the code between a pin's begin and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hotpatch.epochs import EPOCH
from hotpatch.epochs.pins import Pin, enter, leave

T = TypeVar("T")


@contextmanager
def request(key: Any = None) -> Iterator[Pin]:
    pin = enter(key)
    token = EPOCH.set(pin)
    try:
        yield pin
    finally:
        EPOCH.reset(token)
        leave(pin)


class Open:
    """A request that stays open between calls: what a stream or a slow request is to the code."""

    def __init__(self, key: Any = None) -> None:
        self.pin = enter(key)

    def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        token = EPOCH.set(self.pin)
        try:
            return function(*args, **kwargs)
        finally:
            EPOCH.reset(token)

    def end(self) -> None:
        leave(self.pin)

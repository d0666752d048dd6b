"""Work beside requests: who waits for the GIL gets it soon, and no collection of ours stops them.

Python takes the GIL from a thread that runs after 5 ms, and laying an edit out takes tens of them; meanwhile
it is taken after `SHARE`.  What is built here would also make the collector go through everything that lives,
with the GIL held, for tens of ms and more: meanwhile it collects young objects alone, and those in portions
that take less than a millisecond.

For the whole process, as both settings are; nested use and use by several threads count as one.  Who changes
either meanwhile is not overruled.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHARE: Final = 2e-4
"""Seconds."""

YOUNG: Final = (700, 4, 2**31 - 1)
"""Thresholds of the collector at most, but for the last one: full collections don't come."""

_lock = threading.Lock()
_within = 0
_interval = 0.0
_thresholds = (0, 0, 0)
_meanwhile = (0, 0, 0)


@contextmanager
def gently() -> Iterator[None]:
    """Within it, other threads run as soon as they want to, and nothing collects the whole heap by itself."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _within, _interval, _thresholds, _meanwhile
    with _lock:
        _within += 1
        if _within == 1:
            _interval, _thresholds = sys.getswitchinterval(), gc.get_threshold()
            _meanwhile = min(_thresholds[0], YOUNG[0]), min(_thresholds[1], YOUNG[1]), YOUNG[2]
            gc.set_threshold(*_meanwhile)
            sys.setswitchinterval(min(SHARE, _interval))


def _leave() -> None:
    global _within
    with _lock:
        if _within == 1:
            _restore()
        _within = max(0, _within - 1)  # in a child that was forked within there is nothing left to leave


def _restore() -> None:
    if gc.get_threshold() == _meanwhile:
        gc.set_threshold(*_thresholds)
    if sys.getswitchinterval() <= SHARE:
        sys.setswitchinterval(_interval)


def _after_fork_in_child() -> None:
    """The threads that were within are not here."""
    global _lock, _within
    _lock = threading.Lock()
    if _within:
        _within = 0
        _restore()


os.register_at_fork(after_in_child=_after_fork_in_child)

"""Work on a thread beside requests: a little at a time, with the GIL theirs in between.

A thread that computes gives the GIL away only when another has asked for it for a whole switch interval, 5
ms; and a request asks for it anew after each read, write and lock.  Work of 50 ms so costs every request
that it meets several times 5 ms, and shorter intervals (`sys.setswitchinterval`) cost all threads of the
process, at all times.  Instead the work itself rests: once it has had the GIL for `SLICE`, and requests are
being served, it sleeps for `REST`.  Whoever wants the GIL then has it at once, for four fifths of the time.

Loops over many objects call `breathe`, which does nothing but on a thread that asked for it by `paced`, and
nothing in a process that was forked by such a thread.  Holds for CPython 3.11 to 3.13 with a GIL;
`tests/test_pace.py` breaks where a rest no longer lets others run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Final

from attrs import define

from hotpatch.native import original

SLICE: Final = 0.0005
"""Seconds of work at a time."""
REST: Final = 0.002
"""Seconds of rest after them."""


@define
class _Pace:
    busy: Callable[[], bool]
    process: int
    since: float


_pace: ContextVar[_Pace | None] = ContextVar("hotpatch_pace", default=None)


@contextmanager
def paced(busy: Callable[[], bool]) -> Iterator[None]:
    """What this thread does within it rests in between whenever `busy()` says that requests are served."""
    token = _pace.set(_Pace(busy, os.getpid(), perf_counter()))
    try:
        yield
    finally:
        _pace.reset(token)


@contextmanager
def unpaced() -> Iterator[None]:
    """Within it nothing rests, for others wait for the end of it."""
    token = _pace.set(None)
    try:
        yield
    finally:
        _pace.reset(token)


def breathe() -> None:
    """A rest, if one is due."""
    pace = _pace.get()
    if pace is None or perf_counter() - pace.since < SLICE:
        return
    if pace.process == os.getpid() and pace.busy():
        original("time", "sleep")(REST)
    pace.since = perf_counter()

"""The garbage collector kept off what a change allocates while it is worked out.

An edit of a thousand functions makes some thirty thousand tuples and lists in a tenth of a second, and drops
nearly all of them when it is committed.  The collector goes by such counts: it would look through all of
them several times, and once through the whole heap, each time from start to end with the GIL held.  So the
older generations wait meanwhile.  The youngest is collected as ever, and garbage of requests with it.

What this leans on (3.11 to 3.13; `tests/engine/test_collector.py` breaks when it no longer holds): the oldest
generation becomes due by collections of the middle one alone, and a threshold holds from when it is set.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from hotpatch.errors import PatchRefused

T = TypeVar("T")

HELD: Final = 1 << 30
"""Collections of the youngest generation until one of the middle generation: never."""


@contextmanager
def youngest_alone() -> Iterator[None]:
    """Only the youngest generation is collected inside, in every thread.  Nests; the program's own thresholds
    are back afterwards, those included that it set meanwhile.  A process that is forked inside keeps it."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, HELD, old)
    try:
        yield
    finally:
        young, held, old = gc.get_threshold()
        if held == HELD:
            gc.set_threshold(young, middle, old)


@contextmanager
def unheard() -> Iterator[None]:
    """What a program has done at each collection (`gc.callbacks`) is not done for those inside, in any
    thread: what it counts of them, or notes, would be a difference that nobody made."""
    heard = gc.callbacks[:]
    gc.callbacks.clear()
    try:
        yield
    finally:
        gc.callbacks[:0] = heard


def collected(look: Callable[[], T]) -> T:
    """What a look at the objects that live comes to.  Where it refuses, what only waits for the collector
    goes first (a request that failed leaves its frames and all that they held in a circle), and it looks
    again."""
    try:
        return look()
    except PatchRefused:
        pass  # and with it the frames that hold what it looked at
    gc.collect()
    return look()

"""The whole heap, with what `gc.freeze()` has set aside.

An application freezes its heap before it forks, so that pages stay shared; the collector then hides those
objects from whoever asks.  They are thawed for a look and frozen again, together with whatever lives at
that moment; so garbage is collected first, or it would be kept for good.  A heap that nobody froze is left
as it is: freezing it would keep all of it for good.

Imports the standard library alone: it also works in the clean processes.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

FEW: Final = 16
"""Things whose holders `gc.get_referrers` is asked for."""
_UNTRACKED: Final = (dict, tuple)
FROZEN_BY_PYTHON: Final = 1_000
"""CPython 3.12 sets some hundred objects of its own aside when it starts; an application's are many more."""


@contextmanager
def thawed() -> Iterator[None]:
    """Within it `gc` hides nothing.  Only one thread at a time."""
    frozen = gc.get_freeze_count() > FROZEN_BY_PYTHON
    if frozen:
        gc.collect()
        gc.unfreeze()
    try:
        yield
    finally:
        if frozen:
            gc.freeze()


def all_objects() -> list[Any]:
    """Everything that the collector tracks."""
    with thawed():
        return gc.get_objects()


def holders_of(things: Sequence[Any]) -> list[Any]:
    """What the collector knows to hold one of them, frames aside: one that had its own frame in a variable
    would hold itself, and all that it looked at, until garbage is collected."""
    asked = tuple(things)  # from 3.13 on it is among those that are found
    with thawed():
        found = gc.get_referrers(*asked) if len(asked) <= FEW else _holding({*map(id, asked)})
        if plain := {id(thing) for thing in asked if not gc.is_tracked(thing)}:
            found += _unknown(plain)
    return [
        holder
        for holder in found
        if type(holder) is not types.FrameType and holder is not asked and holder is not things
    ]


def _holding(things: set[int]) -> list[Any]:
    """The same for many: `gc.get_referrers` compares each reference of the heap with each of them."""
    return [obj for obj in gc.get_objects() if not things.isdisjoint(map(id, gc.get_referents(obj)))]


def _unknown(things: set[int]) -> list[Any]:
    """Dicts and tuples that hold one of `things`, of which the collector does not know: what they hold has
    nothing in it that could lead to a circle, as a bare `object()` has not."""
    found, met = list[Any](), set[int]()
    for obj in gc.get_objects():
        todo = [
            part for part in gc.get_referents(obj) if type(part) in _UNTRACKED and not gc.is_tracked(part)
        ]
        while todo:
            part = todo.pop()
            if id(part) in met:
                continue
            met.add(id(part))
            inside = gc.get_referents(part)
            if any(id(thing) in things for thing in inside):
                found.append(part)
            todo += [thing for thing in inside if type(thing) in _UNTRACKED]
    return found

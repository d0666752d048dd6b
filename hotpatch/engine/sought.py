"""What only the heap knows and an edit of code needs: who runs code that changes, and caches in front of it.

Sought from the program inwards (`accounted`), which takes the same time however much else lives.  Where not
all references can be accounted for, one pass over the heap finds them; it holds the GIL from start to end,
and the edit says so.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any, Final

from hotpatch.ops import Op

from . import codes
from .accounted import frames, holders
from .frozen import all_objects
from .heap import Exchange, Functions
from .reading import LRU
from .world import World

IN_ONE_PIECE: Final = "the heap was looked through in one piece for"

_caches: weakref.WeakSet[Any] = weakref.WeakSet()
"""lru_caches met so far, of libraries for the most part: they need not be walked to again."""


def users(
    exchange: Exchange, functions: Functions, ops: Sequence[Op], world: World, makers: Iterable[Any]
) -> tuple[list[Any], str]:
    """Functions and suspended frames on code of `exchange`, and lru_caches in front of what changes; and what
    the heap was looked through for, if it had to be.  `makers` are what laid the edit out so far."""
    near = list(world.local.values())
    ours = [*exchange.by_id.values(), *exchange.changed.values(), *functions.values(), *codes.remembered()]
    running = holders(lambda: [code for code, _ in exchange.by_id.values()], near, [*ours, *ops, *frames()])
    if running is None:
        return all_objects(), "closures and generators"
    found = holders(
        lambda: _changing(ops, running), [*near, *makers], [running, *functions.values(), *ops]
    ) or _all_caches(near)
    return (all_objects(), "caches") if found is None else ([*running, *found], "")


def _changing(ops: Iterable[Op], running: Iterable[Any]) -> list[Any]:
    owners = (op.owner for op in ops)
    found = {id(f): f for f in itertools.chain(owners, running) if type(f) is FunctionType}
    return list(found.values())


def _all_caches(near: Iterable[Any]) -> list[Any] | None:
    """Where it can't be told who refers to a function: one that runs at the moment, for example."""
    found = holders(lambda: [LRU], near, _caches)
    _caches.update(obj for obj in found or () if type(obj) is LRU)
    return found

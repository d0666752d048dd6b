"""What only the heap knows and an edit of code needs: who runs code that changes, and caches in front of it.

Sought from the program inwards (`accounted`), which takes the same time however much else lives.  Where not
all references can be accounted for, one pass over the heap finds them; it holds the GIL from start to end,
and the edit says so.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
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


def users(exchange: Exchange, functions: Functions, ops: Iterable[Op], world: World) -> tuple[list[Any], str]:
    """Functions and suspended frames on code of `exchange`, and all lru_caches; and what the heap was looked
    through for, if it had to be."""
    near = list(world.local.values())
    ours = [*exchange.by_id.values(), *exchange.changed.values(), *functions.values(), *codes.remembered()]
    running = holders(lambda: [code for code, _ in exchange.by_id.values()], near, [*ours, *ops, *frames()])
    if running is None:
        return all_objects(), "closures and generators"
    caches = holders(lambda: [LRU], near, _caches)
    if caches is None:
        return all_objects(), "caches"
    _caches.update(obj for obj in caches if type(obj) is LRU)
    return running + caches, ""

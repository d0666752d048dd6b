"""Finding a framework's objects without a heap scan: from the application and the program's variables
inwards.

`gc.get_objects` holds the GIL from start to end, in a large process for a tenth of a second and more.  This
walks from the roots inwards a few objects at a time, so that other threads run in between, and stops after so
many: what an application holds of its framework lies near its roots.  Objects that only a local variable or a
C extension refers to are not found.

What an object holds is asked of its type, in C, as the garbage collector asks (`gc.get_referents`): no code
of the program runs, and another thread that changes a container does so before or after.  It is a fifth of
what reading attributes and containers one by one takes of the processor, and so of the requests beside it.
"""

from __future__ import annotations

import gc
import types
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import frozen

from hotpatch.engine.reading import flags_of
from hotpatch.pace import breathe

LIMIT: Final = 200_000
"""Objects looked at in one search."""
WIDE: Final = 5_000
"""Containers with more items than this hold data, not structure: they are not entered."""
AT_ONCE: Final = 32
"""Objects asked in one call; the GIL stays where it is for so long."""

_SIZED = (dict, list, tuple, set, frozenset, deque)
_CLOSED = (type, types.ModuleType, types.CodeType, types.FrameType, types.TracebackType)
_COLLECTED: Final = 1 << 14  # Py_TPFLAGS_HAVE_GC, Include/object.h


@frozen
class _Kind:
    """What is done with objects of one type."""

    length: Callable[[Any], int] | None = None
    """Of a container: its number of items, as its base counts them."""
    special: bool = False
    """One that is looked for, or is not entered like others."""


_UNKNOWN: Final = _Kind()


class _Kinds:
    """Decided once a type; told by id, for a metaclass of the program's may have a hash of its own."""

    def __init__(self, wanted: tuple[type, ...]) -> None:
        self.known: dict[int, _Kind | None] = {}
        self._wanted = wanted

    def decide(self, kind: type) -> _Kind | None:
        """None for what is neither looked for nor holds anything."""
        # Never isinstance: it would wake a lazy proxy.
        special = issubclass(kind, self._wanted) or kind is types.FunctionType
        if special or may_enter(kind):
            length = next((base.__len__ for base in _SIZED if issubclass(kind, base)), None)
            self.known[id(kind)] = _Kind(length, special)
        else:
            self.known[id(kind)] = None
        return self.known[id(kind)]

    def wants(self, kind: type) -> bool:
        return issubclass(kind, self._wanted)


def may_enter(kind: type) -> bool:
    """Do objects of this type hold others, and is it for this search to go there?"""
    return bool(flags_of(kind) & _COLLECTED) and not issubclass(kind, _CLOSED)


def instances(kinds: tuple[type, ...], roots: Iterable[object], limit: int = LIMIT) -> list[object]:
    """The instances of these classes that can be reached, nearest first.  Modules are entered as roots
    alone.
    """
    search = _Search(_Kinds(kinds))
    ahead: list[object] = []
    for root in roots:
        breathe()
        module = issubclass(type(root), types.ModuleType)
        ahead += search.meet(list(vars(root).values()) if module else [root])
    while ahead:
        deeper: list[object] = []
        for start in range(0, len(ahead), AT_ONCE):
            if len(search.seen) >= limit:
                return search.found
            breathe()
            deeper += search.meet(gc.get_referents(*ahead[start : start + AT_ONCE]))
        ahead = deeper
    return search.found


class _Search:
    def __init__(self, kinds: _Kinds) -> None:
        self.found: list[object] = []
        self.seen: dict[int, object] = {}
        self._kinds = kinds

    def meet(self, values: Iterable[object]) -> list[object]:
        """Take note of these; what is to be entered next."""
        known, seen = self._kinds.known, self.seen
        ahead: list[object] = []
        for value in values:
            kind = known.get(id(type(value)), _UNKNOWN)
            if kind is _UNKNOWN:
                kind = self._kinds.decide(type(value))
            if kind is None or id(value) in seen:
                continue
            seen[id(value)] = value
            if kind.special:
                ahead += self._special(value)
            elif kind.length is None or kind.length(value) <= WIDE:
                ahead.append(value)
        # Tables of strings and numbers are half of all: the collector itself doesn't follow those.
        return list(filter(gc.is_tracked, ahead))

    def _special(self, value: object) -> tuple[object, ...]:
        kind = type(value)
        if self._kinds.wants(kind):
            self.found.append(value)
        if kind is types.FunctionType:
            # Not its globals: they are another module's variables, or those of one that is a root.
            return tuple(part for part in (value.__closure__, value.__dict__) if part)  # type: ignore[attr-defined]
        return (value,) if may_enter(kind) else ()

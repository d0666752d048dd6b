"""Finding a framework's objects without a heap scan: from the application and the program's variables
inwards.

`gc.get_objects` holds the GIL from start to end, in a large process for a tenth of a second and more.  This
walks instance attributes, containers, closures and wrappers step by step in Python, so that other threads
run in between, and stops after so many objects: what an application holds of its framework lies near its
roots. Objects that only a local variable or a C extension refers to are not found.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Iterable, Iterator

from hotpatch.engine.reading import PLAIN, raw_dict, slot_value, slots_of

LIMIT = 200_000
"""Objects looked at in one search."""
WIDE = 5_000
"""Containers with more items than this hold data, not structure: they are not entered."""

_ITEMS = (list, tuple, set, frozenset, deque)
_CLOSED = PLAIN | {types.CodeType, types.BuiltinFunctionType}


def instances(kinds: tuple[type, ...], roots: Iterable[object], limit: int = LIMIT) -> list[object]:
    """The instances of these classes that can be reached, nearest first.  Modules are entered as roots
    alone.
    """
    found: list[object] = []
    todo: deque[object] = deque()
    for root in roots:
        todo.extend(vars(root).values() if issubclass(type(root), types.ModuleType) else [root])
    seen: dict[int, object] = {}
    while todo and len(seen) < limit:
        value = todo.popleft()
        if type(value) in _CLOSED or id(value) in seen:
            continue
        seen[id(value)] = value
        if issubclass(type(value), kinds):
            found.append(value)
        todo.extend(_within(value))
    return found


def _within(value: object) -> Iterator[object]:
    kind = type(value)
    if issubclass(kind, dict):
        if dict.__len__(value) <= WIDE:  # type: ignore[arg-type]
            yield from list(dict.values(value))  # type: ignore[arg-type]
    elif issubclass(kind, _ITEMS):
        base = next(base for base in _ITEMS if issubclass(kind, base))
        if base.__len__(value) <= WIDE:  # type: ignore[arg-type]
            yield from list(base.__iter__(value))  # type: ignore[arg-type]
    elif kind is types.FunctionType:
        yield from _closure(value)  # type: ignore[arg-type]
    elif kind is types.MethodType:
        yield from (value.__self__, value.__func__)  # type: ignore[attr-defined]
    elif kind is functools.partial:
        yield from (value.func, value.args, value.keywords)  # type: ignore[attr-defined]
    if issubclass(kind, types.ModuleType | type):
        return
    space = raw_dict(value)
    if space is not None and len(space) <= WIDE:
        yield from list(space.values())
    for _, _, member in slots_of(kind):
        yield slot_value(member, value)


def _closure(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue

"""Objects that live of classes which the new sources have no more: a fresh start would have none of them, or
others in their place, of a class that may do something else."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hotpatch.ops import Op, SlotKind

from .instances import only_recorded
from .reading import class_dict, class_module, qualname_of, resolve
from .view import View


def left(
    ops: Sequence[Op],
    objects: Sequence[Any],
    passed: set[int],
    view: View,
    is_ours: Callable[[Any], bool],
) -> list[str]:
    """Sentences, one for each class.  To be asked after the commit."""
    gone = {id(cls): cls for cls in _taken_away(ops) if is_ours(cls) or _of_removed(cls, ops)}
    if not gone:
        return []
    held = {id(value) for module in view.modules().values() for value in _variables(module)}
    gone = {i: cls for i, cls in gone.items() if i not in held and not _stands(cls)}
    found: dict[int, list[Any]] = {}
    for obj in objects if gone else ():
        if id(type(obj)) in gone:
            found.setdefault(id(type(obj)), []).append(obj)
    own = {*passed, id(found), *map(id, found.values())}
    return [
        f"objects of {qualname_of(gone[i])} live, and the new sources have no such class"
        for i, some in found.items()
        if not only_recorded(some, own, view, gone)
    ]


def _taken_away(ops: Sequence[Op]) -> Iterator[type]:
    """Classes that the edit takes from where they stood."""
    for op in ops:
        if op.kind in (SlotKind.GLOBAL, SlotKind.CLASS) and op.after is not op.before:
            yield from _classes_in(op.before)
        elif op.kind is SlotKind.MODULE and type(op.before) is types.ModuleType:
            for value in list(vars(op.before).values()):
                if issubclass(type(value), type) and class_module(value) == op.key:
                    yield from _classes_in(value)


def _classes_in(value: Any) -> Iterator[type]:
    """A class, and those that stand in it."""
    if issubclass(type(value), type):
        yield value
        for name, part in list(class_dict(value).items()):
            if issubclass(type(part), type) and qualname_of(part) == f"{qualname_of(value)}.{name}":
                yield from _classes_in(part)


def _of_removed(cls: type, ops: Sequence[Op]) -> bool:
    return any(op.kind is SlotKind.MODULE and op.key == class_module(cls) for op in ops)


def _variables(module: Any) -> list[Any]:
    return list(vars(module).values()) if issubclass(type(module), types.ModuleType) else []


def _stands(cls: type) -> bool:
    return resolve(class_module(cls), qualname_of(cls)) is cls

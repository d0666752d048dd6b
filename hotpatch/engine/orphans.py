"""Objects that live of classes which the new sources have no more, where others may stand in their place.

The class may have another name now, or what made its objects makes those of another one: a fresh start would
have these, and the new code counts on them.  Where nothing comes instead, such an object is state, and stays.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes
from .instances import Functions, only_recorded
from .living import Living
from .reading import class_dict, class_module, class_name, qualname_of
from .view import View, stands


def left(
    functions: Functions,
    ops: Sequence[Op],
    objects: Living,
    passed: Collection[int],
    view: View,
    is_ours: Callable[[Any], bool],
) -> list[str]:
    """Sentences, one for each class.  To be asked after the commit."""
    gone = {id(cls): cls for cls in taken_away(ops) if is_ours(cls) or of_removed(cls, ops)}
    if gone and not any(map(is_ours, _brought(ops))):
        gone = {i: cls for i, cls in gone.items() if _makes_another(functions, cls, is_ours)}
    if not gone:
        return []
    held = {id(value) for module in view.modules().values() for value in _variables(module)}
    gone = {i: cls for i, cls in gone.items() if i not in held and not stands(cls, view)}
    found = {i: list(objects.exactly(cls)) for i, cls in gone.items() if objects.exactly(cls)}
    own = {*passed, *objects.own, id(found), *map(id, found.values())}
    return [
        f"objects of {qualname_of(gone[i])} live, and the new sources have no such class"
        for i, some in found.items()
        if not only_recorded(some, own, view, gone)
    ]


def taken_away(ops: Sequence[Op]) -> Iterator[type]:
    """Classes that the edit takes from where they stood."""
    for op in ops:
        if op.kind in (SlotKind.GLOBAL, SlotKind.CLASS) and op.after is not op.before:
            yield from _classes_in(op.before)
        elif op.kind is SlotKind.MODULE and type(op.before) is types.ModuleType:
            for value in list(vars(op.before).values()):
                if issubclass(type(value), type) and class_module(value) == op.key:
                    yield from _classes_in(value)


def _brought(ops: Sequence[Op]) -> Iterator[type]:
    """Classes that come to stand where nothing stood."""
    for op in ops:
        if op.before is ABSENT and op.kind in (SlotKind.GLOBAL, SlotKind.CLASS):
            yield from _classes_in(op.after)
        elif op.before is ABSENT and op.kind is SlotKind.MODULE and type(op.after) is types.ModuleType:
            for value in list(vars(op.after).values()):
                yield from _classes_in(value)


def _makes_another(functions: Functions, gone: type, is_ours: Callable[[Any], bool]) -> bool:
    """Does code that named the class name another one now?"""
    name = class_name(gone)
    for f, old, new in functions.values():
        before, after = codes.names_in(old), codes.names_in(new)
        come = [f.__globals__.get(other) for other in after - before] if name in before - after else []
        if any(issubclass(type(value), type) and is_ours(value) for value in come):
            return True
    return False


def _classes_in(value: Any) -> Iterator[type]:
    """A class, and those that stand in it."""
    if issubclass(type(value), type):
        yield value
        for name, part in list(class_dict(value).items()):
            if issubclass(type(part), type) and qualname_of(part) == f"{qualname_of(value)}.{name}":
                yield from _classes_in(part)


def of_removed(cls: type, ops: Sequence[Op]) -> bool:
    return any(op.kind is SlotKind.MODULE and op.key == class_module(cls) for op in ops)


def _variables(module: Any) -> list[Any]:
    return list(vars(module).values()) if issubclass(type(module), types.ModuleType) else []

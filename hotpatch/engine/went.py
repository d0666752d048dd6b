"""Functions that went with the edit: the undo keeps them, and they are no part of the program any more.

What they speak of (a class in an annotation, that gave way to another) is held by them, and not by the
program.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Collection, Container
from typing import Any, Final

from hotpatch.ops import SlotKind

from .frozen import thawed
from .instances import functions_in
from .reading import class_dict, class_module
from .recorded import recorded
from .staged import Staged
from .world import OVERLOADS

NAMED: Final = (SlotKind.GLOBAL, SlotKind.CLASS)
PARTS: Final = (dict, tuple, list, types.CellType, types.GenericAlias, types.UnionType)
"""What a function's annotations, defaults and variables are made of, besides what they are about."""


def methods_of_the_gone(staged: Staged) -> set[int]:
    """ids of functions that stand in a class whose place another has taken: the undo keeps it, and them."""
    return {
        id(value)
        for live, _ in staged.exchanged.values()
        for value in class_dict(live).values()
        if type(value) is types.FunctionType
    }


def overloads(staged: Staged) -> set[int]:
    """ids of functions that `typing` has no more as overloads, which was all that they were there for."""
    return {
        id(op.before)
        for op in staged.ops
        if op.where.startswith(OVERLOADS) and type(op.before) is types.FunctionType
    }


def taken_away(staged: Staged, gone: Container[int], passed: Collection[int]) -> set[int]:
    """ids of functions that speak of something `gone`, that stand under their name no more, and that nobody
    but the record of that has.  `passed` are ids of what holds them for the sake of this question."""
    found = {
        id(f): f
        for op in staged.ops
        if op.kind in NAMED
        for f in functions_in(op.before)
        if all(f is not other for other in functions_in(op.after)) and _speaks_of(f, gone)
    }
    if not found:
        return set()
    things = list(found.values())
    known = {*passed, id(found), id(things), *map(id, staged.functions.values())}
    with thawed():
        return recorded(things, known, staged.view)


def _speaks_of(function: types.FunctionType, gone: Container[int]) -> bool:
    met, todo = {id(function), id(function.__globals__), id(function.__builtins__)}, [function]
    while todo:
        part: Any
        for part in gc.get_referents(todo.pop()):
            if id(part) in gone:
                return True
            if id(part) not in met and (type(part) in PARTS or class_module(type(part)) == "typing"):
                met.add(id(part))
                todo.append(part)
    return False

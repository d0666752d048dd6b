"""Functions and classes that went with the edit: the undo keeps them, and they are no part of the program any
more.

What they speak of (a class in an annotation, that gave way to another) is held by them, and not by the
program.
"""

from __future__ import annotations

import builtins
import gc
import types
from collections.abc import Collection, Container
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import heap
from .frozen import all_objects, thawed
from .instances import functions_in, methods_of
from .reading import class_module, is_python_class
from .recorded import recorded
from .staged import Staged
from .world import OVERLOADS

NAMED: Final = (SlotKind.GLOBAL, SlotKind.CLASS)
PARTS: Final = (dict, tuple, list, types.CellType, types.GenericAlias, types.UnionType)
"""What a function's annotations, defaults and variables are made of, besides what they are about."""
MANY: Final = 200
"""More are not asked about: each look for what holds them takes the longer the more they are."""


def methods_of_the_gone(staged: Staged) -> set[int]:
    """ids of functions that stand in a class whose place another has taken: the undo keeps it, and them."""
    return {id(f) for live, _ in staged.exchanged.values() for f in methods_of(live)}


def overloads(staged: Staged) -> set[int]:
    """ids of functions that `typing` has no more as overloads, which was all that they were there for."""
    return {
        id(op.before)
        for op in staged.ops
        if op.where.startswith(OVERLOADS) and type(op.before) is types.FunctionType
    }


def taken_away(staged: Staged, gone: Collection[int], passed: Collection[int]) -> set[int]:
    """ids of functions and classes that stand under their name no more, by this edit or an earlier one, and
    that nobody but the record of that has: of functions, those that speak of something `gone`, or of such a
    class.  `passed` are ids of what holds them for the sake of this question."""
    named = [op for op in staged.ops if op.kind in NAMED]
    were = [op.before for op in (*named, *_earlier(staged)) if op.before is not op.after]
    classes = [cls for cls in were if issubclass(type(cls), type) and is_python_class(cls)]
    things = {id(cls): cls for cls in classes if id(cls) not in gone}
    asked = {*gone, *things}
    functions = {id(f): f for was in were if id(was) not in gone for f in functions_in(was)}
    things |= {i: f for i, f in functions.items() if _speaks_of(f, asked)}
    if len(things) > MANY:
        return set()
    own = {id(were), id(classes), id(functions)}
    return recorded_alone(things, {*passed, *own}, {*gone, *methods_of_the_gone(staged)}, staged)


def _earlier(staged: Staged) -> list[Op]:
    """Steps of other edits, of which there is still a record."""
    ours = {id(op) for ops in (staged.ops, staged.base) for op in ops}
    return [op for op in all_objects() if type(op) is Op and id(op) not in ours]


def recorded_alone(
    things: dict[int, Any], passed: Collection[int], dead: Collection[int], staged: Staged
) -> set[int]:
    """ids of those that nothing holds but records, and others of them that nothing else holds either."""
    heap.forget_aliases()
    known = {*passed, id(things), *map(id, staged.functions.values())}
    left = dict(things)
    with thawed():
        while left:
            found, gone = set[int](), {*dead, *left}
            for start in range(0, len(left), MANY):
                some = list(left.values())[start : start + MANY]
                found |= recorded(some, known | {id(left), id(some)}, staged.view, gone)
            if len(found) == len(left):
                break
            left = {i: thing for i, thing in left.items() if i in found}
    return set(left)


def _speaks_of(function: types.FunctionType, gone: Container[int]) -> bool:
    met, todo = {id(function), id(function.__globals__), id(vars(builtins))}, [function]
    while todo:
        part: Any
        for part in gc.get_referents(todo.pop()):
            if id(part) in gone:
                return True
            if id(part) not in met and (type(part) in PARTS or class_module(type(part)) == "typing"):
                met.add(id(part))
                todo.append(part)
    return False

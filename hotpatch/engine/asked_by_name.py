"""What C code asks objects for by a name: a `methodcaller` or an `attrgetter` made while the program ran.

Code that names a method changes with it.  Such an object is data: what holds one that old code made goes on
to ask for the old name.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Collection, Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes
from .instances import Functions, only_recorded
from .living import Living
from .reading import class_dict, is_python_class
from .view import View

ASKING: Final = (operator.methodcaller, operator.attrgetter)


def gone(
    functions: Functions, ops: Sequence[Op], objects: Living, passed: Collection[int], view: View
) -> list[str]:
    """Sentences, one for each name that no class has any more, and by which old code made such a thing.

    To be asked after the commit.
    """
    names = {op.key for op in ops if op.kind is SlotKind.CLASS and op.after is ABSENT}
    names &= {name for _, old, new in functions.values() for name in _made_with(old) - _made_with(new)}
    asking = [obj for kind in ASKING for obj in objects.exactly(kind)] if names else []
    wanted = [obj for obj in asking if not names.isdisjoint(_names(obj))]
    if not wanted:
        return []
    for cls in filter(is_python_class, objects.below(type)):
        names -= class_dict(cls).keys()
    found = dict[str, None]()
    for obj in wanted:
        kind, lost, one = type(obj).__name__, sorted(names.intersection(_names(obj))), [obj]
        if lost and not only_recorded(one, {*passed, id(asking), id(wanted), id(one)}, view):
            found |= dict.fromkeys(f"a {kind} asks for {name}, which is gone" for name in lost)
    return list(found)


def _made_with(code: types.CodeType) -> set[str]:
    """Names that the code may make one with."""
    kinds = {kind.__name__ for kind in ASKING}
    found = set[str]()
    for part in codes.walk(code):
        if not kinds.isdisjoint(part.co_names):
            found |= {name for const in part.co_consts if type(const) is str for name in const.split(".")}
    return found


def _names(asking: Any) -> set[str]:
    """Of a path, all its parts; what a method is called with says nothing."""
    make, arguments, *_ = asking.__reduce__()
    if type(asking) is operator.attrgetter:
        return {part for path in arguments for part in path.split(".")}
    return {(make.args if type(make) is functools.partial else arguments)[0]}

"""Abstract methods of classes that were made at run time: `abc` works out once, when a class is made, which
are left for it to define.  Where its bases come to have others, it would be made objects of all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from .reading import bases_of, class_dict, mro_of, qualname_of

LEFT: Final = "__abstractmethods__"
IS_ONE: Final = "__isabstractmethod__"


def of_later_classes(ops: Sequence[Op]) -> list[Op]:
    """The steps for classes below those of which `ops` say what is left to define."""
    comes = {(id(op.owner), op.key): op.after for op in ops if op.kind is SlotKind.CLASS}
    marks = {id(op.owner): op.after for op in ops if op.kind is SlotKind.FUNCTION_DICT and op.key == IS_ONE}
    todo = [op.owner for op in ops if op.kind is SlotKind.CLASS and op.key == LEFT]
    found = list[Op]()
    while todo:
        for sub in type.__subclasses__(todo.pop()):
            before = class_dict(sub).get(LEFT)
            if type(before) is not frozenset or (id(sub), LEFT) in comes:
                continue
            after = frozenset(_left(sub, comes, marks))
            if after != before:
                comes[id(sub), LEFT] = after
                found.append(
                    Op(sub, SlotKind.CLASS, LEFT, before, after, f"{qualname_of(sub)}: abstract methods")
                )
                todo.append(sub)
    return found


def _left(cls: type, comes: Mapping[tuple[int, str], Any], marks: Mapping[int, Any]) -> set[str]:
    """As `abc` works it out, once the steps are made."""
    names = {name for name, value in class_dict(cls).items() if _is_abstract(value, marks)}
    for base in bases_of(cls):
        inherited = comes.get((id(base), LEFT), class_dict(base).get(LEFT))
        for name in inherited if type(inherited) is frozenset else ():
            values = (comes.get((id(c), name), class_dict(c).get(name, ABSENT)) for c in mro_of(cls))
            if _is_abstract(next((value for value in values if value is not ABSENT), None), marks):
                names.add(name)
    return names


def _is_abstract(value: Any, marks: Mapping[int, Any]) -> bool:
    marked = marks.get(id(value))
    return getattr(value, IS_ONE, False) is True if marked is None else marked is True

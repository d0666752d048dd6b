"""Attributes of objects that stand in front of what their class has gained.

An attribute that the old `__init__` set and that is a method, or a cached property, from now on: objects that
live answer with what they have of their own, fresh ones with the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use
from .instances import methods_of
from .reading import MISSING, class_attribute, is_python_class, mro_of, qualname_of, raw_dict


def in_front(ops: Sequence[Op], objects: Sequence[Any]) -> list[str]:
    """Sentences, one for each class and attribute.  To be asked after the commit."""
    gained: dict[int, set[str]] = {}
    for op in ops:
        if (
            op.kind is SlotKind.CLASS
            and _gives_way(op.after)
            and (op.before is ABSENT or _goes_first(op.before))
        ):
            gained.setdefault(id(op.owner), set()).add(op.key)
    if not gained:
        return []
    known: dict[int, tuple[type, set[str]]] = {}
    found: dict[tuple[str, str], None] = {}
    for obj in objects:
        cls = type(obj)
        if id(cls) not in known:
            names = {name for base in mro_of(cls) for name in gained.get(id(base), ())}
            known[id(cls)] = cls, names - _set_by_its_methods(cls) if names else names
        names = known[id(cls)][1]
        for name in names & (raw_dict(obj) or {}).keys() if names else ():
            found[qualname_of(cls), name] = None
    return [
        f"objects of {cls} that live have {name} of their own, in front of what their class gains"
        for cls, name in found
    ]


def _gives_way(value: Any) -> bool:
    """Is this something that an object's own attribute of the name stands in front of, and that answers
    otherwise?"""
    return value is not ABSENT and _has(value, "__get__") and not _goes_first(value)


def _goes_first(value: Any) -> bool:
    return value is not ABSENT and (_has(value, "__set__") or _has(value, "__delete__"))


def _has(value: Any, name: str) -> bool:
    return class_attribute(type(value), name) is not MISSING


def _set_by_its_methods(cls: type) -> set[str]:
    """Fresh objects have these of their own, too."""
    return {
        name
        for base in mro_of(cls)
        if is_python_class(base)
        for function in methods_of(base)
        for name in attribute_use.stored_on_self(function.__code__)
    }

"""Attributes of objects that stand in front of what their class has gained, or behind it.

An attribute that the old `__init__` set and that is a method, or a cached property, from now on: objects that
live answer with what they have of their own, fresh ones with the method.  One that a property or another
descriptor with a setter answers from now on: what they have of their own is asked no more, and is lost.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import arguments, attribute_use, codes
from .instances import methods_of
from .living import Living
from .reading import (
    MISSING,
    class_attribute,
    class_dict,
    is_python_class,
    mro_of,
    qualname_of,
    raw_dict,
)

SETTING: Final = ("__set__", "__delete__")
"""A descriptor that has one of these is asked before the object's own dictionary."""


def in_front(ops: Sequence[Op], objects: Living) -> list[str]:
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

    def wanted(cls: type) -> set[str]:
        names = {name for base in mro_of(cls) for name in gained.get(id(base), ())}
        return names - _set_by_its_methods(cls) if names else names

    found: dict[tuple[str, str], None] = {}
    for obj, names in objects.told(wanted):
        for name in names & (raw_dict(obj) or {}).keys():
            found[qualname_of(type(obj)), name] = None
    return [
        f"objects of {cls} that live have {name} of their own, in front of what their class gains"
        for cls, name in found
    ]


def behind(ops: Sequence[Op], objects: Living) -> list[str]:
    """The same of what the class answers from now on, from elsewhere than the object's own dictionary."""
    gained = {
        (id(op.owner), op.key): op.after
        for op in ops
        if op.kind is SlotKind.CLASS and _goes_first(op.after) and not _goes_first(op.before)
    } | _begin_to_go_first(ops, objects)
    if not gained:
        return []

    def answered(cls: type) -> dict[str, frozenset[str]]:
        bases = {id(base) for base in mro_of(cls)}
        answers = {key: value for (owner, key), value in gained.items() if owner in bases}
        return {k: kept for k, v in answers.items() if (kept := _keeps_in(v, k)) is not None}

    found: dict[tuple[str, str], None] = {}
    for obj, answers in objects.told(answered):
        space = raw_dict(obj) or {}
        for name, kept in answers.items():
            if name in space and kept.isdisjoint(space):
                found[qualname_of(type(obj)), name] = None
    return [
        f"objects of {cls} that live have {name} of their own, which their class answers otherwise now"
        for cls, name in found
    ]


def _begin_to_go_first(ops: Sequence[Op], objects: Living) -> dict[tuple[int, str], Any]:
    """Descriptors whose own class gains a setter: they stood behind what objects have, and go first now."""
    kinds = {
        id(op.owner)
        for op in ops
        if op.kind is SlotKind.CLASS and op.key in SETTING and op.before is ABSENT and op.after is not ABSENT
    }
    if not kinds:
        return {}
    return {
        (id(cls), name): value
        for cls in filter(is_python_class, objects.below(type))
        for name, value in list(class_dict(cls).items())
        if any(id(kind) in kinds for kind in mro_of(type(value)))
    }


def _keeps_in(descriptor: Any, name: str) -> frozenset[str] | None:
    """Attributes of the object in which a descriptor may keep what it answers under this name; None where it
    may take it from the object's dictionary, or is made in C.  Under the name itself it would ask itself, but
    in that dictionary: by a text that it has."""
    kind = type(descriptor)
    get = descriptor.fget if kind is property else class_attribute(kind, "__get__")
    if type(get) is not types.FunctionType:
        return None
    used = codes.names_in(get.__code__)
    if used & {"__dict__", "vars"}:
        held = {value for value in (raw_dict(descriptor) or {}).values() if type(value) is str}
        keys = {text for text in arguments.texts(get.__code__) | held if text.isidentifier()}
        return None if name in keys or not keys else frozenset(keys)
    return frozenset(used - {name} | {f"_{name}"})


def _gives_way(value: Any) -> bool:
    """Is this something that an object's own attribute of the name stands in front of, and that answers
    otherwise?"""
    return value is not ABSENT and _has(value, "__get__") and not _goes_first(value)


def _goes_first(value: Any) -> bool:
    return value is not ABSENT and any(_has(value, name) for name in SETTING)


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

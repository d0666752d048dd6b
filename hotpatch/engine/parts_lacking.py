"""Attributes that live and lack what changed code reads of them: a number where new code says `.year`.

The kind that an attribute has from now on need not be told in code: what new code makes of it is.  It is held
against objects that live what methods of theirs newly read of their own attributes, and what any changed
code newly reads of an attribute which the edit makes otherwise.  None is held against them only where the
edit makes the attribute otherwise and says None for it no more: where it may still be None, new code knows of
that.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, codes, parts_used
from .instances import Functions, Lacking, functions_in, methods_of, only_recorded
from .living import Living
from .making import MAKERS
from .otherwise import Otherwise
from .parts_used import Part
from .reading import (
    MISSING,
    class_attribute,
    class_dict,
    class_module,
    is_python_class,
    mro_of,
    qualname_of,
    raw_dict,
    slot_value,
)
from .view import View


def lacking(
    functions: Functions,
    ops: Sequence[Op],
    asked: Lacking,
    objects: Living,
    passed: Collection[int],
    view: View,
) -> list[str]:
    """Sentences, one for each class and what is lacking.  To be asked after the commit; `passed` are ids of
    what holds the objects for the sake of this question."""
    used = _Used(functions, ops, asked)
    found: dict[str, list[Any]] = {}
    for obj in objects.of(used.of_class) if used.any else ():
        for part, counts_none in used.of_class(type(obj)):
            value = _value(obj, part.attribute)
            if value is MISSING or (value is None and not counts_none) or has(value, part.part):
                continue
            if is_python_class(type(value)) and _is_given(part.part, objects):
                continue
            kind = qualname_of(type(value))
            told = f"objects of {qualname_of(type(obj))} that live have a {kind} as {part.attribute}"
            found.setdefault(f"{told}, which has no {part.part}, and new code reads that of it", []).append(
                obj
            )
    ours = {*objects.own, id(found), *map(id, found.values()), *passed}
    return [told for told, some in found.items() if not only_recorded(some, ours, view)]


class _Used:
    """What changed code reads of attributes that it did not read before."""

    def __init__(self, functions: Functions, ops: Sequence[Op], asked: Lacking) -> None:
        self._functions, self._added = functions, asked.added
        self._before = {p.names for _, old, _ in functions.values() for p in parts_used.parts_used(old)}
        self._by_method: dict[int, set[Part]] = {}
        edits = [(f, new) for f, _, new in functions.values()] + [(f, f.__code__) for f in asked.brought]
        for f, code in edits:
            if code.co_name not in MAKERS:
                news = {p for p in parts_used.parts_used(code) if p.names not in self._before}
                self._by_method[id(f)] = news
        self._of_others = {p for news in self._by_method.values() for p in news if not p.own}
        self.any = any(self._by_method.values())
        self._gone: dict[int, list[types.FunctionType]] = {}
        """Methods that the edit takes away, by the id of their class."""
        for op in ops:
            if op.kind is SlotKind.CLASS and op.after is ABSENT:
                self._gone.setdefault(id(op.owner), []).extend(functions_in(op.before))
        self._otherwise = Otherwise(functions, ops, asked.added)
        self._known: dict[int, tuple[type, list[tuple[Part, bool]]]] = {}

    def of_class(self, cls: type) -> list[tuple[Part, bool]]:
        """The parts that objects of this class are to have, and whether None counts as lacking them."""
        if id(cls) not in self._known:
            self._known[id(cls)] = cls, list(self._asked_of(cls)) if is_python_class(cls) else []
        return self._known[id(cls)][1]

    def _asked_of(self, cls: type) -> Iterator[tuple[Part, bool]]:
        methods = [f for base in mro_of(cls) for f in methods_of(base)]
        mine = {p for f in methods for p in self._by_method.get(id(f), ()) if p.own}
        if not mine and not self._of_others:
            return
        names = {p.attribute for p in mine | self._of_others}
        otherwise = self._otherwise.made(cls, methods, names)
        gone = [f for base in mro_of(cls) for f in self._gone.get(id(base), ())]
        known = self._read_so_far(methods, gone) if mine else set()
        for part in mine | {p for p in self._of_others if p.attribute in otherwise}:
            if part.names not in known:
                no_more = otherwise.get(part.attribute, False)
                yield part, no_more and not part.tests_none

    def _read_so_far(
        self, methods: Sequence[types.FunctionType], gone: Sequence[types.FunctionType]
    ) -> set[tuple[str, str]]:
        """What some method that did not change reads of an attribute, or one that is gone did, it has had to
        have so far."""
        standing = [f for f in methods if id(f) not in self._functions and id(f) not in self._added]
        return {p.names for f in (*standing, *gone) for p in parts_used.parts_used(f.__code__)}


def _value(obj: Any, name: str) -> Any:
    """What the object has of its own under this name; MISSING where its class has a say in it."""
    found = class_attribute(type(obj), name)
    if type(found) is types.MemberDescriptorType:
        return slot_value(found, obj)
    if found is not MISSING and class_attribute(type(found), "__set__") is not MISSING:
        return MISSING
    return (raw_dict(obj) or {}).get(name, MISSING)


def has(value: Any, name: str) -> bool:
    """Has it an attribute of this name, or may it answer for one, or come to have one by itself?"""
    cls = type(value)
    if class_attribute(cls, "__getattr__") is not MISSING or class_attribute(cls, name) is not MISSING:
        return True
    if _answers_by_itself(cls):
        return True
    space = raw_dict(value)
    if space is None:
        return class_attribute(cls, "__dict__") is not MISSING
    stores = (attribute_use.stored_on_self(f.__code__) for base in mro_of(cls) for f in methods_of(base))
    return name in space or any(name in stored for stored in stores)


def _answers_by_itself(cls: type) -> bool:
    """Has the class, or a base of it, a way of its own to look attributes up?  The common types of C have the
    common one, and say so themselves."""
    asking = next(base for base in mro_of(cls) if "__getattribute__" in class_dict(base))
    return asking is not object and (asking in _PROXIES or class_module(asking) not in _COMMON)


_PROXIES: Final = frozenset(
    {super, type, types.ModuleType, types.MethodType, weakref.ProxyType, weakref.CallableProxyType}
)
_COMMON: Final = frozenset(
    {"builtins", "collections", "datetime", "decimal", "fractions", "uuid", "pathlib", "re", "array"}
)
"""Modules whose types look attributes up as `object` does, but for proxies."""


def _is_given(name: str, objects: Living) -> bool:
    """Does some function set an attribute of this name on what is not its own object?"""
    for f in objects.exactly(types.FunctionType):
        if name in f.__code__.co_names:
            steps = codes.steps_of(f.__code__)
            mine = attribute_use.stored_on_self(f.__code__) if "." in f.__code__.co_qualname else set()
            if name not in mine and any(s.opname == "STORE_ATTR" and s.argval == name for s in steps):
                return True
    return False

"""Which attributes of objects the edit makes otherwise: what a class's methods set them to, what fields are
declared with, what an argument is where nobody gives it.  And which of them are said to be None no more."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import codes, declared, instructions
from .instances import Functions
from .reading import MISSING, class_attribute, class_dict, mro_of, plain_same

ANNOTATIONS: Final = "__annotations__"
_DEFAULTS: Final = frozenset(("__defaults__", "__kwdefaults__"))
NONE: Final = ("LOAD_CONST", "NoneType", "None")
Expression = tuple[Any, ...]
"""What its instructions say."""


class Otherwise:
    """To be asked after the commit."""

    def __init__(self, functions: Functions, ops: Sequence[Op], added: set[int]) -> None:
        self._functions, self._added = functions, added
        self._set_on_class: dict[int, set[str]] = {}
        self._set_in: dict[int, set[str]] = {}
        """By the id of a dictionary: the items that change."""
        self._defaults: dict[int, list[Op]] = {}
        for op in ops:
            if op.kind is SlotKind.CLASS:
                names = {op.key} | (_fields(op.before, op.after) if op.key == declared.ATTRS else set())
                self._set_on_class.setdefault(id(op.owner), set()).update(names)
            elif op.kind is SlotKind.ITEM and type(op.key) is str:
                self._set_in.setdefault(id(op.owner), set()).add(op.key)
            elif op.kind is SlotKind.FUNCTION and op.key in _DEFAULTS:
                self._defaults.setdefault(id(op.owner), []).append(op)

    def made(self, cls: type, methods: Sequence[types.FunctionType], names: set[str]) -> Mapping[str, bool]:
        """Of these attributes, those that objects of the class get otherwise from now on, and whether nothing
        says None for them any more."""
        declared: set[str] = set()
        for base in mro_of(cls):
            declared |= self._set_on_class.get(id(base), set())
            declared |= self._set_in.get(id(class_dict(base).get(ANNOTATIONS)), set())
        found = names & declared
        for f in methods:
            if id(f) in self._functions or id(f) in self._added or id(f) in self._defaults:
                before, after = self._before(f), _set_now(f)
                found |= {name for name in names if before.get(name) != after.get(name)}
        none = {name for name in found if _is_declared_none(cls, name)}
        for f in methods if found - none else ():
            sets = _set_now(f)
            none |= {name for name in found if any(e[-1:] == (NONE,) for e in sets.get(name, ()))}
        return {name: name not in none for name in found}

    def _before(self, f: types.FunctionType) -> Mapping[str, set[Expression]]:
        if id(f) in self._added:
            return {}
        old = self._functions.get(id(f), (f, f.__code__))[1]
        return _set_by(old, self._given_before(f, old))

    def _given_before(self, f: types.FunctionType, old: types.CodeType) -> Mapping[str, Any]:
        given: dict[str, Any] = {"__defaults__": f.__defaults__, "__kwdefaults__": f.__kwdefaults__}
        given |= {op.key: op.before for op in self._defaults.get(id(f), ())}
        return _given(old, given["__defaults__"], given["__kwdefaults__"])


def _set_now(f: types.FunctionType) -> Mapping[str, set[Expression]]:
    return _set_by(f.__code__, _given(f.__code__, f.__defaults__, f.__kwdefaults__))


def _set_by(code: types.CodeType, given: Mapping[str, Any]) -> Mapping[str, set[Expression]]:
    """The attributes that a method sets on its own object, and the expressions that it sets them to; an
    argument with the default that it has."""
    found: dict[str, set[Expression]] = {}
    me = code.co_varnames[0] if code.co_argcount else None
    expression: list[Any] = []
    steps = codes.steps_of(code)
    inside = instructions.comprehensions(steps)
    for i, step in enumerate(steps):
        if step.opname == "STORE_ATTR" and me is not None and expression:
            found.setdefault(step.argval, set()).add(tuple(expression[:-1]))
        if step.opname.startswith(("STORE_", "POP_TOP", "RESUME")) and i not in inside:
            expression = []
        elif step.opname == "LOAD_FAST":
            expression.append(_argument(step.argval, given))
        else:
            expression.append(_told(step.opname, None if step.opcode in codes.JUMPS else step.argval))
    return found


def _argument(name: str, given: Mapping[str, Any]) -> Any:
    default = given.get(name, MISSING)
    return ("argument", name) if default is MISSING else _told("LOAD_CONST", default)


def _told(opname: str, value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return opname, "", codes.key_of(value).body.hex()
    plain = isinstance(value, (str, int, float, bytes, type(None)))
    return opname, type(value).__name__, str(value) if plain else ""


def _given(
    code: types.CodeType, defaults: tuple[Any, ...] | None, by_keyword: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """What arguments are where nobody gives them."""
    names = code.co_varnames[: code.co_argcount]
    last = defaults or ()
    return {**dict(zip(names[len(names) - len(last) :], last, strict=False)), **(by_keyword or {})}


def _fields(before: Any, after: Any) -> set[str]:
    """Of two tables of attrs, the fields with another default."""
    if not (isinstance(before, tuple) and isinstance(after, tuple)):
        return set()
    was = {field.name: field.default for field in before}
    return {field.name for field in after if not _same(was.get(field.name), field.default)}


def _same(a: Any, b: Any) -> bool:
    return a is b or (isinstance(a, (str, int, float, type(None))) and plain_same(a, b))


def _is_declared_none(cls: type, name: str) -> bool:
    """Does the class say None for it, or that it may be None?"""
    if class_attribute(cls, name) is None:
        return True
    for base in mro_of(cls):
        declared = class_dict(base).get(ANNOTATIONS)
        if type(declared) is dict and name in declared:
            return _may_be_none(declared[name])
    return False


def _may_be_none(annotation: Any) -> bool:
    if type(annotation) is str:
        return "None" in annotation or "Optional" in annotation
    return annotation is None or type(None) in typing.get_args(annotation)

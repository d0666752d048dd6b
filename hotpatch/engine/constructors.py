"""Calls of classes: which of them old code could no longer make as it does.

A class is called by its own name, by that of a class derived from it and by whatever name a module gave it.
What the call comes to is the `__init__` and the `__new__` that the class finds: its own or a base's, written
or generated (by `dataclasses`, by `attrs`, for named tuples), and for a model of pydantic its fields.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes
from .instances import MODELS, Functions
from .reading import MISSING, class_attribute, class_module, held_by_method, mro_of, qualname_of
from .view import View

MAKERS: Final = ("__init__", "__new__")
ANY_ARGUMENTS: Final = 0x4 | 0x8
"""CO_VARARGS and CO_VARKEYWORDS."""
Defaults = Callable[[types.FunctionType], tuple[int, frozenset[str]]]
"""How many parameters of a function have defaults after the edit, and which keyword-only ones."""


def outdated(
    functions: Functions, broken: Collection[int], ops: Sequence[Op], defaults: Defaults, view: View
) -> list[type]:
    """Classes that live and will not take the calls that they took.  `broken` are the ids of the functions of
    which that is true.  To be asked before the commit."""
    makers, models = _Makers(functions, broken, ops, defaults, view), _Models(ops, view)
    if not makers.any and not models.any:
        return []
    # Few have something to do with it, and to look up what each of thousands finds takes a tenth of a second.
    concerned = [cls for cls in _below([object]) if makers.concern(cls) or models.concern(cls)]
    return [cls for cls in _below(concerned) if makers.break_calls_of(cls) or models.break_calls_of(cls)]


def name_of(cls: type) -> str:
    return qualname_of(cls).rpartition(".")[2]


def makers_of(cls: type) -> list[Any]:
    """The functions of Python that are given what the class is called with, as things are."""
    found = [held_by_method(class_attribute(cls, name)) for name in MAKERS]
    return [maker for maker in found if type(maker) is types.FunctionType]


class _Makers:
    """What an edit makes of `__init__` and `__new__`."""

    def __init__(
        self,
        functions: Functions,
        broken: Collection[int],
        ops: Sequence[Op],
        defaults: Defaults,
        view: View,
    ) -> None:
        self._functions, self._broken, self._defaults, self._view = functions, broken, defaults, view
        self._set: dict[tuple[int, str], Any] = {
            (id(op.owner), op.key): op.after for op in ops if op.kind is SlotKind.CLASS and op.key in MAKERS
        }
        self._successors: dict[int, type] = {
            id(op.before): op.after
            for op in ops
            if op.kind in (SlotKind.GLOBAL, SlotKind.CLASS)
            and issubclass(type(op.before), type)
            and issubclass(type(op.after), type)
        }
        self._owners = {owner for owner, _ in self._set} | self._successors.keys()
        self.any = (
            bool(self._set)
            or bool(self._successors)
            or any(functions[i][0].__name__ in MAKERS for i in broken)
        )

    def concern(self, cls: type) -> bool:
        """Has the class itself something of what the edit changes?"""
        if id(cls) in self._owners:
            return True
        own = self._view.attributes(cls)
        init, new = own.get(MAKERS[0]), own.get(MAKERS[1])
        return id(init) in self._broken or (new is not None and id(held_by_method(new)) in self._broken)

    def break_calls_of(self, cls: type) -> bool:
        return any(self._breaks(cls, name) for name in MAKERS)

    def _breaks(self, cls: type, name: str) -> bool:
        before, after = self._found(cls, name, False), self._found(cls, name, True)
        if before is after:
            return id(before) in self._broken
        if type(after) is not types.FunctionType:
            return _asks_nothing(after, self._other(cls, name, True)) and self._takes_something(before)
        if type(before) is not types.FunctionType:
            before = self._other(cls, name, False)  # that says what the class is called with, if it is there
        if type(before) is not types.FunctionType:
            return self._needs_something(after) or not _asks_nothing(before, before)
        new = self._code(after, True)
        return not codes.accepts_same_calls(self._code(before, False), new, *self._defaults(after))

    def _found(self, cls: type, name: str, later: bool) -> Any:
        """What the class finds under the name; `later`: once the edit is done."""

        def attributes(base: type) -> Mapping[str, Any]:
            own = self._view.attributes(base)
            if not later or (id(base), name) not in self._set:
                return own
            given = self._set[id(base), name]
            return {} if given is ABSENT else {name: given}

        if later:
            cls = self._successors.get(id(cls), cls)
        return held_by_method(class_attribute(cls, name, attributes))

    def _other(self, cls: type, name: str, later: bool) -> Any:
        return self._found(cls, next(other for other in MAKERS if other != name), later)

    def _code(self, f: types.FunctionType, later: bool) -> types.CodeType:
        if id(f) not in self._functions:
            return self._view.code(f)
        _, old, new = self._functions[id(f)]
        return new if later else old

    def _needs_something(self, f: types.FunctionType) -> bool:
        """Beside the object or the class."""
        code, (given, keyed) = self._code(f, True), self._defaults(f)
        keys = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        return code.co_argcount - given > 1 or not keyed.issuperset(keys)

    def _takes_something(self, held: Any) -> bool:
        if type(held) is not types.FunctionType:
            return False
        code = self._code(held, False)
        return code.co_argcount + code.co_kwonlyargcount > 1 or bool(code.co_flags & ANY_ARGUMENTS)


def _asks_nothing(maker: Any, other: Any) -> bool:
    """Those of `object` take no argument, unless the class has the other one."""
    return all(one in (object.__init__, object.__new__) for one in (maker, other))


def _below(classes: Sequence[type]) -> Iterator[type]:
    """These and all that are derived from them.  By `type`'s own list: a metaclass may have another
    `__subclasses__`."""
    seen, todo = set[int](), list(classes)
    while todo:
        cls = todo.pop()
        if id(cls) not in seen:
            seen.add(id(cls))
            yield cls
            todo += type.__subclasses__(cls)


class _Models:
    """What an edit makes of the fields of pydantic's models, each of which has a table of its own."""

    def __init__(self, ops: Sequence[Op], view: View) -> None:
        self._view = view
        self._tables: dict[int, dict[str, Any]] = {}
        """By the id of a class."""
        self._items: dict[int, dict[str, Any]] = {}
        """By the id of a table."""
        self._parts: dict[tuple[int, str], Any] = {}
        """By the id of a field."""
        for op in ops:
            if op.kind is SlotKind.CLASS and op.key == MODELS[0] and type(op.after) is dict:
                self._tables[id(op.owner)] = op.after
            elif op.kind is SlotKind.ITEM and (_is_field(op.before) or _is_field(op.after)):
                self._items.setdefault(id(op.owner), {})[op.key] = op.after
            elif op.kind is SlotKind.MEMBER and _is_field(op.owner):
                self._parts[id(op.owner), op.key.__name__] = op.after
        self.any = bool(self._tables or self._items or self._parts)

    def concern(self, cls: type) -> bool:
        return self.any and MODELS[0] in self._view.attributes(cls)

    def break_calls_of(self, cls: type) -> bool:
        table = self._view.attributes(cls).get(MODELS[0])
        if type(table) is not dict:
            return False
        later = self._tables.get(id(cls), {**table, **self._items.get(id(table), {})})
        return any(
            self._breaks(cls, table.get(name, ABSENT), later.get(name, ABSENT)) for name in table | later
        )

    def _breaks(self, cls: type, before: Any, after: Any) -> bool:
        """A field that goes is passed over where it is given, unless the model forbids that."""
        if after is ABSENT:
            return before is not ABSENT and self._forbids_others(cls)
        if before is ABSENT:
            return self._required(after, True)
        return (
            (self._required(after, True) and not self._required(before, False))
            or self._part(before, "validation_alias", False) != self._part(after, "validation_alias", True)
            or not _holds(self._part(after, "annotation", True), self._part(before, "annotation", False))
        )

    def _forbids_others(self, cls: type) -> bool:
        config = class_attribute(cls, "model_config", self._view.attributes)
        return type(config) is dict and config.get("extra") == "forbid"

    def _required(self, field: Any, later: bool) -> bool:
        undefined = getattr(sys.modules.get("pydantic_core"), "PydanticUndefined", MISSING)
        given = self._part(field, "default", later), self._part(field, "default_factory", later)
        return given[0] is undefined and given[1] is None

    def _part(self, field: Any, name: str, later: bool) -> Any:
        changed = self._parts.get((id(field), name), MISSING)
        return changed if later and changed is not MISSING else getattr(field, name, None)


def _is_field(value: Any) -> bool:
    return any(
        base.__name__ == "FieldInfo" and class_module(base) == "pydantic.fields"
        for base in mro_of(type(value))
    )


def _holds(annotation: Any, other: Any) -> bool:
    """Whatever is of the one type is of the other."""
    return annotation is Any or bool(annotation == other) or other in typing.get_args(annotation)

"""The dictionaries of a class as old code had them and as new code has them, and which `__init__` runs where
an object of it is made."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, declared
from .declared import is_programs
from .heap import Exchanged, Functions
from .instances import functions_in
from .reading import class_dict, is_python_class, mro_of, qualname_of
from .recorded import Record
from .view import View

Both = Mapping[type, tuple[Mapping[str, Any], Mapping[str, Any]]]
"""By the class: before and after."""
_DECLARING: Final = frozenset({"__init__", *declared.TABLES})
_DEFAULTS: Final = ("__defaults__", "__kwdefaults__")


class Spaces(Record):
    def __init__(self, functions: Functions, ops: Sequence[Op], exchanged: Exchanged, view: View) -> None:
        self._functions, self._view = functions, view
        self.pairs = {id(cls): pair for pair in exchanged.values() for cls in pair}
        """Classes that give way to another class object, and those."""
        self._on_class: dict[int, dict[str, Op]] = {}
        """What the edit does on classes, by the id of the class: the steps, for old values have to go."""
        self._in_dict: dict[int, dict[str, Op]] = {}
        """The same of dictionaries."""
        self._of_functions: dict[int, list[Op]] = {}
        self._forwards: dict[int, types.FunctionType] = {}
        """Functions to which others pass calls on, by the id of these."""
        for op in ops:
            if op.kind is SlotKind.CODE and op.target is not None:
                self._forwards[id(op.owner)] = op.target
            if type(op.key) is not str:  # it may be a class that is to go
                continue
            if op.kind is SlotKind.CLASS:
                self._on_class.setdefault(id(op.owner), {})[op.key] = op
            elif op.kind is SlotKind.ITEM and type(op.owner) is dict:
                self._in_dict.setdefault(id(op.owner), {})[op.key] = op
            elif op.kind is SlotKind.FUNCTION and op.key in _DEFAULTS:
                self._of_functions.setdefault(id(op.owner), []).append(op)
        self.declaring = {id(op.owner) for op in ops if op.kind is SlotKind.CLASS and op.key in _DECLARING}
        """ids of classes of which the edit sets the `__init__`, or a table of fields."""

    def changes(self, table: Any) -> bool:
        """Does the edit put something into this dictionary, or take something out?"""
        return id(table) in self._in_dict

    def concerns(self, cls: type) -> bool:
        """Does the edit change the class's own ways to make objects, but for the code of its `__init__`?"""
        space = class_dict(cls)
        found = id(cls) in self.pairs or id(cls) in self.declaring
        return found or any(self.changes(space.get(table)) for table in declared.TABLES)

    def of(self, cls: type) -> Both:
        """Of the class and of its bases."""
        return {base: self.before_and_after(base) for base in mro_of(cls) if is_python_class(base)}

    def before_and_after(self, cls: type) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        if pair := self.pairs.get(id(cls)):
            return class_dict(pair[0]), class_dict(pair[1])
        space = self._view.attributes(cls)
        changes = self._on_class.get(id(cls), {})
        entries = {name: self._in_dict.get(id(space.get(name)), {}) for name in declared.TABLES}
        if not changes and not any(entries.values()):
            return space, space
        before, after = (
            {**space, **{name: _with(space[name], some, new) for name, some in entries.items() if some}}
            for new in (False, True)
        )
        return _with(before, changes, False), _with(after, changes, True)

    def init(self, space: Mapping[str, Any], new: bool = False) -> types.CodeType | None:
        """The code of the `__init__` that the program wrote there."""
        init = space.get("__init__")
        if type(init) is not types.FunctionType or not is_programs(init):
            return None
        return self.code(init, new)

    def code(self, f: types.FunctionType, new: bool) -> types.CodeType:
        _, before, after = self._functions.get(id(f), (f, f.__code__, f.__code__))
        return after if new else before

    def default(self, f: types.FunctionType, name: str) -> Any:
        """That of a parameter of the new function; ABSENT if it has none."""
        code = self.code(f, new=True)
        target = self._forwards.get(id(f), f)
        parts = {part: self._view.part(target, part) for part in _DEFAULTS}
        parts |= {op.key: op.after for op in self._of_functions.get(id(target), ())}
        placed, keyed = parts["__defaults__"] or (), parts["__kwdefaults__"] or {}
        names = code.co_varnames[: code.co_argcount]
        given = {**dict(zip(names[len(names) - len(placed) :], placed, strict=False)), **keyed}
        return given.get(name, ABSENT)

    def names(self, spaces: Iterable[Mapping[str, Any]], new: bool = False) -> set[str]:
        """Fields, and attributes that `__init__` sets."""
        parts = ((declared.fields(space) or set[str]()) | self.sets(space, new) for space in spaces)
        return set[str]().union(*parts)

    def sets(self, space: Mapping[str, Any], new: bool = False) -> set[str]:
        init = self.init(space, new)
        return set() if init is None else attribute_use.stored_on_self(init)

    def reached(self, cls: type, both: Both) -> set[type]:
        """The classes whose `__init__` runs for sure where one of this class is made."""
        mro = mro_of(cls)
        having = [base for base in mro if "__init__" in (both[base][1] if base in both else class_dict(base))]
        reached, todo = set[type](), having[:1]
        while todo:
            base = todo.pop()
            if base in reached:
                continue
            reached.add(base)
            init = self.init(both[base][1], new=True) if base in both else None
            is_next, named = (False, set[str]()) if init is None else attribute_use.inits_called(init)
            if is_next:
                todo += having[having.index(base) + 1 :][:1]
            for other in (other for other in mro if qualname_of(other).rpartition(".")[2] in named):
                todo += [found for found in mro_of(other) if found in having][:1]
        return reached


def changed_by(
    functions: Functions, ops: Sequence[Op]
) -> list[tuple[types.FunctionType, types.CodeType | None, types.CodeType]]:
    """Functions that an edit changes or brings, with their code before and after."""
    added = {id(f): f for op in ops for f in functions_in(op.after) if id(f) not in functions}
    return [*functions.values(), *((f, None, f.__code__) for f in added.values())]


def _with(space: Mapping[str, Any], changes: Mapping[str, Op], new: bool) -> dict[str, Any]:
    """As it is before these steps, or after them."""
    changed = {**space, **{name: op.after if new else op.before for name, op in changes.items()}}
    return {name: value for name, value in changed.items() if value is not ABSENT}

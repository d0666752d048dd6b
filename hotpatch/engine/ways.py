"""The ways by which a call may come to a class: its own name and whatever else it is held under, an attribute
of that name, a call of `super()`, a function that hands on what it takes, and what is not told.
"""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import codes
from .calls import TAKES_MORE, Call, callee
from .constructors import makers_of
from .frozen import holders_of
from .reading import LRU, MISSING, class_attribute, class_name, held_by_method, is_python_class, raw_dict

MAKING: Final = frozenset({"__init__", "__new__", "__call__", "__class__"})
_KIND: Final = frozenset({"isinstance", "issubclass"})
_ASKED_OF: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "IS_OP", "CHECK_EXC_MATCH"})
_LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_DEREF"})


class Ways:
    def __init__(
        self,
        classes: Sequence[type],
        starred: Sequence[tuple[types.FunctionType, Call]],
        ops: Sequence[Op],
        is_local: Callable[[Any], bool],
        takers: Sequence[types.FunctionType],
    ) -> None:
        """`classes` are the one that is called, and what takes its place; `starred` are the calls by stars of
        the program, `takers` its functions that take arguments as they come."""
        self._ops, self._is_local = ops, is_local
        self._classes = set(map(id, classes))
        self._takers, self._named_takers = set(map(id, takers)), {f.__name__ for f in takers}
        self._held = _held_under(classes)
        """The names of variables, attributes and items that hold the class."""
        self._names, self._handing = MAKING | self._held, set[int]()
        left = [(f, call) for f, call in starred if call.passes_on]
        while found := [f for f, call in left if self.lead(call, f)]:
            self._handing |= set(map(id, found))
            self._names |= {f.__name__ for f in found}
            left = [(f, call) for f, call in left if id(f) not in self._handing]

    def lead(self, call: Call, f: types.FunctionType) -> bool:
        """May this call, which `f` makes, come to the class?"""
        return self._asked(call, f, self._leads, self._names)

    def takes_any(self, call: Call, f: types.FunctionType) -> bool:
        """May it come to a function that takes arguments as they come?"""
        return self._asked(call, f, lambda held: id(held) in self._takers, MAKING | self._named_takers)

    def is_direct(self, call: Call, f: types.FunctionType) -> bool:
        """Is the class itself called, by its name or as the first argument of a class method?"""
        if not call.callee:
            return f.__code__.co_varnames[:1] == ("cls",)
        return any(id(value) in self._classes for value in self._resolved(call.callee, f))

    def is_handed_on(self, old: types.CodeType | None, new: types.CodeType, f: types.FunctionType) -> bool:
        """Does code come to take the class as a value, to have it called by others?"""
        return self._as_value(new) > (0 if old is None else self._as_value(old))

    def _asked(
        self, call: Call, f: types.FunctionType, of: Callable[[Any], bool], names: frozenset[str] | set[str]
    ) -> bool:
        if not call.callee:
            return True
        first, _, name = call.callee.rpartition(".")
        if name in MAKING or call.callee.startswith("."):
            return name in names
        found = list(self._resolved(call.callee, f))
        return any(of(part) for value in found for part in self._reached(value)) or (
            not found and (not first or name in names)
        )

    def _leads(self, held: Any) -> bool:
        if id(held) in self._classes or id(held) in self._handing:
            return True
        is_wrapper = type(held) is types.FunctionType and held.__code__.co_flags & TAKES_MORE
        return bool(is_wrapper and not self._is_local(held) and (held.__closure__ or vars(held)))

    def _resolved(self, path: str, f: types.FunctionType) -> Iterator[Any]:
        """What stands there, before the edit and after; nothing where nobody knows."""
        first, *rest = path.split(".")
        found = [f.__globals__.get(first, getattr(builtins, first, MISSING))]
        found += [op.after for op in self._ops if op.kind is SlotKind.GLOBAL and op.key == first]
        for name in rest:
            found = [part for value in found for part in self._parts(value, name)]
        yield from (value for value in found if value is not MISSING)

    def _parts(self, value: Any, name: str) -> Iterator[Any]:
        if type(value) is types.ModuleType:
            yield vars(value).get(name, MISSING)
        elif issubclass(type(value), type):
            yield class_attribute(value, name)
        for op in self._ops:
            if op.owner is value and op.name == name:
                yield op.after

    def _reached(self, value: Any) -> Iterator[Any]:
        """What a call of it comes to."""
        held = held_by_method(value)
        kind = type(held)
        yield held
        if kind is types.MethodType:
            yield held.__func__
        elif kind is functools.partial:
            yield from self._reached(held.func)
        elif kind is LRU:
            yield vars(held).get("__wrapped__")
        elif issubclass(kind, type):
            yield from makers_of(held)
            yield class_attribute(kind, "__call__")
        elif is_python_class(kind):
            yield class_attribute(kind, "__call__")

    def _as_value(self, code: types.CodeType) -> int:
        found = 0
        for part in codes.walk(code):
            steps = codes.steps_of(part)
            for at, step in enumerate(steps[:-1]):
                if step.opname not in _LOADS or step.argval not in self._held or _is_called(step):
                    continue
                after = steps[at + 1]
                is_asked = after.opname == "CALL" and callee(steps[: at + 1], after.arg or 0) in _KIND
                found += after.opname not in _ASKED_OF and not is_asked
        return found


def _is_called(step: Any) -> bool:
    return step.opname == "LOAD_GLOBAL" and bool((step.arg or 0) & 1)


def _held_under(classes: Sequence[type]) -> frozenset[str]:
    names = {class_name(cls) for cls in classes}
    for holder in holders_of(classes):
        space = holder if type(holder) is dict else None
        if space is None and is_python_class(type(holder)):
            space = raw_dict(holder)
        for name, value in list((space or {}).items()):
            if type(name) is str and any(value is cls for cls in classes):
                names.add(name)
    return frozenset(names)

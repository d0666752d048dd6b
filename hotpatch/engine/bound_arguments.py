"""Calls that wait with their arguments: partials, timers, work that an executor, an event loop or a queue has
not come to yet.  Does the new code take what was meant for the old?
"""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
import types
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from hotpatch.ops import Op, SlotKind

from . import codes, constructors
from .instances import Functions, functions_in, only_recorded
from .living import Living
from .reading import held_by_method
from .view import View
from .waiting import Call, Sort, calls, is_queued

_LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_DEREF"})
_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def refused(
    functions: Functions, ops: Sequence[Op], objects: Living, built: Container[int], view: View
) -> list[str]:
    """Sentences, one for each kind of holder and function.  To be asked after the commit; `built` are ids of
    what it brought."""
    edit = _Edit(functions, ops)
    if not edit.any:
        return []
    outdated = [
        (call, f"{call.what} calls {target.name} with arguments that its new code does not take")
        for call in calls(objects, edit.concerns)
        for target in edit.targets(call.function)
        if edit.outdates(call, target)
    ]
    gave_way, ours = {id(op.before) for op in ops}, {*objects.own, *(id(call) for call, _ in outdated)}
    edited = {id(op.owner) for op in ops if op.kind is SlotKind.PARTIAL}
    found: dict[str, None] = {}
    for call, told in outdated:
        if told in found or id(call.holder) in built or id(call.holder) in edited:
            continue
        if call.job is not None and not is_queued(call.job, objects):
            continue
        if id(call.holder) not in gave_way or not only_recorded([call.holder], ours, view):
            found[told] = None
    return list(found)


@frozen
class _Target:
    """What a call comes to."""

    function: Any
    first: tuple[Any, ...]
    """What it is given before the arguments: the object of a method, the class that is called."""
    name: str


class _Edit:
    """What an edit makes of functions that wait to be called."""

    def __init__(self, functions: Functions, ops: Sequence[Op]) -> None:
        self._functions = functions
        self._gained: dict[int, Any] = {
            id(f): op.before
            for op in ops
            if op.kind is SlotKind.CLASS and op.key in constructors.MAKERS
            for f in functions_in(op.after)
        }
        """Makers that a class had not before: by id, what stood there."""
        self._parts = {(id(op.owner), op.key): op.before for op in ops if op.kind is SlotKind.FUNCTION}
        self._replaced = [(old, f.__globals__) for f, old, _ in functions.values()]
        for op in ops:
            if op.kind in (SlotKind.GLOBAL, SlotKind.CLASS):
                self._replaced += [(f.__code__, f.__globals__) for f in functions_in(op.before)]
        self.any = bool(functions or self._gained)

    def concerns(self, function: Any) -> bool:
        return bool(self.targets(function))

    def targets(self, function: Any) -> list[_Target]:
        """Of what a call of this comes to, what the edit changes."""
        first: tuple[Any, ...] = ()
        name, reached = "", list[Any]()
        if type(function) is types.MethodType:
            first, function = (function.__self__,), function.__func__
        if type(function) is types.FunctionType:
            name, reached = function.__qualname__, [function]
        elif issubclass(type(function), type):
            first, name, reached = (function,), function.__qualname__, constructors.makers_of(function)
        return [_Target(f, first, name) for f in reached if id(f) in self._functions or id(f) in self._gained]

    def outdates(self, call: Call, target: _Target) -> bool:
        after, before = inspect.signature(target.function, follow_wrapped=False), self._before(target)
        args = (*target.first, *call.args)
        if before is not None and call.sort is not Sort.JOB and _change_places(before, after, len(args)):
            return True
        match call.sort:
            case Sort.WHOLE:
                return not _takes(after, args, call.kwargs)
            case Sort.PARTLY:
                left = _left_open(after, args, call.kwargs)
                was_left = 0 if before is None else _left_open(before, args, call.kwargs)
                return left is None or (
                    was_left is not None and left > was_left and self._is_named(target, functools.partial)
                )
            case Sort.JOB:
                did = before is None or _takes(before, args, call.kwargs)
                does = _takes(after, args, call.kwargs)
                if does and before is not None:
                    does = not _change_places(before, after, len(args))
                return did and not does and self._is_named(target)
            case Sort.HIDDEN:
                return self._takes_fewer_calls(target.function) and self._is_named(target)

    def _before(self, target: _Target) -> inspect.Signature | None:
        """How it was called; None where no function of Python took the call."""
        f = target.function
        if id(f) in self._gained:
            was = next(functions_in(self._gained[id(f)]), None)
            return None if was is None else inspect.signature(was, follow_wrapped=False)
        _, old, _ = self._functions[id(f)]
        defaults, keyed = (
            self._parts.get((id(f), part), getattr(f, part)) for part in ("__defaults__", "__kwdefaults__")
        )
        cells = tuple(types.CellType() for _ in old.co_freevars)
        was = types.FunctionType(old, f.__globals__, f.__name__, defaults, cells)
        was.__kwdefaults__ = keyed
        return inspect.signature(was)

    def _takes_fewer_calls(self, f: types.FunctionType) -> bool:
        if id(f) not in self._functions:
            return False
        _, old, new = self._functions[id(f)]
        given = len(f.__defaults__ or ()), frozenset(f.__kwdefaults__ or ())
        return not codes.accepts_same_calls(old, new, *given)

    def _is_named(self, target: _Target, beside: Any = None) -> bool:
        """By code that goes or changes, which may have made this call and would make another now?  Where all
        such code stays, a fresh start has the same call waiting.  `beside`: what it has to name as well."""
        name = target.name.rpartition(".")[2]
        return any(
            any(_passes_on(part, name) for part in codes.walk(code))
            and (beside is None or _names(code, space, beside))
            for code, space in self._replaced
        )


def outdated(ops: Sequence[Op], objects: Living) -> list[str]:
    """Sentences, one for each method: a `partialmethod` gives whoever asks an object for it a partial with
    its arguments of that moment.  To be asked after the commit."""
    changed: dict[int, str] = {}
    for op in ops:
        before = (
            op.owner if op.kind is SlotKind.INSTANCE else op.before if op.kind is SlotKind.CLASS else None
        )
        if type(before) is not functools.partialmethod:
            continue
        old = op.before if op.kind is SlotKind.INSTANCE and op.key == "func" else before.func
        changed[id(held_by_method(old))] = op.where
    if not changed:
        return []
    found = {
        f"a method that {where} gave to somebody has the arguments that it had then"
        for obj in objects.exactly(functools.partial)
        if type(obj.func) is types.MethodType
        and "__self__" in vars(obj)
        and (where := changed.get(id(obj.func.__func__))) is not None
    }
    return sorted(found)


def _takes(signature: inspect.Signature, args: Any, kwargs: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _change_places(before: inspect.Signature, after: inspect.Signature, given: int) -> bool:
    """Would one of so many arguments, given by their places, come to another parameter, while there still is
    the one that it was meant for?"""
    was, now = (
        [one.name for one in signature.parameters.values() if one.kind in _BY_PLACE]
        for signature in (before, after)
    )
    met = itertools.islice(zip(was, now, strict=False), given)
    return any(old != new and old in after.parameters for old, new in met)


def _left_open(signature: inspect.Signature, args: Any, kwargs: Mapping[str, Any]) -> int | None:
    """How many parameters still have to be given; None if these can't be."""
    try:
        bound = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:
        return None
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return sum(
        one.default is one.empty and one.kind not in several and one.name not in bound
        for one in signature.parameters.values()
    )


def _passes_on(code: types.CodeType, name: str) -> bool:
    """Does it take what is so named as a value, not only to call it?  The load of a callee shows a NULL."""
    return name in code.co_names + code.co_freevars and any(
        step.argrepr == name and step.opname in _LOADS for step in dis.get_instructions(code)
    )


def _names(code: types.CodeType, space: Mapping[str, Any], thing: Any) -> bool:
    names = codes.names_in(code)
    return thing.__name__ in names or any(space.get(name) is thing for name in names)

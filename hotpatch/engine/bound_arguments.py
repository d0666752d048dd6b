"""Calls that wait with their arguments: partials, timers, work that an executor or an event loop has not come
to yet.  Does the new code take what was meant for the old?
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from .instances import Functions

Call = tuple[str, Any, tuple[Any, ...], Mapping[str, Any], bool]
"""What waits, the function, its positional and keyword arguments, and whether more come when it is called."""

_WAITING: Final[Mapping[tuple[str, str], tuple[str, str, str]]] = {
    ("threading", "Timer"): ("function", "args", "kwargs"),
    ("concurrent.futures.thread", "_WorkItem"): ("fn", "args", "kwargs"),
    ("asyncio.events", "Handle"): ("_callback", "_args", ""),
    ("asyncio.events", "TimerHandle"): ("_callback", "_args", ""),
}


def refused(functions: Functions, objects: Sequence[Any]) -> list[str]:
    """Sentences, one for each kind of holder and function.  To be asked after the commit."""
    if not functions:
        return []
    waiting = {
        getattr(module, name): parts
        for (home, name), parts in _WAITING.items()
        if (module := sys.modules.get(home)) is not None
    }
    found: dict[str, None] = {}
    for what, function, args, kwargs, partly in _calls(objects, waiting):
        if type(function) is types.MethodType:
            method: Any = function
            function, args = method.__func__, (method.__self__, *args)
        if id(function) in functions and not _takes(function, args, kwargs, partly):
            found[
                f"a {what} calls {function.__qualname__} with arguments that its new code does not take"
            ] = None
    return list(found)


def outdated(ops: Sequence[Op], objects: Sequence[Any]) -> list[str]:
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
        changed[id(_function(old))] = op.where
    if not changed:
        return []
    found = {
        f"a method that {where} gave to somebody has the arguments that it had then"
        for obj in objects
        if type(obj) is functools.partial
        and type(obj.func) is types.MethodType
        and "__self__" in vars(obj)
        and (where := changed.get(id(obj.func.__func__))) is not None
    }
    return sorted(found)


def _function(held: Any) -> Any:
    return held.__func__ if type(held) in (staticmethod, classmethod) else held


def _calls(objects: Sequence[Any], waiting: Mapping[type, tuple[str, str, str]]) -> Iterator[Call]:
    for obj in objects:
        kind = type(obj)
        if kind is functools.partial:
            yield "partial", obj.func, obj.args, obj.keywords, True
        elif kind in waiting:
            function, args, kwargs = (getattr(obj, part, None) if part else None for part in waiting[kind])
            yield kind.__name__, function, tuple(args or ()), kwargs or {}, False


def _takes(function: types.FunctionType, args: Any, kwargs: Mapping[str, Any], partly: bool) -> bool:
    signature = inspect.signature(function, follow_wrapped=False)
    try:
        (signature.bind_partial if partly else signature.bind)(*args, **kwargs)
    except TypeError:
        return False
    return True

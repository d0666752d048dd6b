"""What waits to be called: where libraries keep that, and what looks like a job in a queue."""

from __future__ import annotations

import atexit
import collections
import enum
import functools
import gc
import itertools
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from .frozen import holders_of
from .living import Living
from .settings import exit_hooks

_KNOWN: Final[Mapping[tuple[str, str], tuple[str, str, str, str]]] = {
    ("threading", "Timer"): ("a Timer", "function", "args", "kwargs"),
    ("concurrent.futures.thread", "_WorkItem"): ("a _WorkItem", "fn", "args", "kwargs"),
    ("asyncio.events", "Handle"): ("a Handle", "_callback", "_args", ""),
    ("asyncio.events", "TimerHandle"): ("a TimerHandle", "_callback", "_args", ""),
    ("sched", "Event"): ("an event of a scheduler", "action", "argument", "kwargs"),
    ("weakref", "finalize._Info"): ("a finalizer", "func", "args", "kwargs"),
    ("threading", "Thread"): ("a Thread", "_target", "_args", "_kwargs"),
    ("concurrent.futures.thread", "ThreadPoolExecutor"): ("an executor", "_initializer", "_initargs", ""),
    ("contextlib", "_GeneratorContextManager"): ("a context manager", "func", "args", "kwds"),
    ("contextlib", "_AsyncGeneratorContextManager"): ("a context manager", "func", "args", "kwds"),
}
"""By module and class: what it is called, and where it has the function and its arguments."""
_APPLIED: Final[Mapping[type, tuple[str, int]]] = {
    filter: ("a filter", 1),
    itertools.filterfalse: ("a filter", 1),
    itertools.takewhile: ("an iterator", 1),
    itertools.dropwhile: ("an iterator", 1),
    itertools.groupby: ("an iterator", 1),
    itertools.accumulate: ("an iterator", 2),
    type(iter(int, 1)): ("an iterator", 0),
    type(functools.cmp_to_key(lambda one, other: 0)): ("a key to sort by", 2),
}
"""What calls a function for each item: what it is called, and with how many arguments."""
_IN_EXIT_STACKS: Final = (
    "_BaseExitStack._create_cb_wrapper.<locals>._exit_wrapper",
    "AsyncExitStack._create_async_cb_wrapper.<locals>._exit_wrapper",
)
"""Functions of `contextlib` that have a callback and its arguments as free variables."""
_LONGEST_JOB: Final = 6
"""Items of a tuple that may be a job: a priority, a number, a time may stand before the function."""


class Sort(enum.Enum):
    """How much is known of a call."""

    WHOLE = "all its arguments"
    PARTLY = "more may come when it is called"
    JOB = "a tuple looks like it"
    HIDDEN = "C does not show its arguments"


@frozen
class Call:
    """`what` waits with it."""

    what: str
    function: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(factory=dict)
    sort: Sort = Sort.WHOLE
    job: Any = None
    """The tuple."""
    holder: Any = None
    """The partial."""


def calls(objects: Living, concerns: Callable[[Any], bool]) -> Iterator[Call]:
    """Those among `objects`, and the hooks of the process's exit.  `concerns` tells whether a function
    matters: of a tuple it has to."""
    known = {
        id(kind): parts for (home, name), parts in _KNOWN.items() if (kind := _class(home, name)) is not None
    }
    for job in [each for each in objects.exactly(tuple) if 2 <= len(each) <= _LONGEST_JOB]:
        yield from _job(job, concerns)
    applied = {id(kind): (what, count) for kind, (what, count) in _APPLIED.items()}
    others = {
        id(functools.partial),
        id(types.FunctionType),
        id(map),
        id(collections.defaultdict),
        *applied,
        *known,
    }
    for obj in objects.of(lambda cls: id(cls) in others):
        kind = type(obj)
        if kind is functools.partial:
            yield Call("a partial", obj.func, obj.args, obj.keywords, Sort.PARTLY, holder=obj)
        elif kind is types.FunctionType:
            if obj.__code__.co_qualname in _IN_EXIT_STACKS:
                yield _of_exit_stack(obj)
        elif kind is collections.defaultdict:
            yield Call("a defaultdict", obj.default_factory)
        elif kind is map:
            parts = gc.get_referents(obj)
            count = sum(len(part) for part in parts if type(part) is tuple)
            yield from _applied("a map", count, parts, concerns)
        elif id(kind) in applied:
            yield from _applied(*applied[id(kind)], gc.get_referents(obj), concerns)
        elif id(kind) in known and not (kind is threading.Thread and obj.ident is not None):
            yield from _kept(obj, *known[id(kind)])
    for hook in exit_hooks(atexit):
        yield Call("an exit hook", hook, sort=Sort.HIDDEN)


def _applied(what: str, count: int, parts: Sequence[Any], concerns: Callable[[Any], bool]) -> Iterator[Call]:
    """What it is called with is not known, only how much."""
    for function in parts:
        if concerns(function):
            yield Call(what, function, (None,) * count)


def _class(home: str, name: str) -> Any:
    found: Any = sys.modules.get(home)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _kept(obj: Any, what: str, *parts: str) -> Iterator[Call]:
    """What can't be a call's arguments is none: who keeps it will fail on it in any version."""
    function, args, kwargs = (getattr(obj, part, None) if part else None for part in parts)
    args, kwargs = args or (), kwargs or {}
    if issubclass(type(args), (tuple, list)) and issubclass(type(kwargs), dict):
        yield Call(what, function, tuple(args), kwargs)


def _of_exit_stack(wrapper: types.FunctionType) -> Call:
    cells = zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=True)
    held = {name: cell.cell_contents for name, cell in cells}
    return Call("an exit stack", held.get("callback"), held.get("args", ()), held.get("kwds", {}))


def _job(items: tuple[Any, ...], concerns: Callable[[Any], bool]) -> Iterator[Call]:
    """A function, its arguments, perhaps those by keyword."""
    for i, args in enumerate(items[1:], 1):
        if type(args) in (tuple, list) and concerns(items[i - 1]):
            more = items[i + 1] if i + 1 < len(items) else None
            kwargs = more if type(more) is dict and all(type(key) is str for key in more) else {}
            yield Call("a job", items[i - 1], tuple(args), kwargs, Sort.JOB, items)
            return


def is_queued(job: Any, objects: Living, deep: bool = True) -> bool:
    """Does a list, a queue or a table have it?  `objects` are all that live: their lists are none of the
    program's."""
    for holder in holders_of([job]):
        kind = type(holder)
        if id(holder) in objects.own:
            continue
        if issubclass(kind, (list, collections.deque)) or kind.__name__ == "SimpleQueue":
            return True
        if issubclass(kind, dict) and any(value is job for value in dict.values(holder)):
            return True
        if deep and kind is tuple and is_queued(holder, objects, False):
            return True
    return False

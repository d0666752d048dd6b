"""Functions and classes that the new sources have no more, and that the program goes on holding.

A subscriber, a callback in a queue, a bound method that was handed out: whoever has the function would run
old code for good, where a fresh start would have given it another one, or none.  One that only runs still is
told of with its frame.  Whoever has a class goes on making objects of it; the objects that it has are asked
about elsewhere (`orphans`).
"""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Callable, Collection, Iterator
from typing import Any

from attrs import fields

from hotpatch.ops import Op, SlotKind

from .frozen import holders_of
from .graph import Graph
from .instances import functions_in, methods_of
from .living import Living
from .orphans import of_removed, taken_away
from .reading import LRU, class_module, enclosed, qualname_of, raw_dict
from .settings import handlers
from .stacks import SUSPENDED, is_suspendable
from .staged import Staged
from .went import NAMED, methods_of_the_gone, recorded_alone

Things = dict[int, Any]


def held(
    staged: Staged,
    objects: Living,
    passed: Collection[int],
    were: Collection[int],
    is_ours: Callable[[Any], bool],
) -> list[str]:
    """Sentences, one for each of them.  `passed` are ids of what holds them for the sake of this
    question, `were` of what stood in a place before, and does no more.  To be asked after the commit."""
    classes = _classes_gone(staged, is_ours)
    things = {id(part): part for op in staged.ops for part in _taken(op)} | classes
    if not things:
        return []
    modules = [op.before for op in staged.ops if op.kind is SlotKind.MODULE]
    spaces = [raw_dict(module) for module in modules]
    still = _names(staged.measurement.proof.new, "function", 2)
    given_code = {id(op.owner) for op in staged.ops if op.kind is SlotKind.CODE}
    gone = {
        i: f
        for i, f in things.items()
        if type(f) is types.FunctionType
        and i not in given_code
        and (is_ours(f) or any(f.__globals__ is space for space in spaces))
        and (f.__globals__.get("__name__"), f.__qualname__) not in still
    }
    if not (gone or classes):
        return []
    threads, targets = _started_on(objects, things)
    own = {id(gone), id(classes), id(modules), id(spaces), *threads, *_running(things)}
    dead = {*were, *targets, *_of_staging(staged), *map(id, modules), *map(id, spaces)}
    dead |= {*staged.exchanged, *methods_of_the_gone(staged)}
    for cls in classes.values():
        dead |= {*map(id, objects.exactly(cls)), *map(id, methods_of(cls))}
    dead |= _forwarded_by_the_gone(objects, {*passed, *own}, dead, staged)
    fine = recorded_alone(things, {*passed, *own}, dead, staged)
    left = [f for i, f in gone.items() if i not in fine or _handles_a_signal(f)]
    left += [cls for i, cls in classes.items() if i not in fine]
    return [
        f"{each.__module__}.{each.__qualname__} is gone from the sources, and is still held" for each in left
    ]


def _forwarded_by_the_gone(
    objects: Living, passed: Collection[int], dead: Collection[int], staged: Staged
) -> set[int]:
    """ids of the constants of code that passes calls on to another function, where nobody can call it any
    more.  The collector doesn't know code, so what its constants hold seems to be held by nothing."""
    passing = [op.owner for op in objects.exactly(Op) if op.kind is SlotKind.CODE and op.target is not None]
    if not passing:
        return set()
    gone = recorded_alone({id(f): f for f in passing}, {*passed, id(passing)}, dead, staged)
    return {id(f.__code__.co_consts) for f in passing if id(f) in gone}


def _of_staging(staged: Staged) -> set[int]:
    """ids of what staging itself works with, and nobody else."""
    return {id(getattr(staged, field.name)) for field in fields(type(staged)) if field.name != "app"}


def _names(start: Graph, kind: str, name: int) -> set[tuple[Any, str]]:
    """Where the functions, or the classes, of a start are from, and what they are called."""
    nodes = start.nodes.values() if type(start.nodes) is dict else start.nodes
    return {(node[1][0], node[1][name]) for node in nodes if node[0] == kind}


def _classes_gone(staged: Staged, is_ours: Callable[[Any], bool]) -> Things:
    """Classes that the edit takes from where they stood.  Those whose place others have taken are asked about
    with all that gave way (`heap.holders`)."""
    still = _names(staged.measurement.proof.new, "class", 1)
    return {
        id(cls): cls
        for cls in taken_away(staged.ops)
        if id(cls) not in staged.exchanged
        and (is_ours(cls) or of_removed(cls, staged.ops))
        and (class_module(cls), qualname_of(cls)) not in still
    }


def _taken(op: Op) -> Iterator[Any]:
    """What made up a variable, an attribute of a class or a module, and does no more."""
    if op.kind in NAMED and op.before is not op.after:
        stays = {id(part) for part in _parts(op.after)}
        yield from (part for part in _parts(op.before) if id(part) not in stays)
    elif op.kind is SlotKind.MODULE and type(op.before) is types.ModuleType:
        for value in list(vars(op.before).values()):
            yield from _parts(value)


def _parts(value: Any) -> Iterator[Any]:
    """Its functions, what stands in front of them, and what those stand in front of.  Not a class's: its
    objects are asked about (`orphans`)."""
    met, todo = set[int](), [value]
    while todo:
        part = todo.pop()
        if id(part) in met or issubclass(type(part), type):
            continue
        met.add(id(part))
        if type(part) is LRU:
            yield part
            todo.append(getattr(part, "__wrapped__", None))
        for f in functions_in(part):
            if f is not part:
                todo.append(f)
                continue
            yield f
            todo += enclosed(f)
            todo.append(f.__dict__.get("__wrapped__"))


def _running(things: Things) -> set[int]:
    """ids of generators and coroutines whose frames are calls of one of these."""
    codes = {f.__code__ for f in things.values() if type(f) is types.FunctionType}
    running = [holder for holder in holders_of([*things.values()]) if is_suspendable(type(holder))]
    frames = ((one, getattr(one, SUSPENDED[type(one)][0])) for one in running)
    return {id(one) for one, frame in frames if frame is not None and frame.f_code in codes}


def _started_on(objects: Living, things: Things) -> tuple[set[int], set[int]]:
    """ids of threads, and of their attributes, that were started on one of these and have it nowhere else,
    for none of them calls it again; and of methods as which they have it."""
    threading = sys.modules.get("threading")
    if threading is None:
        return set(), set()
    threads, targets = set[int](), set[int]()
    for thread in objects.below(threading.Thread):
        own = raw_dict(thread) or {}
        started = own.get("_started")  # not there before its `__init__` has run
        if started is None or not started.is_set():
            continue
        if not any(id(value) in things for name, value in own.items() if name != "_target"):
            threads |= {id(thread), id(own)}
            target = own.get("_target")
            if type(target) is types.MethodType and id(target.__func__) in things:
                targets.add(id(target))
    return threads, targets


def _handles_a_signal(f: types.FunctionType) -> bool:
    """Those handlers are kept where the collector doesn't look."""
    kept = (handler for _, handler in handlers(signal))
    return any(handler is f or getattr(handler, "__func__", None) is f for handler in kept)

"""Answers that old code gave and that are still kept: caches to clear, cached properties to drop, copies
to name.

A fresh start has computed none of them, so forgetting is what it would be.
"""

from __future__ import annotations

import codecs
import dis
import encodings
import logging
import types
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import answers, codes
from .answers import Written
from .awake import told
from .difference import Difference
from .graph import Graph
from .heap import Functions
from .living import Living
from .locate import Locator
from .match import Match
from .reading import LRU, MISSING, class_attribute, is_python_class, mro_of, plain_same, qualname_of, raw_dict
from .shape import Shapes
from .world import World


def stale_caches(names: frozenset[str], written: Written, objects: Living, known: set[int]) -> list[Op]:
    """lru_caches that a function of the program made at run time, in front of something that changes.  Raises
    PatchRefused where one keeps what may hold more than it was made of."""
    ops = []
    for cache in objects.exactly(LRU):
        if id(cache) in known:
            continue
        f = vars(cache).get("__wrapped__")
        if type(f) is types.MethodType:  # one for each object: `self.get = lru_cache(self._get)`
            f = f.__func__
        if type(f) is types.FunctionType and f.__code__.co_name in names and written.is_ours(f):
            if (kept := answers.state_in(cache, written)) is not None:
                raise PatchRefused(
                    f"a cache of {f.__qualname__} that was made at run time keeps a {kept}, which may hold "
                    "what came since"
                )
            ops.append(Op(cache, SlotKind.CALL, None, cache.cache_clear, cache.cache_clear, "cache"))
    return ops


def keeps_its_answer(held: Any) -> bool:
    """Is this a cached property, of whatever make?"""
    return bool(_asked(held))


def levels(ops: Sequence[Op]) -> list[Op]:
    """Loggers keep which levels they let through, and `setLevel`, which an edit does not call, has all of
    them forget it."""
    of_attributes = (op for op in ops if op.kind is SlotKind.INSTANCE)
    if not any(op.key == "level" and issubclass(type(op.owner), logging.Logger) for op in of_attributes):
        return []
    forget: Any = logging.Logger.manager._clear_cache  # type: ignore[attr-defined]
    return [Op(logging.Logger.manager, SlotKind.CALL, None, forget, forget, "levels of loggers")]


def codecs_found(ops: Sequence[Op]) -> list[Op]:
    """The interpreter keeps what functions answered that look codecs up.  It can't be told to forget, but
    does so whenever one of them goes.  The standard one is asked first, and notes what it has not got."""
    if not ops or None not in encodings._cache.values():
        return []
    return [Op(codecs, SlotKind.CALL, None, _forget_codecs, _forget_codecs, "codecs that were found")]


def _forget_codecs() -> None:
    codecs.register(_finds_none)
    codecs.unregister(_finds_none)


def _finds_none(name: str) -> None:
    return None


def cached_properties(functions: Functions, world: World) -> dict[int, dict[str, types.CodeType]]:
    """id of a class of the program: names of its cached properties whose function changes, and what that was.

    A cached property, of whatever make, is a descriptor that holds the function, and leaves the answer in the
    instance's dictionary under its own name.
    """
    found: dict[int, dict[str, types.CodeType]] = {}
    # One that only moved to other lines would answer as it did.
    body = {i: [codes.key_of(code).body for code in (old, new)] for i, (_, old, new) in functions.items()}
    changed = {i for i, (old, new) in body.items() if old != new}
    names = {functions[i][0].__code__.co_name for i in changed}
    if not names:
        return found
    for module in world.local.values():
        for value in list(world.view.names(module).values()):
            if not issubclass(type(value), type) or not is_python_class(value):
                continue
            for name, held in list(world.view.attributes(value).items()):
                if name not in names:
                    continue
                part = next((part for part in _asked(held) if id(part) in changed), None)
                if part is not None:
                    found.setdefault(id(value), {})[name] = functions[id(part)][1]
    return found


def _asked(held: Any) -> list[Any]:
    """What a descriptor of the program's, or of a library's, holds to be asked for the answer."""
    kind = type(held)
    if not is_python_class(kind) or not callable(class_attribute(kind, "__get__")):
        return []
    parts = list((raw_dict(held) or {}).values())
    if issubclass(kind, property):
        parts.append(property.__dict__["fget"].__get__(held))
    return parts


def drop_cached(
    properties: Mapping[int, dict[str, types.CodeType]],
    objects: Living,
    written: Written,
    measured: Container[tuple[int, str]],
) -> list[Op]:
    """Forget, on every instance that lives, what a cached property answered, but for the answers that are
    measured.  Raises PatchRefused where one may hold more than it was made of."""

    def of_class(cls: type) -> dict[str, types.CodeType]:
        above = (properties.get(id(base), {}) for base in reversed(mro_of(cls)))
        return {name: code for found in above for name, code in found.items()}

    ops = []
    for obj, answered_by in objects.told(of_class) if properties else ():
        cls, space = type(obj), raw_dict(obj) or {}
        for name in answered_by.keys() & space.keys():
            if (id(obj), name) in measured:
                continue
            where = f"cached {qualname_of(cls)}.{name}"
            if answers.may_hold_more(space[name], written, answered_by[name]):
                raise PatchRefused(
                    f"{where} of an object that lives may hold what came since, and the new code makes it "
                    "otherwise"
                )
            ops.append(Op(obj, SlotKind.INSTANCE, name, space[name], ABSENT, where))
    return ops


Recalled = tuple[list[tuple[Any, str]], dict[int, set[str]], set[tuple[int, str]]]
"""Objects with the names of answers of theirs, classes' ids with those of their objects', and ids of objects
with the names of answers that are measured."""


def recalled(found: Sequence[tuple[int, str, bool]], locator: Locator) -> Recalled:
    """What `Difference.recalled` means here."""
    of_objects, of_classes = list[tuple[Any, str]](), dict[int, set[str]]()
    measured = set[tuple[int, str]]()
    for o, name, by_start in found:
        thing = locator.locate(o)
        if by_start:
            measured.add((id(thing), name))
        elif issubclass(type(thing), type):
            of_classes.setdefault(id(thing), set()).add(name)
        elif thing is not MISSING:
            of_objects.append((thing, name))
    return of_objects, of_classes, measured


def drop_recalled(asked: Recalled, objects: Living, known: Sequence[Op], shapes: Shapes) -> list[Op]:
    """Forget answers that were made of what changes, where they are plain data, or compiled of it.  Raises
    PatchRefused where one is more: it may hold what came since.  Modules, classes and functions are what they
    are."""
    of_objects, of_classes, measured = asked
    ops = list[Op]()
    dropped = measured | {(id(op.owner), op.key) for op in known if op.kind is SlotKind.INSTANCE}

    def wanted(cls: type) -> set[str]:
        return {name for base in mro_of(cls) for name in of_classes.get(id(base), ())}

    if of_classes:
        of_objects += [(obj, name) for obj, names in objects.told(wanted) for name in names]
    for obj, name in of_objects:
        space = raw_dict(obj) or {}
        is_known = name not in space or (id(obj), name) in dropped
        if is_known or shapes.expand(space[name])[0] in (*_FETCHED, "logger"):
            continue
        dropped.add((id(obj), name))
        where = f"cached {qualname_of(type(obj))}.{name}"
        if type(space[name]) is not types.CodeType and told(space[name], shapes.expand) is None:
            raise PatchRefused(f"{where} of an object that lives was made of what the new code changes")
        ops.append(Op(obj, SlotKind.INSTANCE, name, space[name], ABSENT, where))
    return ops


def drop_told_of(ops: Sequence[Op], written: Written) -> list[Op]:
    """Forget answers of cached properties that took their object whole, where it gets an attribute.  Raises
    PatchRefused where one may hold more than it was made of."""
    found = dict[tuple[int, str], Op]()
    gone = {(id(op.owner), op.key) for op in ops if op.kind is SlotKind.INSTANCE}
    for op in ops:
        if op.kind is not SlotKind.INSTANCE or op.before is not ABSENT:
            continue
        space, cls = raw_dict(op.owner) or {}, type(op.owner)
        for name in list(space):
            parts = _asked(class_attribute(cls, name)) if (id(op.owner), name) not in gone else []
            asked = [part.__code__ for part in parts if type(part) is types.FunctionType]
            if not any({*_WHOLE, op.key} & codes.names_in(code) for code in asked):
                continue
            where = f"cached {qualname_of(cls)}.{name}"
            if answers.may_hold_more(space[name], written, asked[0]):
                raise PatchRefused(f"{where} of an object that lives was made without {op.key}")
            found[id(op.owner), name] = Op(op.owner, op.kind, name, space[name], ABSENT, where)
    return list(found.values())


_WHOLE: Final = frozenset({"vars", "__dict__", "dir"})
"""By these code takes an object with whatever attributes it has."""


def copies(difference: Difference, live: Match) -> list[str]:
    """Attributes that only the live process has, which are called like a constant that changed and still
    have its old value: something copied it at run time."""
    old = _changed_constants(difference)
    found = []
    for pair, steps in live.removed.items():
        for step, child in steps:
            if type(step) is not tuple or step[0] not in ("attr", "name", "key") or step[-1] not in old:
                continue
            node = live.old.nodes[child]
            before = old[step[-1]]
            if node[0] == "plain" and plain_same(node[1], before) and type(before) not in (bool, type(None)):
                where = f"{live.new.path(pair[1])}.{step[-1]}"
                found.append(f"{where} was set at run time and has the old value of {step[-1]}")
    return found


def answers_of_modules(functions: Functions, live: Match) -> list[str]:
    """What a module's `__getattr__`, whose code changes, has put among the module's variables: nobody asks it
    again.  Modules, classes and functions are what they are, whoever fetched them."""
    found = []
    for pair, steps in live.removed.items():
        if live.new.kind(pair[1]) != "module" or live.old.objects is None:
            continue
        space = vars(live.old.objects[pair[0]])
        asked = functions.get(id(space.get("__getattr__")))
        if asked is None or codes.same_body(*asked[1:]) or not _KEEPING & codes.names_in(asked[1]):
            continue
        elsewhere = assigned(space)
        for step, child in steps:
            if step[0] == "name" and step[1] not in elsewhere and live.old.kind(child) not in _FETCHED:
                where = f"{live.new.path(pair[1])}.{step[1]}"
                found.append(f"{where} is kept from an answer of the module's old __getattr__")
    return found


_KEEPING: Final = frozenset({"globals", "setattr", "vars", "__dict__"})
_FETCHED: Final = frozenset({"module", "outside-module", "outside", "class", "function"})


def assigned(space: Mapping[str, Any]) -> set[str]:
    """Variables that functions of the module declare as global and set."""
    codes_of = [value.__code__ for value in list(space.values()) if type(value) is types.FunctionType]
    parts = [part for code in codes_of for part in codes.walk(code)]
    return {s.argval for part in parts for s in dis.get_instructions(part) if s.opname == "STORE_GLOBAL"}


def _changed_constants(difference: Difference) -> dict[Any, Any]:
    found = {}
    for pair in difference.visits:
        for step, _, child in difference.edges.get(pair, ()):
            if type(step) is tuple and child in difference.replaced:
                node = _node(difference.old, child[0])
                if node is not None and node[0] == "plain":
                    found[step[-1]] = node[1]
    return found


def _node(graph: Graph, i: int) -> Any:
    return graph.nodes[i] if i in graph else None

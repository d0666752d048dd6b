"""What only the heap knows: closures handed out earlier, and instances of a class that is built anew.

A scan of the heap takes time in proportion to everything that lives, in one piece, with the GIL held; it is
made once, and only if the edit needs it.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Mapping, Sequence
from typing import Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind

from . import codes
from .graph import Graph
from .match import Pair
from .reading import LRU
from .world import World


def all_objects() -> list[Any]:
    """Everything that the collector tracks; `gc.freeze()` hides nothing from us."""
    if not gc.get_freeze_count():
        return gc.get_objects()
    gc.unfreeze()
    try:
        return gc.get_objects()
    finally:
        gc.freeze()


Functions = Mapping[int, tuple[types.FunctionType, types.CodeType, types.CodeType]]


class Exchange:
    """Which code objects give way to which, those inside changed functions included."""

    def __init__(self, functions: Functions) -> None:
        self.by_id: dict[int, tuple[types.CodeType, types.CodeType | None]] = {}
        self.inner = False
        for _, old, new in functions.values():
            for before, after in codes.pairs(old, new):
                if after is None or not codes.same(before, after):
                    self.by_id[id(before)] = before, after
                    self.inner = self.inner or before is not old
        # Keyed by id: the record itself keeps the code alive.
        self.changed = {
            i: (before, after)
            for i, (before, after) in self.by_id.items()
            if after is None or not codes.same_body(before, after)
        }
        """Without those that differ in line numbers alone."""


def needs_scan(functions: Functions) -> bool:
    """Can there be closures of changed functions?  Only where such a function makes functions, and those
    differ."""
    return any(
        codes.makes_functions(old)
        and any(
            before is not old and (after is None or not codes.same(before, after))
            for before, after in codes.pairs(old, new)
        )
        for _, old, new in functions.values()
    )


def closures(exchange: Exchange, functions: Functions, objects: Sequence[Any]) -> list[Op]:
    """Closures made earlier run code of the functions that change: they get the new code, on their own
    variables.

    Raises PatchRefused where they have not got the variables that the new code needs.
    """
    ops = []
    for f in objects:
        if type(f) is not types.FunctionType or id(f) in functions:
            continue
        found = exchange.by_id.get(id(f.__code__))
        if found is None:
            continue
        before, after = found
        where = f"closure {before.co_qualname}"
        if after is None or before.co_freevars != after.co_freevars:
            if after is not None and codes.same_body(before, after):
                continue
            raise PatchRefused(
                f"closures of {before.co_qualname} are in use, and its new code "
                + ("is gone" if after is None else "needs other variables")
            )
        ops.append(Op(f, SlotKind.CODE, "__code__", before, after, where))
    return ops


def stale_caches(names: frozenset[str], world: World, objects: Sequence[Any], known: set[int]) -> list[Op]:
    """lru_caches that a function of the program made at run time, in front of something that changes."""
    ops = []
    for cache in objects:
        if type(cache) is not LRU or id(cache) in known:
            continue
        f = vars(cache).get("__wrapped__")
        if type(f) is types.FunctionType and f.__code__.co_name in names and world.is_local(f):
            ops.append(Op(cache, SlotKind.CALL, None, cache.cache_clear, cache.cache_clear, "cache"))
    return ops


def instances(
    exchanged: Mapping[int, tuple[type, type]], rebased: set[int], objects: Sequence[Any]
) -> list[Op]:
    """Instances follow a class that was built anew.  Raises PatchRefused where a subclass can't."""
    ops = []
    ours = {id(made) for _, made in exchanged.values()}
    for live, _ in exchanged.values():
        sub: type
        for sub in type.__subclasses__(live):
            if id(sub) not in exchanged and id(sub) not in ours and id(sub) not in rebased:
                raise PatchRefused(
                    f"{live.__qualname__} needs another class object, and has a subclass made at run time, "
                    f"{sub.__qualname__}"
                )
    for obj in objects:
        pair = exchanged.get(id(type(obj)))
        if pair is not None:
            ops.append(Op(obj, SlotKind.TYPE, None, pair[0], pair[1], f"instance of {pair[1].__qualname__}"))
    return ops


def holders(exchanged: Mapping[int, tuple[type, type]], objects: Sequence[Any], ours: set[int]) -> list[str]:
    """After a commit: containers that still hold a class whose place another has taken."""
    inner = {
        id(x)
        for live, _ in exchanged.values()
        for x in (
            live.__mro__,
            live.__bases__,
            live,
            gc.get_referents(type.__dict__["__dict__"].__get__(live)),
        )
    }
    found = []
    for obj in objects:
        kind = type(obj)
        if kind not in (dict, list, tuple, set, types.CellType, types.MethodType):
            continue
        if id(obj) in ours or id(obj) in inner:
            continue
        for value in _held(obj, kind):
            pair = exchanged.get(id(value))
            if pair is None:
                continue
            if kind is tuple and any(
                obj is live.__mro__ or live in obj[1:] for live, _ in exchanged.values()
            ):
                continue  # the order of resolution of the class itself or of a class below it
            found.append(f"a {kind.__name__} holds the old {value.__qualname__}")
    return found


def _held(obj: Any, kind: type) -> list[Any]:
    if kind is dict:
        return list(obj.values())
    if kind is types.CellType:
        try:
            return [obj.cell_contents]
        except ValueError:
            return []
    if kind is types.MethodType:
        return [obj.__self__]
    return list(obj)


def names_of(graph: Graph, pairs: frozenset[Pair]) -> frozenset[str]:
    return frozenset(
        node[3].qualname.rpartition(".")[2]
        for node in (graph.nodes[pair[1]] for pair in pairs)
        if node[0] == "function"
    )

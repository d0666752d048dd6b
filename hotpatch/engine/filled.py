"""Attributes and variables that were filled since the start, by code that would fill them otherwise now.

A clean start leaves them empty and a process that serves has filled them: that looks like state, and may be
some.  Where the value was made of what changes, nobody can tell which of the two it is, so the author says.
Of values that are plain data; of any other, what is inside of them is brought up to date where it is, unless
the code itself says something else now.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from .awake import told
from .filling import Filling, Target, fillings
from .graph import Graph
from .match import Match, Pair
from .merge import KEEP_OR_REBUILD, Merger
from .reach import OBJECTS, Reach, methods
from .reading import MISSING, raw_dict

Filled = tuple[int, str, str, bool, bool]
"""(node of old, "attr" or "name", name, whether a start has None there or nothing, whether the code that
fills it says something else)."""


def filled(match: Match, reach: Reach) -> tuple[Filled, ...]:
    """What may have been filled since, on the objects of the start and in its modules, and would be filled
    otherwise by the new code."""
    return tuple(sorted(set(_Asking(match, reach).all()))) if reach.changing else ()


class _Asking:
    def __init__(self, match: Match, reach: Reach) -> None:
        self._match, self._reach = match, reach
        self._known: dict[tuple[bool, int], Mapping[Target, Filling]] = {}
        self._concerned: dict[int, bool] = {}
        self._methods: dict[int, tuple[int, ...]] = {}

    def all(self) -> Iterator[Filled]:
        match = self._match
        for pair in match.edges:
            kind = match.old.kind(pair[0])
            if kind in OBJECTS and match.old.kind(pair[0]) == match.new.kind(pair[1]):
                cls = match.new.kids(pair[1]).get("class")
                yield from self._below(pair, "attr", self._methods_of(cls))
            elif kind == "module":
                kids = match.new.kids(pair[1])
                yield from self._below(
                    pair, "name", (i for i in kids.values() if match.new.kind(i) == "function")
                )

    def _methods_of(self, cls: int | None) -> tuple[int, ...]:
        """Of many objects of few classes."""
        if cls is None:
            return ()
        if cls not in self._methods:
            self._methods[cls] = tuple(dict(methods(self._match.new, cls)).values())
        return self._methods[cls]

    def _below(self, pair: Pair, kind: str, functions: Iterable[int]) -> Iterator[Filled]:
        for function in functions:
            if not self._may_concern(function):
                continue
            before = self._fillings(self._match.old, self._match.origin.get(function, -1))
            for target, filling in self._fillings(self._match.new, function).items():
                if target[0] != kind or target not in before or not self._is_empty(pair, target):
                    continue
                otherwise = before[target].said != filling.said
                if otherwise or self._changes(pair, function, filling):
                    yield pair[0], *target, target in self._match.new.kids(pair[1]), otherwise

    def _may_concern(self, function: int) -> bool:
        if function not in self._concerned:
            changes = (self._match.origin.get(function, -1), function) in self._reach.changing
            self._concerned[function] = changes or self._reach.may_concern(function)
        return self._concerned[function]

    def _fillings(self, graph: Graph, i: int) -> Mapping[Target, Filling]:
        key = graph is self._match.new, i
        if key not in self._known:
            code = graph.nodes[i][3] if i >= 0 else None
            self._known[key] = fillings(code.load()) if code is not None and code.blob else {}
        return self._known[key]

    def _is_empty(self, pair: Pair, target: Target) -> bool:
        """In both starts; the class may say None for its objects."""
        for graph, i in zip((self._match.old, self._match.new), pair, strict=True):
            child = graph.kids(i).get(target)
            if child is not None and graph.nodes[child][:2] != ("plain", None):
                return False
        return True

    def _changes(self, pair: Pair, function: int, filling: Filling) -> bool:
        home = self._match.new.nodes[function][1][0]
        own = pair if self._match.new.kind(pair[1]) in OBJECTS else None
        return any(self._reach.by_chain(chain, home, own) for chain in filling.chains)


def of_old_code(found: Sequence[Filled], merger: Merger) -> None:
    """Emits what empties them where the author says so.  Raises PatchRefused where one has been filled and
    the author has not said what becomes of it."""
    for o, kind, name, stands, otherwise in found:
        obj = merger.locator.locate(o)
        if obj is MISSING:
            continue
        space = merger.view.names(obj) if kind == "name" else raw_dict(obj) or {}
        value = space.get(name)
        if value is None or not (
            otherwise or _is_taken(value) or told(value, merger.shapes.expand) is not None
        ):
            continue
        where = f"{merger.old.path(o)}.{name}"
        choice = merger.choices.get(where)
        if choice == "keep":
            continue
        if choice != "rebuild":
            raise PatchRefused(
                f"{where} was filled since the start, from what the new code changes: {KEEP_OR_REBUILD}"
            )
        slot = SlotKind.GLOBAL if kind == "name" else SlotKind.INSTANCE
        empty = None if stands else ABSENT
        merger.ops.append(Op(obj, slot, name, value, empty, where, filled_anew=True))


def _is_taken(value: Any) -> bool:
    """Was it there before, so that only which one it is was found out?"""
    return issubclass(type(value), (type, types.FunctionType))

"""Attributes and variables that were filled since the start, by code that would fill them otherwise now.

A clean start leaves them empty and a process that serves has filled them: that looks like state, and may be
some.  Where the value was made of what changes, nobody can tell which of the two it is, so the author says.
Of values that are plain data; of any other, what is inside of them is brought up to date where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes
from .awake import told
from .filling import Filling, Target, fillings
from .graph import Graph
from .match import Match, Pair
from .merge import KEEP_OR_REBUILD, Merger
from .reading import MISSING, raw_dict

if TYPE_CHECKING:
    from .difference import Difference

Filled = tuple[int, str, str, bool]
"""(node of old, "attr" or "name", name, whether a start has None there or nothing)."""
_OBJECTS: Final = frozenset({"instance", "value"})


def filled(match: Match, difference: Difference) -> tuple[Filled, ...]:
    """What may have been filled since, on the objects of the start and in its modules, and would be filled
    otherwise by the new code."""
    changing = (set(difference.visits) | difference.replaced) - difference.moved
    return tuple(sorted(set(_Asking(match, changing).all()))) if changing else ()


class _Asking:
    def __init__(self, match: Match, changing: set[Pair]) -> None:
        self._match, self._changing = match, changing
        self._known: dict[tuple[bool, int], Mapping[Target, Filling]] = {}
        self._concerned: dict[int, bool] = {}
        self._names = {
            str(step[-1])
            for edges in match.edges.values()
            for _, step, child in edges
            if child in changing and type(step) is tuple
        }
        """Under which something stands that changes."""

    def all(self) -> Iterator[Filled]:
        match = self._match
        for pair in match.edges:
            kind = match.old.kind(pair[0])
            if kind in _OBJECTS and match.old.kind(pair[0]) == match.new.kind(pair[1]):
                cls = match.new.kids(pair[1]).get("class")
                functions = dict(_methods(match.new, cls)) if cls is not None else {}
                yield from self._below(pair, "attr", functions)
            elif kind == "module":
                kids = match.new.kids(pair[1])
                functions = {
                    str(step[1]): child for step, child in kids.items() if match.new.kind(child) == "function"
                }
                yield from self._below(pair, "name", functions)

    def _below(self, pair: Pair, kind: str, functions: Mapping[str, int]) -> Iterator[Filled]:
        for function in functions.values():
            if not self._may_concern(function):
                continue
            before = self._fillings(self._match.old, self._match.origin.get(function, -1))
            for target, filling in self._fillings(self._match.new, function).items():
                if target[0] != kind or target not in before or not self._is_empty(pair, target):
                    continue
                if before[target].said != filling.said or self._changes(pair, function, filling, functions):
                    yield pair[0], *target, target in self._match.new.kids(pair[1])

    def _may_concern(self, function: int) -> bool:
        """Does it change, or name what does?  Few do, and to read instructions takes long."""
        if function not in self._concerned:
            code = self._match.new.nodes[function][3]
            changes = (self._match.origin.get(function, -1), function) in self._changing
            self._concerned[function] = changes or bool(
                code is not None and code.blob and self._names & codes.names_in(code.load())
            )
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

    def _changes(self, pair: Pair, function: int, filling: Filling, methods: Mapping[str, int]) -> bool:
        match = self._match
        home = match.new.nodes[function][1][0]
        if home in match.new.roots and home in match.old.roots:
            module = match.old.roots[home], match.new.roots[home]
            if any(self._changed(module, ("name", name)) for name in filling.names):
                return True
        for name in filling.own:
            method = methods.get(name)
            if method is not None and (match.origin.get(method, -1), method) in self._changing:
                return True
            if self._changed(pair, ("attr", name)):
                return True
        return False

    def _changed(self, pair: Pair, step: Any) -> bool:
        old, new = self._match.old.kids(pair[0]).get(step), self._match.new.kids(pair[1]).get(step)
        return (old, new) in self._changing


def _methods(graph: Graph, cls: int) -> Iterator[tuple[str, int]]:
    """Name and function of each; of a property, what it asks.  Those that come last are those that count."""
    kids = graph.nodes[cls][2] if graph.kind(cls) == "class" else ()
    for step, child in kids:
        if step[0] == "base":
            yield from _methods(graph, child)
    for step, child in kids:
        if step[0] != "attr":
            continue
        if graph.kind(child) == "property":
            child = graph.kids(child).get("fget", child)
        if graph.kind(child) == "function":
            yield step[1], child


def of_old_code(found: Sequence[Filled], merger: Merger) -> None:
    """Emits what empties them where the author says so.  Raises PatchRefused where one has been filled and
    the author has not said what becomes of it."""
    for o, kind, name, stands in found:
        obj = merger.locator.locate(o)
        if obj is MISSING:
            continue
        space = merger.view.names(obj) if kind == "name" else raw_dict(obj) or {}
        value = space.get(name)
        if value is None or told(value, merger.shapes.expand) is None:
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

"""How each edit of a measured difference will go in, foreseen from the two clean starts.

`epochs` grades an edit when it has it as ops in the process that it goes into.  The same rules are asked here
of what the starts were described as, so that a plan says beforehand what will happen, and why.  What only the
live process can tell may still make it coarser: code that it has come by since its start.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any, Final

from hotpatch.engine import locks
from hotpatch.engine.difference import Difference
from hotpatch.engine.giving_way import is_handed_on
from hotpatch.engine.graph import Graph
from hotpatch.engine.match import Pair
from hotpatch.engine.merge_objects import FIELDS
from hotpatch.engine.shape import Step
from hotpatch.epochs import grades
from hotpatch.ops import SlotKind
from hotpatch.plan import Grade

Foreseen = tuple[Grade, str]
_WITH_THE_COMMIT: Final = frozenset({"annotations", ("attr", "__annotations__"), ("name", "__annotations__")})
"""Where dicts stand that change in place, and that no call reads."""
_OF_ONE_VERSION_EACH: Final = frozenset({FIELDS, "kwdefaults"})
"""Where dicts stand that are definition: each version has one."""
_ENUMS: Final = frozenset({("enum", "EnumType"), ("enum", "EnumMeta")})
_SLOTS: Final[Mapping[str, SlotKind]] = {
    "dict": SlotKind.ITEM,
    "ordereddict": SlotKind.ITEM,
    "defaultdict": SlotKind.ITEM,
    "list": SlotKind.ELEMENTS,
    "deque": SlotKind.ELEMENTS,
    "set": SlotKind.ELEMENTS,
    "cell": SlotKind.CELL,
    "partial": SlotKind.PARTIAL,
}
_FORWARDS: Final = "the function can't take the new code, and forwards to another"
_BESIDE: Final = (Grade.CANARY, "")


class Foresight:
    """Tells the grade of what differs at one step below a pair of things.  `old` and `new` are the starts,
    whole and with their code."""

    def __init__(self, difference: Difference, old: Graph, new: Graph) -> None:
        self._difference, self._old, self._new = difference, old, new
        self._by_step: dict[Pair, dict[Step, list[Pair]]] = {}
        self._changed: dict[str, set[str]] = {}
        for pair in difference.visits:
            if old.kind(pair[0]) == "module":
                steps = self._steps(pair)
                self._changed[old.module(pair[0])] = {step[1] for step in steps if step[0] == "name"}

    def __call__(self, pair: Pair, step: Step | None) -> Foreseen:
        """`step` is None where it is the thing itself that differs: a function's body."""
        kind = self._old.kind(pair[0])
        if step is not None and self._exchanges_lock(pair, step):
            return Grade.BARRIER, grades.ONE_LOCK
        if step is not None and self._is_handed_on(pair, step):
            return Grade.BARRIER, grades.HANDED_ON
        if kind == "module" and step is not None:
            return _told(grades.of_global(str(step[1]), self._codes[self._old.module(pair[0])]))
        if kind == "class" and step is not None:
            return self._of_class(pair, step)
        if kind == "function":
            return self._of_function(pair, step)
        if kind == "lru_cache" and (step is None or step[0] != "attr"):
            return _BESIDE
        stands = self._old.parents[pair[0]][1]
        if stands in _WITH_THE_COMMIT or stands in _OF_ONE_VERSION_EACH:
            return _BESIDE
        return Grade.BARRIER, grades.IN_ONE_STEP[_SLOTS.get(kind, SlotKind.INSTANCE)]

    def _steps(self, pair: Pair) -> list[Any]:
        difference = self._difference
        steps: list[Any] = [
            s for s, _, child in difference.edges.get(pair, ()) if child in difference.replaced
        ]
        return steps + [step for of in (difference.added, difference.removed) for step, _ in of.get(pair, ())]

    def _exchanges_lock(self, pair: Pair, step: Step) -> bool:
        nodes = [
            (graph.nodes[i][0], graph.nodes[i][1])
            for child in self._children(pair).get(step, ())
            for graph, i in zip((self._old, self._new), child, strict=True)
        ]
        return bool(nodes) and all(kind == "opaque" and head in locks.TYPES for kind, head in nodes)

    def _is_handed_on(self, pair: Pair, step: Step) -> bool:
        giving_way = self._difference.giving_way
        return any(
            child in giving_way and is_handed_on(self._old, child[0])
            for child in self._children(pair).get(step, ())
        )

    def _children(self, pair: Pair) -> Mapping[Step, list[Pair]]:
        """By their steps: a table of many rows is asked for each of them."""
        if pair not in self._by_step:
            found = self._by_step[pair] = {}
            for step, _, child in self._difference.edges.get(pair, ()):
                found.setdefault(step, []).append(child)
        return self._by_step[pair]

    # -- functions -------------------------------------------------------------------------------

    @functools.cached_property
    def _codes(self) -> Mapping[str, list[CodeType]]:
        """The code of every function that the old start had, by the module whose globals it reads."""
        found: dict[str, list[CodeType]] = {name: [] for name in self._old.roots}
        for kind, head, _, code in self._old.nodes:
            if kind == "function" and code is not None and code.blob:
                found.setdefault(str(head[0]), []).append(code.load())
        return found

    def _of_function(self, pair: Pair, step: Step | None) -> Foreseen:
        if pair in self._difference.replaced:
            return Grade.BARRIER, _FORWARDS
        if step is not None:
            if type(step) is tuple and step[0] == "attr":
                return Grade.BARRIER, grades.IN_ONE_STEP[SlotKind.FUNCTION_DICT]
            return _BESIDE
        before, after = self._old.nodes[pair[0]], self._new.nodes[pair[1]]
        if not before[3].blob or not after[3].blob:
            return _BESIDE
        changed = self._changed.get(str(before[1][0]), ())
        return _told(grades.of_code(before[3].load(), after[3].load(), changed))

    # -- classes ---------------------------------------------------------------------------------

    def _of_class(self, pair: Pair, step: Any) -> Foreseen:
        if step[0] == "base":
            return Grade.BARRIER, grades.IN_ONE_STEP[SlotKind.BASES]
        if step[0] != "attr":
            return _BESIDE
        name, of_enum = str(step[1]), self._is_enum(pair[0])
        values = (self._value(self._old, pair[0], step), self._value(self._new, pair[1], step))
        makes_or_breaks = any(value in (None, ("plain", None)) for value in values)
        owner = str(self._old.nodes[pair[0]][1][1])
        return _told(grades.of_attribute(name, owner, of_enum, makes_or_breaks))

    def _is_enum(self, cls: int) -> bool:
        meta = self._old.kids(cls).get("meta")
        return meta is not None and self._old.kind(meta) == "outside" and self._old.nodes[meta][1] in _ENUMS

    @staticmethod
    def _value(graph: Graph, cls: int, step: Step) -> tuple[Any, Any] | None:
        """What stands there, as (kind, head) of its node; None if nothing does."""
        node = graph.kids(cls).get(step)
        if node is None:
            return None
        kind, head, _, _ = graph.nodes[node]
        return kind, head if kind == "plain" else ...


def _told(verdict: Iterable[Any]) -> Foreseen:
    grade, reason, _ = verdict
    return grade, "" if grade is Grade.CANARY else reason

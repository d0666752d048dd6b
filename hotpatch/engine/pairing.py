"""Which of several is which: things that stand in more than one place, laid over each other.

`DEFAULT = FAST` becomes `DEFAULT = SLOW`: the place says that FAST has become SLOW, and by their own names
they are what they were.  A thing that stands in the same places before and after is met as it comes; any
other waits until all places have been heard, and the pairs that most of them speak for come first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from typing import Any, Final

from .graph import Graph

_Pair = tuple[int, int]

SHARED: Final = frozenset(
    {"instance", "list", "dict", "set", "deque", "ordereddict", "defaultdict", "opaque", "object"}
)
"""Kinds known by their identity, and by nothing that they are called."""
VALUE: Final = "value"
"""The kind of an instance that is told from others by what it is equal to."""
VARIABLE: Final = " ('name', "
SEVERAL: Final = 8
"""So many places of a value tell whether it is the same ones before and after."""


class Places:
    """Where the things of both graphs stand, and what has been said of pairs that wait.  `namesakes` are
    functions and classes, of the old and of the new, whose name others bear as well (a loop made them, say):
    it says no more of them than nothing."""

    def __init__(self, old: Graph, new: Graph, namesakes: tuple[Set[int], Set[int]]) -> None:
        self.old, self.new = old, new
        self._old, self._new = _steps_to(old, namesakes[0]), _steps_to(new, namesakes[1])
        self._votes: Counter[_Pair] = Counter()
        self._of_old: Counter[int] = Counter()
        self._of_new: Counter[int] = Counter()

    def settled(self, pair: _Pair) -> bool:
        """Do these two stand in the same places?"""
        o, n = pair
        if self.old.kind(o) == VALUE or o not in self._old or n not in self._new:
            return True  # a value may be the origin of several
        before, after = self._old[o], self._new[n]
        return (len(before) == 1 == len(after)) or sorted(before) == sorted(after)

    def say(self, pair: _Pair) -> None:
        """One more place speaks for this pair."""
        self._votes[pair] += 1
        self._of_old[pair[0]] += 1
        self._of_new[pair[1]] += 1

    def weight(self, pair: _Pair) -> int:
        """How many places speak for it, less those that speak for what it rules out."""
        votes = self._votes[pair]
        return 3 * votes - self._of_old[pair[0]] - self._of_new[pair[1]]

    def beside_variables(self, pair: _Pair) -> int:
        """How many of the places that both have are no variables of modules: a loop leaves in one what it
        made last, and another is bound to whatever is wanted just now."""
        o, n = pair
        both = set(self._old.get(o, ())) & set(self._new.get(n, ()))
        return sum(VARIABLE not in place for place in both)


def _steps_to(graph: Graph, namesakes: Set[int]) -> dict[int, list[str]]:
    """The steps by which each shared thing is reached, and from what.  What a value consists of stands where
    that one stands: of one that two places have, each may become another."""
    found: dict[int, list[str]] = {i: ["root"] for i in graph.roots.values() if graph.kind(i) in SHARED}
    of_values: list[tuple[int, str, int]] = []
    for i, (kind, head, kids, _) in enumerate(graph.nodes):
        whose: Any = head if kind == "module" else head[1] if kind == "class" else kind
        for step, child in kids:
            if kind == VALUE and graph.kind(child) in SHARED:
                of_values.append((child, f"{whose} {step!r}", i))
            elif graph.kind(child) in SHARED or graph.kind(child) == VALUE or child in namesakes:
                found.setdefault(child, []).append(f"{whose} {step!r}")
    for child, step, parent in of_values:
        above = found.get(parent, [""])[:SEVERAL]
        found.setdefault(child, []).extend(f"{step} of {place}" for place in above)
    return found

"""How much two things look alike of which nothing says yet that they are one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from .graph import Graph
from .labels import contents, is_given, label
from .pairing import SHARED
from .reading import plain_same
from .shape import Step

Kids = Sequence[tuple[Step, int]]
MEMBER: Final = ("attr", "__objclass__")
"""What members of an enum have."""
DEPTH: Final = 3
MOST: Final = 64
"""How far down, and at how many parts of each, is looked to see how much two things have in common."""


class Likeness:
    """Between things of the old and of the new start."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self._old, self._new = old, new
        self._features: dict[tuple[bool, int], frozenset[Any]] = {}

    def degree(self, o: int, n: int) -> float:
        if self._old.kind(o) in SHARED and self._old.kind(o) == self._new.kind(n):
            return self._contents_alike(o, n)
        if self._old.nodes[o][0] != "function" or self._new.nodes[n][0] != "function":
            return 0.0
        a, b = self._features_of(self._old, o), self._features_of(self._new, n)
        return len(a & b) / len(a | b) + float(bool(name_of(self._old, o) == name_of(self._new, n)))

    def _contents_alike(self, o: int, n: int) -> float:
        return self._kids_alike(o, n, DEPTH) + float(name_of(self._old, o) == name_of(self._new, n))

    def _kids_alike(self, o: int, n: int, depth: int) -> float:
        a, b = self._old.kids(o), self._new.kids(n)
        both = ((child, b[step]) for step, child in a.items() if step in b)
        same = sum(self._looks_alike(*pair, depth - 1) for pair in islice(both, MOST))
        return float(same) / min(max(len(a), len(b), 1), MOST)

    def _looks_alike(self, o: int, n: int, depth: int) -> float:
        x, y = self._old.nodes[o], self._new.nodes[n]
        if x[0] != y[0] or (x[0] == "plain" and not plain_same(x[1], y[1])):
            return 0.0
        if not depth or not x[2]:
            return 1.0
        told = bool(name_of(self._old, o) == name_of(self._new, n))
        return (1 + told + self._kids_alike(o, n, depth)) / 3

    def _features_of(self, graph: Graph, i: int) -> frozenset[Any]:
        key = (graph is self._old, i)
        found = self._features.get(key)
        if found is None:
            _, _, kids, code = graph.nodes[i]
            features: set[Any] = {code.body}
            if code.blob:
                real = code.load()
                features |= {*real.co_names, *real.co_varnames, *map(repr, real.co_consts)}
            for step, child in kids:
                if is_given(step):
                    features.add((step, repr(contents(child, graph.nodes.__getitem__))))
                if step == "annotations":
                    expand = graph.nodes.__getitem__
                    features |= {(s, repr(label(c, expand))) for s, c in graph.nodes[child][2]}
            found = self._features[key] = frozenset(features)
        return found


def name_of(graph: Graph, i: int) -> Any:
    """By what a thing is known, wherever it is found."""
    kind, head, kids, code = graph.nodes[i]
    if kind == "function":
        return head[0], code.qualname
    if kind == "class":
        return head[:2]
    if kind in ("instance", "value"):
        cls = graph.nodes[kids[0][1]]
        called = cls[1][:2] if cls[0] in ("class", "c-class", "outside") else None
        return (called, value) if (value := combined_flag(graph, i)) is not None else called
    if kind == "logger":
        return head
    return kind


def combined_flag(graph: Graph, i: int) -> Any:
    """The value of what `enum.Flag` makes of `A | B`: an object of no name of its own, known by its value.
    Flag makes one whenever it is asked for, and keeps it in a table."""
    kids = graph.kids(i)
    value, name = kids.get(("attr", "_value_")), kids.get(("attr", "_name_"))
    if value is None or name is None or graph.kind(value) != "plain" or graph.kind(name) != "plain":
        return None
    called = graph.nodes[name][1]
    return graph.nodes[value][1] if called is None or "|" in str(called) else None


def known_by_identity(a: Kids, b: Kids) -> bool:
    """An object with nothing but its class, or a member of an enum: it stays, whatever that is called."""
    return len(a) == len(b) == 1 or all(any(step == MEMBER for step, _ in kids) for kids in (a, b))

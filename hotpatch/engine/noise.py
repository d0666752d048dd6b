"""What is never the same twice: measured between two starts of the same sources, and no part of an edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from . import order
from .graph import Graph
from .mapped import Mapped, Ranges
from .match import Match, is_sequence
from .shape import Step

Restless = frozenset[tuple[int, Step]]


@frozen
class Noise:
    """Places of a start, (node, step), that another start of the same sources has otherwise."""

    values: Restless = frozenset()
    """Something stands there each time, and never the same."""
    names: Restless = frozenset()
    """What stands there stands under another name each time, or not at all."""
    others: Mapping[tuple[int, Step], Any] = field(factory=dict)
    """What is plain in the other start, by the place."""

    @property
    def places(self) -> Restless:
        return self.values | self.names


def noise_between(graph: Graph, again: Graph, memory: Ranges) -> Noise:
    """Places of `graph`, whose start had this memory: an address is another each time, even where two starts
    agree by chance."""
    match = Match(again, graph)
    other_code = {p for p in match.different if graph.nodes[p[1]][0] == "function"} - match.moved
    unsteady = match.replaced | other_code
    others = {
        (pair[1], step): again.nodes[child[0]][1] if again.kind(child[0]) == "plain" else None
        for pair, edges in match.edges.items()
        for _, step, child in edges
        if child in unsteady
    }
    values = set(others)
    names = {(pair[1], order.STEP) for pair in match.reordered}
    for changes in (match.added, match.removed):
        names |= {(pair[1], step) for pair, steps in changes.items() for step, _ in steps}
    names |= {(i, order.ITEMS) for i, step in names if is_sequence(step)}
    mapped = Mapped(memory)
    places = {i for i, node in enumerate(graph.nodes) if node[0] == "plain" and mapped.is_in(node[1])}
    if places:
        held = {(i, step) for i, node in enumerate(graph.nodes) for step, child in node[2] if child in places}
        values |= held - names
    return Noise(frozenset(values), frozenset(names), others)

"""What is never the same twice: measured between two starts of the same sources, and no part of an edit."""

from __future__ import annotations

from . import order
from .graph import Graph
from .match import Match
from .shape import Step


def noise_between(graph: Graph, again: Graph) -> frozenset[tuple[int, Step]]:
    """Places of `graph` that are never the same twice: two starts of the same sources differ there."""
    match = Match(again, graph)
    other_code = {p for p in match.different if graph.nodes[p[1]][0] == "function"} - match.moved
    unsteady = match.replaced | other_code
    noisy = {
        (pair[1], step)
        for pair, edges in match.edges.items()
        for _, step, child in edges
        if child in unsteady
    }
    noisy |= {(pair[1], order.STEP) for pair in match.reordered}
    for changes in (match.added, match.removed):
        noisy |= {(pair[1], step) for pair, steps in changes.items() for step, _ in steps}
    return frozenset(noisy)

"""Methods that a class hands up to one of its bases, or takes over from it.

They are the same methods, and whoever holds one bound runs the new code.  One that uses `super()`, or another
variable of what is around it, is none of these: it belongs to its class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .gained import Named
from .graph import Graph


def handed(
    old: Graph, new: Graph, pair: tuple[int, int], removed: Iterable[Named], added: Iterable[Named]
) -> Iterator[tuple[int, int]]:
    """Of the methods that a class lost or gained, those that a base has now, or had: before and after."""
    o, n = pair
    for step, child in removed:
        after = _from_bases(new, n, step) if _from_bases(old, o, step) is None else None
        if after is not None and _is_free(old, child) and _is_free(new, after):
            yield child, after
    for step, child in added:
        before = _from_bases(old, o, step) if _from_bases(new, n, step) is None else None
        if before is not None and _is_free(old, before) and _is_free(new, child):
            yield before, child


def _is_free(graph: Graph, i: int) -> bool:
    kind, _, _, code = graph.nodes[i]
    return kind == "function" and not code.freevars


def _from_bases(graph: Graph, cls: int, step: object) -> int | None:
    """What the class would find under an attribute's name if it had none of its own."""
    for at, base in graph.nodes[cls][2]:
        if type(at) is tuple and at[0] == "base":
            found = graph.kids(base).get(step)
            found = _from_bases(graph, base, step) if found is None else found
            if found is not None:
                return found
    return None

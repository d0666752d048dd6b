"""Methods that a class hands up to one of its bases, or takes over from it.

They are the same methods, and whoever holds one bound runs the new code: of several classes that hand up the
same one, the base's takes the place of each.  One that uses `super()`, or another variable of what is around
it, is none of these: it belongs to its class.  Nor is one that several classes take over in different forms:
which of them a holder means is not the function's to say (`rebound`).
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
        if before is None or not _is_free(old, before) or not _is_free(new, child):
            continue
        if len({new.nodes[one][3].body for one in _takers(old, new, step, before)}) < 2:
            yield before, child


def _takers(old: Graph, new: Graph, step: object, before: int) -> Iterator[int]:
    """The methods of all classes that inherited this one and have their own now."""
    by_name = {node[1][:2]: i for i, node in enumerate(old.nodes) if node[0] == "class"}
    for i, (kind, head, _, _) in enumerate(new.nodes):
        own = new.kids(i).get(step) if kind == "class" else None
        cls = by_name.get(head[:2]) if own is not None else None
        if own is None or cls is None or new.kind(own) != "function" or step in old.kids(cls):
            continue
        if _from_bases(old, cls, step) == before:
            yield own


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

"""Keys that are objects, known again though what they go by has changed with the sources.

A key that is no plain value goes by its label, which tells the plain attributes that an object has: a table
by interface, say, where the interface's documentation changes.  The object itself has a name elsewhere, and
was met there: it is the same key.  So tables whose keys seem to come and go are compared after all else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .gained import Named, by_object
from .graph import Graph
from .shape import Step

WRAPPING: Final = frozenset({"weakref", "tuple"})
"""Kinds that are the same where what they hold is."""
OUTSIDE: Final = frozenset({"outside", "outside-module", "c-class"})
UNKNOWN: Final = frozenset({"code", "opaque", "object", "value"})


def in_doubt(a: Mapping[Step, int], b: Mapping[Step, int]) -> bool:
    """Do keys that are objects come and go, by their labels?"""
    if a.keys() == b.keys():
        return False
    return any(map(by_object, a.keys() - b.keys())) and any(map(by_object, b.keys() - a.keys()))


def pair_known(
    gone: Iterable[Named], come: Iterable[Named], old: Graph, new: Graph, partner: Mapping[int, int]
) -> list[tuple[Named, Named]]:
    """What went and what came under one key, out of what found no partner by its label."""
    keys = {
        identity: step[1:]
        for step, child in come
        if _is_key(step) and (identity := _identity(new, child, None)) is not None
    }
    heirs = {
        step[1:]: keys[identity]
        for step, child in gone
        if _is_key(step) and (identity := _identity(old, child, partner)) in keys
    }
    there = dict(come)
    pairs = []
    for step, child in gone:
        heir = (step[0], *heirs[step[1:]]) if by_object(step) and step[1:] in heirs else None
        if heir in there:
            pairs.append(((step, child), (heir, there[heir])))
    return pairs


def _is_key(step: Step) -> bool:
    return by_object(step) and step[0] != "key"


def _identity(graph: Graph, i: int, partner: Mapping[int, int] | None) -> Any:
    """Which thing of the new start a key is or stands for; None where that is not known."""
    kind, head, kids, _ = graph.nodes[i]
    if kind == "plain":
        return kind, type(head).__name__, head
    if kind in OUTSIDE:
        return kind, head
    if kind in WRAPPING:
        parts = tuple(_identity(graph, child, partner) for step, child in kids if step != "callback")
        return None if None in parts else (kind, head, parts)
    if kind in UNKNOWN:
        return None
    return i if partner is None else partner.get(i)

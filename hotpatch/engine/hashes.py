"""Numbers that come from the hash of a text, which an object may have noted when it was made.

A process without PYTHONHASHSEED hashes texts in a way of its own.  What a start noted so is found in no
dictionary of another: an object that comes with its hash in it would be in a set, and never be found there.
Which numbers these are is measured: they are in two starts that hash alike, and in none that does otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .graph import Graph
from .shape import Step

LEAST: Final = 1 << 32
"""A hash is hardly ever smaller, and other numbers are."""


def numbers(graph: Graph) -> Mapping[int, frozenset[int]]:
    """By node what it is, or has for keys: large numbers."""
    nodes = graph.nodes.items() if type(graph.nodes) is dict else enumerate(graph.nodes)
    return {i: found for i, node in nodes if (found := frozenset(_of(node)))}


def made_of_hashes(come: Graph, again: Graph, otherwise: Graph) -> Iterator[int]:
    """Nodes of what comes: `again` is of a start that hashes alike, `otherwise` of one that doesn't."""
    alike, other = (frozenset().union(*numbers(graph).values()) for graph in (again, otherwise))
    yield from (i for i, found in numbers(come).items() if (found & alike) - other)


def _of(node: Any) -> Iterator[int]:
    kind, head, kids, _ = node
    if kind == "plain" and _may_be(head):
        yield head
    yield from (key for step, _ in kids if _may_be(key := _key(step)))


def _key(step: Step) -> Any:
    """What a key, or a member of a set, is, if it is a number."""
    return step[2] if type(step) is tuple and len(step) > 2 and step[1] == "int" else None


def _may_be(value: Any) -> bool:
    return type(value) is int and abs(value) >= LEAST

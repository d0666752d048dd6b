"""Objects whose place another takes, and that a program knows by themselves: who came to hold the old one
while it ran, beside the places that were measured, would go on with it."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from .graph import Graph
from .match import Match, Pair

KNOWN: Final = frozenset({"instance", "value", "object", "partial", "contextvar"})
"""Kinds of what is asked for by `is`, or that does something."""
CALLED: Final = frozenset({"operator.attrgetter", "operator.itemgetter", "operator.methodcaller"})
"""Values of C that are handed on to be called."""
CHANGING: Final = frozenset({"list", "dict", "set", "deque", "ordereddict", "defaultdict"})
"""Those that are changed where they are, unless something of another kind takes their place."""


def is_handed_on(old: Graph, o: int) -> bool:
    """Is it a value, so that who holds it can be given the one that takes its place?"""
    kind, head = old.nodes[o][:2]
    if kind == "reduced":
        return head in CALLED
    return kind in ("value", "object") or (kind == "instance" and head[0] in ("tuple", "frozenset"))


def giving_way(match: Match, replaced: Set[Pair]) -> frozenset[Pair]:
    """Those of `replaced` whose old object nobody may hold any more, once the new one stands in its place."""
    standing = {child[0] for edges in match.edges.values() for _, _, child in edges if child not in replaced}
    origins = set(match.origin.values())

    def gives_way(pair: Pair) -> bool:
        kind = match.old.kind(pair[0])
        if kind == "value" and not _is_the_programs(match, pair[0]):
            return False  # a library's is data, and who took it has a copy as of a number
        if kind == "reduced":
            return match.old.nodes[pair[0]][1] in CALLED
        if match.origin.get(pair[1]) == pair[0]:
            return kind in KNOWN
        return kind in KNOWN | CHANGING and pair[0] not in origins

    return frozenset(pair for pair in replaced if pair[0] not in standing and gives_way(pair))


def _is_the_programs(match: Match, i: int) -> bool:
    cls = match.old.kids(i).get("class")
    return cls is not None and match.old.kind(cls) == "class"

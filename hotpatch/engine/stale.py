"""Memoised answers that a change makes stale: caches whose function leads, by the names it uses, to it.

By name, through every function that such a function calls: a name too many only costs a cold cache.  A
variable that is bound anew changes by its name; so does one whose list or table has other contents.  Of an
object that has another value in one of its attributes the attribute's name alone says too little (`name`,
`get`): a function reads it that names the attribute, and the object, or who hands the object out, or is a
method of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .graph import Graph
from .match import Match, Pair
from .reach import (
    OBJECTS,
    Reach,
    by_name,
    cached_function,
    classes,
    holders,
    led_to,
    ways_up,
)

if TYPE_CHECKING:
    from .difference import Difference

TABLES: Final = frozenset({"dict", "ordereddict", "defaultdict", "list", "deque", "set"})
Functions = list[tuple[str, frozenset[str]]]
"""Functions of the new start, and the names that each of them uses."""


def stale_caches(match: Match, different: set[Pair], replaced: set[Pair]) -> set[Pair]:
    caches = [
        pair for pair in match.pairs if match.old.kind(pair[0]) == "lru_cache" == match.new.kind(pair[1])
    ]
    if not caches:
        return set()
    functions = [(name, used) for _, name, used in match.new.functions()] + list(classes(match.new))
    attributes, readers = _of_objects(match, different, replaced, functions)
    changed = _changed_names(match, different, replaced) | readers
    uses = by_name(functions)
    changed = led_to(changed, uses)
    stale = set()
    for pair in caches:
        wrapped = match.new.kids(pair[1]).get("wrapped")
        node = None if wrapped is None else match.new.nodes[wrapped]
        if node is not None and node[0] == "function":
            name = node[3].qualname.rpartition(".")[2]
            if name in changed or uses.get(name, set()) & attributes:
                stale.add(pair)
    return stale


def _changed_names(match: Match, different: set[Pair], replaced: set[Pair]) -> set[str]:
    names: set[str] = set()
    tables = [pair for pair in different if match.old.kind(pair[0]) in TABLES]
    names |= holders(match, ways_up(match) if tables else {}, tables)
    names |= set(Reach(match, (different | replaced) - match.moved).made_otherwise())
    for pair in (different | replaced) - match.moved:
        node = match.old.nodes[pair[0]]
        if node[0] == "function":
            names.add(node[3].qualname.rpartition(".")[2])
        elif node[0] in ("module", "class"):
            names |= _exchanged(match, pair, replaced)
    return names


def _exchanged(match: Match, pair: Pair, replaced: set[Pair]) -> set[str]:
    """Names below this that are bound to something else, or that came or went."""
    names = {str(step[-1]) for step, _, child in match.edges.get(pair, ()) if child in replaced}
    for changes in (match.added, match.removed):
        names |= {str(step[-1]) for step, _ in changes.get(pair, ())}
    return names


def _of_objects(
    match: Match, different: set[Pair], replaced: set[Pair], functions: Functions
) -> tuple[set[str], set[str]]:
    """Attributes of objects that change where they are, and the functions that read them."""
    objects = [pair for pair in different - replaced if match.old.kind(pair[0]) in OBJECTS]
    ways = ways_up(match) if objects else {}
    attributes, readers = set[str](), set[str]()
    for pair in objects:
        changing = _exchanged(match, pair, replaced)
        known = holders(match, ways, [pair])
        known |= {name for name, used in functions if used & known}
        known_as = set(_methods(match.new, match.new.kids(pair[1])["class"]))
        readers |= {
            name for name, used in functions if used & changing and (used & known or name in known_as)
        }
        attributes |= changing
    return attributes, readers


def _methods(graph: Graph, cls: int) -> Iterator[str]:
    for step, child in graph.nodes[cls][2] if graph.kind(cls) == "class" else ():
        if step[0] == "attr":
            yield step[1]
        elif step[0] == "base":
            yield from _methods(graph, child)


def remade(difference: Difference, reach: Reach) -> frozenset[Pair]:
    """Of the stale caches, those whose function makes its answers otherwise: its code changes, or what it
    makes them of.  The others lead to the change by what is done with an answer."""

    def makes_otherwise(function: int | None) -> bool:
        if function is None or difference.new.kind(function) != "function":
            return True
        return reach.changes(function) or reach.by_function(function, None)

    return frozenset(
        pair
        for pair in difference.stale_caches
        if difference.new.kind(pair[1]) == "lru_cache"
        and makes_otherwise(difference.new.kids(pair[1]).get("wrapped"))
    )


def recalled(match: Match, difference: Difference, reach: Reach) -> tuple[tuple[int, str, bool], ...]:
    """Answers that objects of the start may keep since somebody asked for them, and that were made of what
    changes: (node of old, name, whether a start itself has asked).

    Of descriptors that hold a function which stays and comes to what changes.  By where its names lead, not
    by the names alone, for such an answer may be state.  One that a start itself has asked for is measured.
    Of objects made since the start the class is given: what they come to by way of it and of the module.
    """
    found, standing = list[tuple[int, str, bool]](), list[tuple[int, str, bool]]()
    changing = list[tuple[int, str, bool]]()
    """Answers of functions that change themselves, which a start has asked for."""
    asked = dict[int, list[tuple[str, int]]]()
    for pair in sorted(match.edges) if reach.changing else ():
        kind = match.old.kind(pair[0])
        if kind not in (*OBJECTS, "class") or kind != match.new.kind(pair[1]) or pair in difference.replaced:
            continue
        old, new = match.old.kids(pair[0]), match.new.kids(pair[1])
        cls = pair[1] if kind == "class" else new["class"]
        if cls not in asked:
            asked[cls] = list(_asked(match.new, cls))
        for name, function in asked[cls]:
            step = ("attr", name)
            by_start = kind != "class" and (step in old or step in new)
            if (match.origin.get(function, -1), function) in reach.changing:
                changing += [(pair[0], name, True)] if by_start else []
            elif by_start:
                standing.append((pair[0], name, True))
            elif reach.by_function(function, pair):
                found.append((pair[0], name, False))
    names = {name for _, name, _ in found}
    return (*found, *changing, *(one for one in standing if one[1] in names))


def _asked(graph: Graph, cls: int) -> Iterator[tuple[str, int]]:
    """Names of a class and of its bases under which an object stands that holds a function of that name."""
    for step, child in graph.nodes[cls][2] if graph.kind(cls) == "class" else ():
        if step[0] == "base":
            yield from _asked(graph, child)
        elif step[0] == "attr" and (function := cached_function(graph, child, step[1])) is not None:
            yield step[1], function

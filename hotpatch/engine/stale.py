"""Memoised answers that a change makes stale: caches whose function leads, by the names it uses, to it.

By name, through every function that such a function calls: a name too many only costs a cold cache.  A
variable that is bound anew changes by its name; so does one whose list or table has other contents.  Of an
object that has another value in one of its attributes the attribute's name alone says too little (`name`,
`get`): a function reads it that names the attribute, and the object, or who hands the object out, or is a
method of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from . import codes
from .graph import Graph
from .match import Match, Pair
from .shape import Step

if TYPE_CHECKING:
    from .difference import Difference

TABLES: Final = frozenset({"dict", "ordereddict", "defaultdict", "list", "deque", "set"})
OBJECTS: Final = frozenset({"instance", "value"})
Functions = list[tuple[str, set[str]]]
"""Functions of the new start, and the names that each of them uses."""
Ways = Mapping[Pair, list[tuple[Pair, Step]]]
"""From a thing up to what holds it, by which step."""


def stale_caches(match: Match, different: set[Pair], replaced: set[Pair]) -> set[Pair]:
    caches = [
        pair for pair in match.pairs if match.old.kind(pair[0]) == "lru_cache" == match.new.kind(pair[1])
    ]
    if not caches:
        return set()
    functions = [
        (code.co_name, codes.names_in(code))
        for node in match.new.nodes
        if node[0] == "function" and node[3].blob
        for code in (node[3].load(),)
    ]
    attributes, readers = _of_objects(match, different, replaced, functions)
    changed = _changed_names(match, different, replaced) | readers
    uses: dict[str, set[str]] = defaultdict(set)
    for name, used in functions:
        uses[name] |= used
    grown = True
    while grown:
        more = {name for name, used in uses.items() if name not in changed and used & changed}
        changed |= more
        grown = bool(more)
    stale = set()
    for pair in caches:
        wrapped = match.new.kids(pair[1]).get("wrapped")
        node = None if wrapped is None else match.new.nodes[wrapped]
        if node is not None and node[0] == "function":
            name = node[3].qualname.rpartition(".")[2]
            if name in changed or uses[name] & attributes:
                stale.add(pair)
    return stale


def _changed_names(match: Match, different: set[Pair], replaced: set[Pair]) -> set[str]:
    names: set[str] = set()
    tables = [pair for pair in different if match.old.kind(pair[0]) in TABLES]
    names |= _holders(match, _ways(match) if tables else {}, tables)
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
    ways = _ways(match) if objects else {}
    attributes, readers = set[str](), set[str]()
    for pair in objects:
        changing = _exchanged(match, pair, replaced)
        known = _holders(match, ways, [pair])
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


def _ways(match: Match) -> Ways:
    ways: dict[Pair, list[tuple[Pair, Step]]] = defaultdict(list)
    for pair, edges in match.edges.items():
        for _, step, child in edges:
            ways[child].append((pair, step))
    return ways


def _holders(match: Match, ways: Ways, pairs: Iterable[Pair]) -> set[str]:
    """The variables, class attributes and functions that hold these things, or what they stand in."""
    names, todo, seen = set[str](), list(pairs), set[Pair]()
    while todo:
        for pair, step in ways.get(todo.pop(), ()):
            kind = match.old.kind(pair[0])
            if kind in ("module", "class"):
                names.add(str(step[-1]))
            elif kind == "function":
                names.add(match.new.nodes[pair[1]][3].qualname.rpartition(".")[2])
            elif pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return names


def readers(match: Match, difference: Difference) -> frozenset[tuple[str, str]]:
    """(module, qualified name) of functions that stay and read, by a name of their own, what changes: a
    variable of their module, or an attribute of an object that they are a method of.

    By where the name leads, not by the name alone: for answers that are no cache's and may be state.  One
    that the start itself has asked for is measured, and left out.
    """
    changing = (set(difference.visits) | difference.replaced) - difference.moved
    own = _own_attributes(match, changing, set(difference.replaced))
    found = {
        (home, qualname)
        for kind, head, _, code in match.new.nodes
        if kind == "function" and code.blob
        for home, name, qualname in (head,)
        if home in match.new.roots and home in match.old.roots
        for used in (codes.names_in(code.load()),)
        if used & own.get((home, qualname), set()) or _read_in(match, home, used - {name}, changing)
    }
    return frozenset(found - _answered(match.new)) if found else frozenset()


def _answered(start: Graph) -> set[tuple[str, str]]:
    """Methods under whose names objects of their classes have something of their own."""
    names: dict[int, set[str]] = defaultdict(set)
    for kind, _, kids, _ in start.nodes:
        if kind in OBJECTS:
            names[kids[0][1]] |= {step[1] for step, _ in kids if type(step) is tuple and step[0] == "attr"}
    return {
        (home, qualname)
        for cls, own in names.items()
        for home, qualname in _functions_of(start, cls)
        if qualname.rpartition(".")[2] in own
    }


def _read_in(match: Match, home: str, used: set[str], changing: set[Pair]) -> bool:
    old, new = (graph.kids(graph.roots[home]) for graph in (match.old, match.new))
    steps = [("name", name) for name in used]
    return any(step in old and step in new and (old[step], new[step]) in changing for step in steps)


def _own_attributes(
    match: Match, changing: set[Pair], replaced: set[Pair]
) -> dict[tuple[str, str], set[str]]:
    """By function: the attributes that change of objects whose method it is."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for pair in changing - replaced:
        if match.old.kind(pair[0]) in OBJECTS:
            names = _exchanged(match, pair, replaced)
            for method in _functions_of(match.new, match.new.kids(pair[1])["class"]):
                found[method] |= names
    return found


def _functions_of(graph: Graph, cls: int) -> Iterator[tuple[str, str]]:
    """Those of its attributes that are functions or hold one, and its bases' ones."""
    for step, child in graph.nodes[cls][2] if graph.kind(cls) == "class" else ():
        if step[0] == "base":
            yield from _functions_of(graph, child)
        elif step[0] == "attr":
            for node in (child, *(held for _, held in graph.nodes[child][2])):
                if graph.kind(node) == "function":
                    home, _, qualname = graph.nodes[node][1]
                    yield home, qualname

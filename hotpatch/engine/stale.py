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


def recalled(match: Match, difference: Difference) -> tuple[tuple[int, str], ...]:
    """Answers that objects of the start may keep since somebody asked for them, and that were made of what
    changes: (node of old, name).

    Of descriptors that hold a function which stays and reads, by a name of its own, a variable of its module
    or an attribute of the object.  By where the name leads, not by the name alone, for such an answer may be
    state.  One that a start itself has asked for is measured; objects made since the start are let be.
    """
    changing = (set(difference.visits) | difference.replaced) - difference.moved
    found, reading = list[tuple[int, str]](), dict[int, bool]()
    for pair in sorted(match.edges):
        if match.old.kind(pair[0]) not in OBJECTS or pair in difference.replaced:
            continue
        own = _exchanged(match, pair, set(difference.replaced)) if pair in changing else set()
        old, new = match.old.kids(pair[0]), match.new.kids(pair[1])
        for name, function in _asked(match.new, new["class"]):
            if function not in reading:
                reading[function] = _reads(match, function, changing)
            step = ("attr", name)
            stays = match.origin.get(function, -1), function
            if (
                (reading[function] or own & _names(match.new, function))
                and stays not in changing
                and step not in old
                and step not in new
            ):
                found.append((pair[0], name))
    return tuple(found)


def _names(graph: Graph, function: int) -> set[str]:
    code = graph.nodes[function][3]
    return codes.names_in(code.load()) if code.blob else set()


def _reads(match: Match, function: int, changing: set[Pair]) -> bool:
    home = match.new.nodes[function][1][0]
    known = home in match.new.roots and home in match.old.roots
    return known and _read_in(match, home, _names(match.new, function), changing)


def _read_in(match: Match, home: str, used: set[str], changing: set[Pair]) -> bool:
    old, new = (graph.kids(graph.roots[home]) for graph in (match.old, match.new))
    steps = [("name", name) for name in used]
    return any(step in old and step in new and (old[step], new[step]) in changing for step in steps)


def _asked(graph: Graph, cls: int) -> Iterator[tuple[str, int]]:
    """Names of a class and of its bases under which an object stands that holds a function of that name."""
    for step, child in graph.nodes[cls][2] if graph.kind(cls) == "class" else ():
        if step[0] == "base":
            yield from _asked(graph, child)
        elif step[0] == "attr" and graph.kind(child) in OBJECTS:
            for _, held in graph.nodes[child][2]:
                if graph.kind(held) == "function" and graph.nodes[held][1][1] == step[1]:
                    yield step[1], held

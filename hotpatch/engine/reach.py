"""What a function comes to by its names: `self.rates.low`, `limits.HIGH`, `self.total()` and on from there.

Followed in the graph of a start, where it can be said what stands under a name, from the object that the
function is a method of and from its module's variables.  Arguments and local variables are not followed, and
of attributes that are called on such nothing is said: for what was kept since may be state, and must not be
given up because something else is called the same.
"""

from __future__ import annotations

import dis
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cached_property
from types import CodeType
from typing import Any, Final

from attrs import frozen

from . import codes, instructions
from .graph import Graph
from .labels import is_given
from .match import Match, Pair
from .shape import Step

OBJECTS: Final = frozenset({"instance", "value"})
_CONTAINERS: Final = frozenset(
    {"dict", "ordereddict", "defaultdict", "list", "deque", "set", "tuple", "frozenset", "mappingproxy"}
)
MADE_BY: Final = ("__new__", "__init__", "__post_init__", "__attrs_post_init__", "model_post_init")
FIELDS: Final = ("__dataclass_fields__", "__pydantic_fields__")
"""Where a class keeps what its objects are made of, if no function of it says so."""
_READS: Final = ("LOAD_ATTR", "LOAD_METHOD")


Ways = Mapping[Pair, list[tuple[Pair, Step]]]
"""From a thing up to what holds it, by which step."""


@frozen
class Chain:
    """`names` of the first argument (`own`), or of the module."""

    own: bool
    names: tuple[str, ...]


def chains(code: CodeType, steps: Iterable[dis.Instruction] | None = None) -> frozenset[Chain]:
    """Those that the code reads, or only these instructions of it; and the code inside."""
    me = code.co_varnames[0] if code.co_argcount else None
    listed = list(instructions.of(code) if steps is None else steps)
    found = set(_read(listed, me))
    for step in listed:
        if type(step.argval) is CodeType:
            for part in codes.walk(step.argval):
                found |= set(_read(instructions.of(part), me))
    return frozenset(found)


def _read(steps: Iterable[dis.Instruction], me: str | None) -> Iterator[Chain]:
    own, names, open_ = False, tuple[str, ...](), False
    for step in steps:
        if step.opname in _READS and open_:
            names = (*names, step.argval)
            continue
        if names:
            yield Chain(own, names)
        own, names, open_ = False, tuple[str, ...](), False
        if step.opname == "LOAD_GLOBAL":
            names, open_ = (step.argval,), True
        elif step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")):
            own = open_ = step.argval == me and me is not None
    if names:
        yield Chain(own, names)


def methods(graph: Graph, cls: int) -> Iterator[tuple[str, int]]:
    """Name and function of each; of a property, what it asks.  Those that come last are those that count."""
    kids = graph.nodes[cls][2] if graph.kind(cls) == "class" else ()
    for step, child in kids:
        if step[0] == "base":
            yield from methods(graph, child)
    for step, child in kids:
        if step[0] == "attr" and (function := _function(graph, child, step[1])) is not None:
            yield step[1], function


def _member(graph: Graph, cls: int | None, name: str) -> int | None:
    """What stands under a name in a class or, in their order, in its bases."""
    if cls is None or graph.kind(cls) != "class":
        return None
    own: int | None = graph.kids(cls).get(("attr", name))
    if own is not None:
        return own
    bases = (child for step, child in graph.nodes[cls][2] if step[0] == "base")
    return next((found for base in bases if (found := _member(graph, base, name)) is not None), None)


def _named(graph: Graph, i: int, name: str) -> int | None:
    kids: Mapping[Any, int] = graph.kids(i)
    if graph.kind(i) == "module":
        return kids.get(("name", name))
    if graph.kind(i) == "class":
        return _member(graph, i, name)
    own = kids.get(("attr", name))
    return own if own is not None else _member(graph, kids.get("class"), name)


def _function(graph: Graph, i: int, name: str) -> int | None:
    """What is called when this stands under the name in a class."""
    kind = graph.kind(i)
    if kind == "function":
        return i
    if kind in ("property", "staticmethod", "classmethod"):
        inner: int | None = graph.kids(i).get("fget" if kind == "property" else "func")
        return inner if inner is not None and graph.kind(inner) == "function" else None
    return cached_function(graph, i, name)


def cached_function(graph: Graph, i: int, name: str) -> int | None:
    """Of an object that holds a function of the name under which it stands: a cached property, of whatever
    make."""
    if graph.kind(i) not in OBJECTS:
        return None
    held: Iterable[int] = (child for _, child in graph.nodes[i][2])
    return next((j for j in held if graph.kind(j) == "function" and graph.nodes[j][1][1] == name), None)


def makers(graph: Graph, cls: int) -> Iterator[int]:
    """The functions that run when an object of the class is made: its own, a base's, those that its fields'
    defaults come from."""
    for name in MADE_BY:
        made = _member(graph, cls, name)
        if made is not None and graph.kind(made) == "function":
            yield made
    for table in tables_of_fields(graph, cls):
        yield from (i for i in _below_fields(graph, table) if graph.kind(i) == "function")


def tables_of_fields(graph: Graph, cls: int) -> Iterator[int]:
    found = (_member(graph, cls, name) for name in FIELDS)
    return (table for table in found if table is not None)


def _below_fields(graph: Graph, table: int) -> Iterator[int]:
    todo, seen = [table], {table}
    while todo:
        for step, child in graph.nodes[todo.pop()][2]:
            if child not in seen and step != "class":
                seen.add(child)
                yield child
                if graph.kind(child) in _CONTAINERS | OBJECTS:
                    todo.append(child)


def classes(graph: Graph) -> Iterator[tuple[str, frozenset[str]]]:
    """Classes by name, as the functions that they are called as: with the names that their makers use."""
    for i, node in enumerate(graph.nodes):
        if node[0] == "class":
            used = (graph.uses(maker)[1] for maker in makers(graph, i))
            yield _last(node), frozenset[str]().union(*used)


def _last(node: Any) -> str:
    name: str = node[1][1]
    return name.rpartition(".")[2]


def ways_up(match: Match) -> Ways:
    ways: dict[Pair, list[tuple[Pair, Step]]] = defaultdict(list)
    for pair, edges in match.edges.items():
        for _, step, child in edges:
            ways[child].append((pair, step))
    return ways


def holders(match: Match, ways: Ways, pairs: Iterable[Pair]) -> set[str]:
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


def by_name(functions: Iterable[tuple[str, frozenset[str]]]) -> dict[str, set[str]]:
    """What functions of one name use, together."""
    uses: dict[str, set[str]] = defaultdict(set)
    for name, used in functions:
        uses[name] |= used
    return dict(uses)


def led_to(names: set[str], uses: Mapping[str, set[str]]) -> set[str]:
    """These, and the names of functions that use one of them, directly or through others."""
    names = set(names)
    grown = True
    while grown:
        more = {name for name, used in uses.items() if name not in names and used & names}
        names |= more
        grown = bool(more)
    return names


class Reach:
    """Which functions of the new start come to something that changes."""

    def __init__(self, match: Match, changing: Set[Pair]) -> None:
        self._match, self.changing = match, changing
        self._known: dict[tuple[int, Pair | None], bool] = {}
        self._chains: dict[int, frozenset[Chain]] = {}

    def may_concern(self, function: int) -> bool:
        """By the names in it alone: few come to what changes, and to read instructions takes long."""
        return not self._names.isdisjoint(self._match.new.uses(function)[1])

    @cached_property
    def _names(self) -> set[str]:
        """Under which something stands that changes, and those of functions that name one of these."""
        ways = ways_up(self._match)
        names = {
            str(step[-1]) for pair in self.changing for _, step in ways.get(pair, ()) if type(step) is tuple
        }
        names |= holders(self._match, ways, self.changing)
        names |= set(self.made_otherwise())
        functions = [(name, used) for _, name, used in self._match.new.functions()]
        return led_to(names, by_name([*functions, *classes(self._match.new)]))

    def made_otherwise(self) -> Iterator[str]:
        """Names of the classes whose objects are made otherwise."""
        for i, node in enumerate(self._match.new.nodes):
            if node[0] == "class" and (
                any(map(self.changes, makers(self._match.new, i))) or self.fields_change(i)
            ):
                yield _last(node)

    def by_function(self, function: int, own: Pair | None) -> bool:
        """Does what it reads change, asked for this object (or class)?  Not whether its own code does."""
        key = function, own
        if key not in self._known:
            self._known[key] = False  # for one that calls itself
            home = self._match.new.nodes[function][1][0]
            self._known[key] = any(self.by_chain(chain, home, own) for chain in self._of(function))
        return self._known[key]

    def by_chain(self, chain: Chain, home: str, own: Pair | None) -> bool:
        """The same for one chain, in a function of the module `home`."""
        at = own if chain.own else self._module(home)
        for i, name in enumerate(chain.names):
            if at is None:
                return False
            old, new = self._below(at, name)
            if new is not None and (function := _function(self._match.new, new, name)) is not None:
                return self._called(function, at)
            if old is None or new is None:
                return (old is None) != (new is None)
            if (old, new) in self.changing and (i == len(chain.names) - 1 or not self._is_place(new)):
                return True
            at = old, new
        return at is not None and self._at_end(at)

    def _of(self, function: int) -> frozenset[Chain]:
        if function not in self._chains:
            code = self._match.new.nodes[function][3]
            known = self.may_concern(function)
            self._chains[function] = chains(code.load()) if known else frozenset()
        return self._chains[function]

    def _module(self, home: str) -> Pair | None:
        old, new = self._match.old.roots, self._match.new.roots
        return (old[home], new[home]) if home in old and home in new else None

    def _below(self, at: Pair, name: str) -> tuple[int | None, int | None]:
        """What stands under a name of a module, of an object or its class, of a class."""
        found = (
            _named(graph, i, name) for graph, i in zip((self._match.old, self._match.new), at, strict=True)
        )
        return next(found), next(found)

    def _is_place(self, new: int) -> bool:
        """Something of which it matters what is read of it."""
        return self._match.new.kind(new) in (*OBJECTS, "module", "class")

    def changes(self, function: int) -> bool:
        """Its code, or what it takes where it is given nothing, or what it closes over."""
        pair = self._match.origin.get(function, -1), function
        parts = (child for step, _, child in self._match.edges.get(pair, ()) if is_given(step))
        return pair in self.changing or any(
            part in self.changing or self.changes_inside(part) for part in parts
        )

    def _called(self, function: int, own: Pair | None) -> bool:
        return self.changes(function) or self.by_function(function, own)

    def _at_end(self, pair: Pair) -> bool:
        kind = self._match.new.kind(pair[1])
        if kind == "function":
            return self._called(pair[1], None)
        if kind == "class":
            made = makers(self._match.new, pair[1])
            return any(self._called(i, pair) for i in made) or self.fields_change(pair[1])
        return kind in _CONTAINERS and self.changes_inside(pair)

    def fields_change(self, cls: int) -> bool:
        """Those of a class of the new start, as far as no function of it tells of them."""
        return any(
            self.changes_inside((self._match.origin.get(table, -1), table), _CONTAINERS | OBJECTS)
            for table in tables_of_fields(self._match.new, cls)
        )

    def changes_inside(self, pair: Pair, into: Set[str] = _CONTAINERS) -> bool:
        """Does something change that is in this, or in things of the kinds `into` that are in it?"""
        seen, todo = {pair}, [pair]
        while todo:
            for _, _, child in self._match.edges.get(todo.pop(), ()):
                if child in self.changing:
                    return True
                if child not in seen and self._match.new.kind(child[1]) in into:
                    seen.add(child)
                    todo.append(child)
        return False

"""The graph of a whole program, as one process holds it: a node an object, found from the modules down.

`nodes[i]` is `(kind, head, [(step, j)], code)`, as `shape.Shapes.expand` tells it, with indices for children.
Plain values are nodes too, one for each value.  `parents[i]` is by whom a node was first found and by
which step: the shortest way, which is how the same thing is found in another process.  Breadth first,
modules in one order, so that two starts of the same program number alike.
"""

from __future__ import annotations

import gc
import marshal
import types
import weakref
from collections.abc import Collection, Iterator
from types import CodeType
from typing import Any, Final, NamedTuple

from . import addresses, codes, outside, typing_forms
from .frozen import all_objects
from .reading import PLAIN, is_python_class
from .shape import Shapes, Step
from .world import World, find

APP: Final = "<app>"
HIDDEN: Final = "<hidden> "


class Code(NamedTuple):
    """A code object of a clean process: known by its digests, unmarshalled only where it is needed."""

    qualname: str
    freevars: tuple[str, ...]
    exact: bytes
    body: bytes
    shift: bytes
    first_line: int
    makes_functions: bool
    blob: bytes

    def load(self) -> CodeType:
        found = marshal.loads(self.blob)
        assert type(found) is CodeType
        return found


def code_of(code: CodeType, with_blob: bool) -> Code:
    key = codes.key_of(code)
    return Code(
        *key,
        code.co_firstlineno,
        codes.makes_functions(code),
        marshal.dumps(code) if with_blob else b"",
    )


Node = tuple[str, Any, list[tuple[Step, int]], Code | None]


class Graph:
    """A value; safe to share between threads once made.  May be *pruned*: then `nodes` lacks what nobody
    asks for."""

    def __init__(
        self,
        nodes: dict[int, Node] | list[Node],
        parents: dict[int, tuple[int, Step]] | list[tuple[int, Step]],
        roots: dict[str, int],
        leaves: Collection[int] = (),
    ) -> None:
        self.nodes: Any = nodes
        self.parents: Any = parents
        self.roots = roots
        self.leaves = frozenset(leaves)
        """Nodes of a pruned graph that are kept without their children, to be found and named, never
        built."""
        self.objects: list[Any] | None = None
        """Of a graph of this process: the objects themselves, by node."""
        self._kids: dict[int, dict[Step, int]] = {}
        self._used: dict[int, tuple[str, frozenset[str]]] = {}

    def __contains__(self, i: int) -> bool:
        """Is the node here with its children?"""
        return (
            (i in self.nodes and i not in self.leaves)
            if type(self.nodes) is dict
            else 0 <= i < len(self.nodes)
        )

    def kids(self, i: int) -> dict[Step, int]:
        found = self._kids.get(i)
        if found is None:
            found = self._kids[i] = dict(self.nodes[i][2])
        return found

    def uses(self, i: int) -> tuple[str, frozenset[str]]:
        """What a node's code is called, and the names in it: to load it takes long.  Nothing of one without
        code."""
        found = self._used.get(i)
        if found is None:
            code = self.nodes[i][3]
            loaded = code.load() if code is not None and code.blob else None
            found = (
                ("", frozenset()) if loaded is None else (loaded.co_name, frozenset(codes.names_in(loaded)))
            )
            self._used[i] = found
        return found

    def functions(self) -> Iterator[tuple[int, str, frozenset[str]]]:
        """Node, name and names used of every function whose code is here; of a whole graph."""
        for i, node in enumerate(self.nodes):
            if node[0] == "function" and node[3].blob:
                yield i, *self.uses(i)

    def kind(self, i: int) -> str:
        kind: str = self.nodes[i][0]
        return kind

    def without(self, names: Collection[str]) -> Graph:
        """The graph with nothing of these names on its classes."""
        if not names:
            return self
        left_out = {("attr", name) for name in names}
        nodes = self.nodes.copy()
        for i in self.nodes if type(nodes) is dict else range(len(nodes)):
            kind, head, kids, code = nodes[i]
            if kind == "class":
                nodes[i] = kind, head, [kid for kid in kids if kid[0] not in left_out], code
        found = Graph(nodes, self.parents, self.roots, self.leaves)
        found.objects = self.objects
        return found

    def path(self, i: int) -> str:
        """For people: where the node was first found."""
        return spoken(self.way(i))

    def way(self, i: int) -> list[Step]:
        """The root's name, then the steps down from it."""
        steps: list[Step] = []
        while i >= 0:
            if type(self.parents) is dict and i not in self.parents:
                return ["...", *reversed(steps)]
            i, step = self.parents[i]
            steps.append(step)
        steps.reverse()
        return steps

    def module(self, i: int) -> str:
        root = self.way(i)[0]
        return str(root)

    def encode(self, blobs: bool = True) -> tuple[Any, ...]:
        """As plain data.  Without `blobs` code objects are told by their digests alone."""
        numbers = list(self.nodes) if type(self.nodes) is dict else None
        nodes = self.nodes.values() if numbers is not None else self.nodes
        rows = [
            (kind, head, kids, None if code is None else tuple(code if blobs else code._replace(blob=b"")))
            for kind, head, kids, code in nodes
        ]
        return numbers, rows, self.parents, self.roots, list(self.leaves)

    @staticmethod
    def decode(data: tuple[Any, ...]) -> Graph:
        numbers, rows, parents, roots, leaves = data
        nodes: list[Node] = [
            row if row[3] is None else (row[0], row[1], row[2], Code(*row[3])) for row in rows
        ]
        return Graph(
            nodes if numbers is None else dict(zip(numbers, nodes, strict=True)), parents, roots, leaves
        )


def spoken(way: list[Step]) -> str:
    """`shop.Basket.total` rather than `('name', 'Basket')`."""
    words = [str(way[0])]
    for step in way[1:]:
        if type(step) is tuple:
            words.append(str(step[-1]))
        elif type(step) is int:
            words.append(f"[{step}]")
        elif step not in ("func", "wrapped", "contents"):
            words.append(str(step))
    return ".".join(words)


def place(graph: Graph, i: int) -> tuple[str, str]:
    """(module, dotted name inside it) of a node."""
    way = graph.way(i)
    root = str(way[0])
    if root.startswith("<"):
        return "", spoken(way)
    return root, spoken(["", *way[1:]]).lstrip(".")


def below(name: str, step: Step) -> str:
    """The dotted name of what stands there in something of this name."""
    return spoken([name, step]).lstrip(".")


class Describer:
    """Makes a process's graph.  Reads only; the program must not run meanwhile (a clean process, a forked
    child)."""

    def __init__(self, world: World, with_blobs: bool, unseen: Collection[int] = ()) -> None:
        """`unseen` are ids of functions that are no part of the program, if only C code holds them."""
        self.world = world
        self.shapes = Shapes(world)
        self.with_blobs = with_blobs
        self._unseen = unseen
        self.nodes: list[Any] = []
        self.parents: list[tuple[int, Step]] = []
        self.objects: list[Any] = []
        self._memo: dict[int, int] = {}
        self._plain: dict[Any, int] = {}
        self._at = 0

    def run(
        self, extra: dict[str, Any], opened: Collection[str] | None = None, touched: Collection[str] = ()
    ) -> Graph:
        """`extra` are further roots: the application object, for one.  `opened` names containers of
        outside modules that are described as well; None: those that hold something of the program,
        and those of `touched` that are containers here."""
        if opened is None:
            opened = [*self._holding(), *(name for name in touched if type(find(name)) in (list, dict, set))]
        opened_objects = self.world.open(opened)
        roots = {name: self._ref(module, -1, name) for name, module in self.world.local.items()}
        for name, obj in extra.items():
            roots[name] = self._ref(obj, -1, name)
        self._drain()
        for name, obj in opened_objects.items():
            roots[name] = self._ref(obj, -1, name)
        self._drain()
        roots.update(self._hidden())
        self._drain()
        addresses.tell(self.nodes, self.parents, self._memo)
        return Graph(self.nodes, self.parents, roots)

    def _holding(self) -> list[str]:
        ours = {
            id(value)
            for module in self.world.local.values()
            for value in self.world.view.names(module).values()
            if ((kind := type(value)) is list or kind is dict or kind is set or is_python_class(kind))
            and self.world.name_outside(value) is None
        }
        return outside.holding(self.world, ours)

    def _hidden(self) -> dict[str, int]:
        """Functions of the program that only C code or a thread holds: callbacks of atexit, for example.
        What only waits for the collector (an error once caught holds the frames that it passed) is none."""
        homes = {i: name for i, name in self.world.home_of.items() if name in self.world.local}
        evaluators = self._evaluators()
        candidates = [
            weakref.ref(f)
            for f in all_objects()
            if type(f) is types.FunctionType
            and id(f.__globals__) in homes
            and id(f) not in self._memo
            and id(f) not in evaluators
            and id(f) not in self._unseen
            and not self.world.view.is_machinery(f)
        ]
        if candidates:
            gc.collect()
        count: dict[str, int] = {}
        found: dict[str, int] = {}
        for f in (ref() for ref in candidates):
            if f is not None:
                name = f"{HIDDEN}{homes[id(f.__globals__)]}:{f.__qualname__}"
                count[name] = number = count.get(name, -1) + 1
                found[f"{name} {number}"] = self._ref(f, -1, f"{name} {number}")
        return found

    def _evaluators(self) -> set[int]:
        """ids of functions that type parameters and aliases have asked for what they say (3.12): it has been
        told, and nobody calls them again."""
        pairs = zip(self.objects, self.nodes, strict=True)
        return {
            id(part) for obj, node in pairs if node[0] in typing_forms.ASKED for part in gc.get_referents(obj)
        }

    def _ref(self, obj: Any, parent: int, step: Step) -> int:
        kind = type(obj)
        if kind in PLAIN:
            key = (kind, repr(obj) if kind in (float, complex) else obj)
            index = self._plain.get(key)
            if index is None:
                index = self._plain[key] = self._add(parent, step, None)
                self.nodes[index] = ("plain", self.world.tidy(obj) if kind is str else obj, [], None)
            return index
        index = self._memo.get(id(obj))
        if index is None:
            index = self._memo[id(obj)] = self._add(parent, step, obj)
        return index

    def _add(self, parent: int, step: Step, obj: Any) -> int:
        self.nodes.append(None)
        self.parents.append((parent, step))
        self.objects.append(obj)
        return len(self.nodes) - 1

    def _drain(self) -> None:
        while self._at < len(self.nodes):
            index = self._at
            self._at += 1
            if self.nodes[index] is not None:
                continue
            kind, head, kids, code = self.shapes.expand(self.objects[index])
            self.nodes[index] = (
                kind,
                head,
                [(step, self._ref(child, index, step)) for step, child in kids],
                None if code is None else code_of(code, self.with_blobs),
            )

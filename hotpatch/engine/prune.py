"""The difference, cut down to what staging asks for: of the size of the change, not of the program.

What staging needs of the old graph is the ways to the objects that change or are held by new ones, and what
those objects were; of the new graph, all of which a new object consists.  A node that is only found, never
built nor compared inside, is kept without its children.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from . import codes, moved_state, twins
from .c_shapes import MADE_TO_SAY, is_made
from .difference import Difference
from .gained import may_gain, unmistakable
from .graph import Code, Graph, Node
from .labels import contents, label
from .match import FIXED, NAMELESS, Pair, is_sequence
from .merge_objects import FIELDS
from .pairing import SHARED
from .shape import Step


def prune(difference: Difference) -> Difference:
    return _Pruner(difference).run()


class _Pruner:
    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        self.old, self.new = difference.old, difference.new
        self.kept_old: dict[int, Node] = {}
        self.kept_new: dict[int, Node] = {}
        self.origin: dict[int, int] = {}
        self._stays_as = {o: n for n, o in difference.origin.items()}
        self._built: set[int] = set()
        self._compared: set[int] = set()
        self._found: set[int] = set()
        self._unmistakable: set[int] = set()
        self._keys: dict[int, list[Step]] = {}
        """Of a container, the steps to keys that may come to be called otherwise."""
        self._whole: tuple[set[int], set[int]] = set(), set()
        """Nodes of old and new that are kept with their children."""

    def run(self) -> Difference:
        difference = self.difference
        for name, n in self.new.roots.items():
            if name not in self.old.roots and not name.startswith("<"):
                self._build(n)
        for pair in difference.visits:
            self._visit(pair)
        for name, variables in moved_state.variables(difference).items():
            o = self.old.roots[name]
            self._keep_old(o, self._narrow(_without_blob(self.old.nodes[o]), set(variables)))
            for child in variables.values():
                self._compare(child)
        for pair in difference.stale_caches | difference.stale_dispatch:
            self._find(pair[0])
        for o, _, _ in difference.recalled:
            self._find(o)
        for o, *_ in difference.filled:
            self._find(o)
        pairs = set(difference.visits)
        edges = {pair: self._edges(pair) for pair in pairs if pair in difference.edges}
        return evolve(
            difference,
            old=self._graph(self.old, self.kept_old, self._whole[0]),
            new=self._graph(self.new, self.kept_new, self._whole[1]),
            origin=self.origin,
            edges=edges,
            added={pair: difference.added[pair] for pair in pairs if pair in difference.added},
            removed={pair: difference.removed[pair] for pair in pairs if pair in difference.removed},
            replaced=self._known(difference.replaced),
            rebuilt=self._known(difference.rebuilt),
            rigid=self._known(difference.rigid),
            renamed=self._known(difference.renamed),
            moved=self._known(difference.moved),
            reordered=self._known(difference.reordered),
            heirs=self._known(difference.heirs),
            living=self._known(difference.living),
            giving_way=self._known(difference.giving_way),
            unmistakable=frozenset(self._unmistakable),
        )

    def _known(self, pairs: frozenset[Pair]) -> frozenset[Pair]:
        return frozenset(pair for pair in pairs if pair[0] in self.kept_old or pair[1] in self.kept_new)

    def _edges(self, pair: Pair) -> list[tuple[Step, Step, Pair]]:
        replaced = self.difference.replaced
        return [edge for edge in self.difference.edges[pair] if edge[2] in replaced or is_sequence(edge[0])]

    # -- what is asked for ------------------------------------------------------------------

    def _visit(self, pair: Pair) -> None:
        o, n = pair
        self._find(o)
        edges = self._edges(pair)
        steps = {edge[0] for edge in edges} | {edge[1] for edge in edges}
        for changes in (self.difference.added, self.difference.removed):
            steps |= {step for step, _ in changes.get(pair, ())}
        in_order = self.old.parents[o][1] == FIELDS or pair in self.difference.reordered
        in_order = in_order or any(type(step) is tuple and step[0] == "keyobj" for step, _, _ in edges)
        before = _without_blob(self.old.nodes[o])
        self._keep_old(o, before if in_order else self._narrow(before, steps))
        after = self._with_code(pair)
        self._keep(n, after if in_order else self._narrow(after, steps))
        self._note_origin(n)
        for graph, build, i in ((self.old, self._compare, o), (self.new, self._build, n)):
            for step, child in graph.nodes[i][2]:
                if step in steps or is_sequence(step) or _part_of_class(step) or _key_of(step, steps):
                    build(child)
        if pair in self.difference.replaced:  # a function that forwards to a new one
            self._build(n)
        for step, child in self.old.nodes[o][2]:
            if is_sequence(step):
                self._label(child)

    def _build(self, n: int) -> None:
        """All that `Builder.make` asks of a node."""
        todo = [n]
        while todo:
            n = todo.pop()
            if n in self._built:
                continue
            self._built.add(n)
            self._note_origin(n)
            node = self.new.nodes[n]
            o = self.difference.origin.get(n)
            if o is not None and (o, n) not in self.difference.replaced:
                self._find(o)
                if node[0] not in FIXED and node[0] not in NAMELESS:
                    self.kept_new.setdefault(n, (node[0], node[1], [], _bare(node[3])))
                    continue
            if o is not None:
                self._compare(o)
            self._keep(n, node)
            todo += [child for _, child in node[2]]
            if node[0] == "function" and node[1][0] in self.new.roots:
                home = self.new.roots[node[1][0]]
                if node[1][0] not in self.old.roots:
                    todo.append(home)

    def _compare(self, o: int) -> None:
        """All that `Alike.as_before` asks of a node: what is replaced, what is fixed, and what has no
        counterpart is looked into."""
        todo = [(o, True, False)]
        while todo:
            o, inside, made = todo.pop()
            self._find(o)
            node = self.old.nodes[o]
            gone = node[0] in SHARED and o not in self._stays_as
            if node[0] in SHARED and not gone:
                self.origin[self._stays_as[o]] = o  # `Alike` asks whether it goes
            if not (inside or gone or node[0] in FIXED) or o in self._compared:
                continue
            self._compared.add(o)
            self._keep_old(o, _without_blob(node))
            for step, child in node[2]:
                part = self.old.kind(child)
                anew = is_made(node[0], step, part, made)
                todo.append((child, anew or (node[0] == "reduced" and part in MADE_TO_SAY), anew))

    def _find(self, o: int) -> None:
        """All that `Locator.locate` asks of a node: those above it, and their labels in sequences."""
        while o >= 0 and o not in self._found:
            self._found.add(o)
            kind, head, _, code = _without_blob(self.old.nodes[o])
            self.kept_old.setdefault(o, (kind, head, [], code))
            parent, step = self.old.parents[o]
            if parent >= 0 and (is_sequence(step) or twins.is_item(step)):
                self._label(o)
            if parent >= 0 and twins.is_item(step):
                self._apart(parent, step)
            if may_gain(step) and unmistakable(step, self._gaining(parent)):
                self._unmistakable.add(o)
            o = parent

    def _gaining(self, parent: int) -> list[Step]:
        if parent not in self._keys:
            self._keys[parent] = [step for step, _ in self.old.nodes[parent][2] if may_gain(step)]
        return self._keys[parent]

    def _label(self, o: int) -> None:
        """Keep the nodes that tell an item of a sequence or of a set from its siblings."""
        label(o, self._expand)

    def _apart(self, parent: int, step: Step) -> None:
        """Keep what tells items of a set apart that are called alike."""
        alike = [child for s, child in self.old.nodes[parent][2] if twins.is_item(s) and s[2] == step[2]]
        if len(alike) > 1:
            self._keep_old(parent, _without_blob(self.old.nodes[parent]))
            for child in alike:
                contents(child, self._expand)

    def _expand(self, i: int) -> Node:
        node: Node = self.old.nodes[i]
        self._keep_old(i, _without_blob(node))
        self._found_parents(i)
        return node

    def _found_parents(self, i: int) -> None:
        if i not in self._found:
            self._find(i)

    def _note_origin(self, n: int) -> None:
        o = self.difference.origin.get(n)
        if o is not None:
            self.origin[n] = o
            self._find(o)

    # -- how it is kept -----------------------------------------------------------------------

    def _keep(self, n: int, node: Node) -> None:
        self._keep_in(self.kept_new, self._whole[1], n, node)

    def _keep_old(self, o: int, node: Node) -> None:
        self._keep_in(self.kept_old, self._whole[0], o, node)

    @staticmethod
    def _keep_in(kept: dict[int, Node], whole: set[int], i: int, node: Node) -> None:
        """The fuller one of two stays: a node may be wanted with some of its children, then with all."""
        have = kept.get(i)
        if have is None or len(have[2]) < len(node[2]) or (node[3] is not None and node[3].blob):
            kept[i] = node if have is None or len(have[2]) <= len(node[2]) else (*node[:2], have[2], node[3])
        whole.add(i)

    @staticmethod
    def _narrow(node: Node, steps: set[Any]) -> Node:
        kind, head, kids, code = node
        if kind not in ("module", "class", "dict", "ordereddict", "defaultdict", "instance", "function"):
            return node
        kept = [
            (step, child)
            for step, child in kids
            if step in steps or is_sequence(step) or _part_of_class(step) or _key_of(step, steps)
        ]
        return kind, head, kept, code

    def _with_code(self, pair: Pair) -> Node:
        """Code that only moved as a whole is made from the live code: no need to carry it."""
        node: Node = self.new.nodes[pair[1]]
        before, after = self.old.nodes[pair[0]][3], node[3]
        if node[0] != "function" or before is None or after is None or before.shift != after.shift:
            return node
        if pair in self.difference.replaced:
            return node
        moved = codes.shifted(before.load(), after.first_line - before.first_line)
        if codes.key_of(moved).exact != after.exact:
            return node
        return node[0], node[1], node[2], after._replace(blob=b"")

    @staticmethod
    def _graph(graph: Graph, kept: dict[int, Node], whole: set[int]) -> Graph:
        parents: dict[int, tuple[int, Step]] = {}
        for i in kept:
            while i >= 0 and i not in parents:
                parents[i] = graph.parents[i]
                i = parents[i][0]
        return Graph(kept, parents, graph.roots, kept.keys() - whole)


def _part_of_class(step: Step) -> bool:
    return step in ("class", "meta", ("attr", "__firstlineno__")) or (
        type(step) is tuple and step[0] == "base"
    )


def _key_of(step: Step, steps: set[Any]) -> bool:
    return type(step) is tuple and step[0] == "keyobj" and ("key", *step[1:]) in steps


def _without_blob(node: Node) -> Node:
    code = node[3]
    return node if code is None else (node[0], node[1], node[2], _bare(code))


def _bare(code: Code | None) -> Code | None:
    return code if code is None else code._replace(blob=b"")

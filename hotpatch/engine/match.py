"""The edit, measured: two graphs laid over each other from the modules down.

A pair `(o, n)` says that node o of the one graph and node n of the other are the same thing, before and
after.  Which things are the same is decided by where they are found and by what they are called, one to one;
several of one name (overloads, wrappers of one decorator, lambdas) by likeness.

Used three times: old and new start (the edit), two starts of the new sources (noise), and the
live process with a start (the proof).  Nothing here touches live objects.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from . import order, twins
from .aligning import Opcode, aligned
from .gained import Named, as_at_start, pair_up
from .graph import HIDDEN, Graph
from .inherited import handed
from .known_keys import in_doubt, pair_known
from .labels import contents, label
from .likeness import Kids, Likeness, combined_flag, known_by_identity, name_of
from .pairing import SHARED, Places
from .reading import plain_same, resolve
from .shape import Step

Pair = tuple[int, int]

# An object of these kinds can't be changed where it is: when a part is replaced, so is the whole.
FIXED: Final = frozenset(
    {
        "tuple",
        "frozenset",
        "method",
        "property",
        "staticmethod",
        "classmethod",
        "bound",
        "reduced",
        "weakref",
        "mappingproxy",
        "lru_cache",
        "member",
        "descriptor",
        "typeparam",
        "typealias",
        "unpacked",
        "contextvar",
        "value",
        "address",
    }
)
# Of these the identity says nothing, or is given from outside.
NAMELESS: Final = frozenset({"plain", "outside", "outside-module", "code", "c-class"})
KEPT_BY_FLAG: Final = ("attr", "_value2member_map_")
"""Where `enum.Flag` keeps all that it was ever asked for."""
KEYED: Final = frozenset({"dict", "ordereddict", "defaultdict", "set", "instance"})
ITEMS: Final = frozenset({"set", "frozenset", "instance"})
IN_FRONT: Final = frozenset({"instance", "value", "partial", "lru_cache"})
"""Kinds of what may have a function that it calls."""
UNORDERED: Final = frozenset({"kwdefaults", "globals", KEPT_BY_FLAG})
"""Where mappings stand whose order nobody goes by, or that come by it while the program runs."""
HEAD_ONLY: Final = NAMELESS | {"opaque", "object"}
NAMED: Final = frozenset({"function", "class"})
NOTHING_KNOWN: Final[Mapping[int, int]] = {}


def is_sequence(step: Step) -> bool:
    return type(step) is int or (
        type(step) is tuple and len(step) == 2 and step[0] == "item" and type(step[1]) is int
    )


class Match:
    """Two graphs, matched.  `old` and `new` are what they are called; the proof puts the live process in
    place of `old`.

    `noise` holds `(node of new, step)` where two starts of the same sources differ: such a place is state,
    and is not compared.  `here` says that one of the graphs is of this process, where outside names can be
    resolved.  `known` are items of sequences (node of old: node of new) that are the same, like or unlike.
    """

    def __init__(
        self,
        old: Graph,
        new: Graph,
        noise: frozenset[tuple[int, Step]] = frozenset(),
        here: bool = False,
        known: Mapping[int, int] = NOTHING_KNOWN,
    ) -> None:
        self.old, self.new, self.noise, self.here = old, new, noise, here
        self._known = known, {n: n for n in known.values()}
        self.partner: dict[int, int] = {}
        self.origin: dict[int, int] = {}
        self.pairs: set[Pair] = set()
        self.edges: dict[Pair, list[tuple[Step, Step, Pair]]] = defaultdict(list)
        self.added: dict[Pair, list[tuple[Step, int]]] = {}
        self.removed: dict[Pair, list[tuple[Step, int]]] = {}
        self.different: set[Pair] = set()
        """The same thing, changed: in its head, its code, or by children that came or went."""
        self.replaced: set[Pair] = set()
        """Another thing stands in its place."""
        self.reordered: set[Pair] = set()
        """Mappings whose keys come in another order."""
        self.renamed: set[Pair] = set()
        self.moved: set[Pair] = set()
        """Functions that differ in line numbers alone."""
        self.unwrapped: set[Pair] = set()
        """Caches whose function stands in their place."""
        self.handed: set[Pair] = set()
        """Methods that a class hands to another."""
        self._likeness = Likeness(old, new)
        self._often = self._names_borne_by_several()
        self._places = Places(old, new, (self._namesakes(old), self._namesakes(new)))
        self._run()

    # -- the walk --------------------------------------------------------------------

    def _run(self) -> None:
        todo: deque[Pair] = deque()
        later: deque[Pair] = deque()
        grown = False
        for name, o in self.old.roots.items():
            n = self.new.roots.get(name)
            if n is not None and not (self.here and name.startswith(HIDDEN)):
                todo.append((o, n))
        while todo or later:
            firm = not todo
            if firm:
                if grown:
                    later = deque(sorted(later, key=self._rank))
                    grown = False
                pair = later.pop()
            else:
                pair = todo.popleft()
            if pair in self.pairs:
                continue
            verdict = self._meet(pair, firm)
            if verdict is None:
                self._places.say(pair)
                later.appendleft(pair)  # of those alike, the first one met is the last, and so comes first
                grown = True
                continue
            self.pairs.add(pair)
            if verdict:
                todo.extend(self._compare(pair))

    def _meet(self, pair: Pair, firm: bool) -> bool | None:
        """Are these two the same thing?  None: it is too early to tell."""
        o, n = pair
        a, b = self.old.nodes[o], self.new.nodes[n]
        kind = a[0]
        if kind != b[0]:
            self.replaced.add(pair)
            return False
        if kind in NAMELESS:
            return True
        name, other = name_of(self.old, o), name_of(self.new, n)
        if not firm and (
            name != other
            or (kind == "function" and name in self._often and a[3].body != b[3].body)
            or not self._places.settled(pair)
            or self._keys_in_doubt(pair)
        ):
            return None
        if kind not in FIXED and (self.partner.get(o, n) != n or self.origin.get(n, o) != o):
            self.replaced.add(pair)
            return False
        if name != other:
            self.renamed.add(pair)
        self.partner.setdefault(o, n)
        self.origin.setdefault(n, o)
        return True

    def _keys_in_doubt(self, pair: Pair) -> bool:
        o, n = pair
        a, b = self.old.kids(o), self.new.kids(n)
        if self.old.kind(o) in ITEMS and (twins.groups(a) or twins.groups(b)):
            return True
        return self.old.kind(o) in KEYED and in_doubt(a, b)

    def _names_borne_by_several(self) -> set[Any]:
        often: set[Any] = set()
        for graph in (self.old, self.new):
            count = Counter(name_of(graph, i) for i, node in enumerate(graph.nodes) if node[0] in NAMED)
            often |= {name for name, number in count.items() if number > 1}
        return often

    def _namesakes(self, graph: Graph) -> set[int]:
        nodes = enumerate(graph.nodes)
        return {i for i, node in nodes if node[0] in NAMED and name_of(graph, i) in self._often}

    def _rank(self, pair: Pair) -> tuple[bool, int, float, int]:
        o, n = pair
        weight = self._places.weight(pair) if self.old.kind(o) in SHARED | NAMED else 0
        return (
            not self._keys_in_doubt(pair),
            weight,
            self._likeness.degree(o, n),
            self._places.beside_variables(pair),
        )

    # -- two things that are one -------------------------------------------------------

    def _compare(self, pair: Pair) -> Iterator[Pair]:
        o, n = pair
        a, b = self.old.nodes[o], self.new.nodes[n]
        kind = a[0]
        if not self._heads_agree(pair, kind, a, b):
            return
        matched, removed, added = self._children(o, n)
        if self.old.parents[o][1] == KEPT_BY_FLAG:
            removed = [r for r in removed if not self._only_kept(r[1])]
        if self.noise:
            matched = [m for m in matched if not self._is_noise(n, m[1])]
            removed = [r for r in removed if not self._is_noise(n, r[0])]
            added = [x for x in added if not self._is_noise(n, x[0])]
        if removed or added:
            self.different.add(pair)
            if kind in FIXED:
                self.replaced.add(pair)
            self.added[pair], self.removed[pair] = added, removed
        if (n, order.STEP) not in self.noise and self._in_another_order(pair, matched, added):
            (self.replaced if kind in FIXED else self.reordered).add(pair)
            self.different.add(pair)
        if kind == "class":
            moved = list(handed(self.old, self.new, pair, removed, added))
            self.handed.update(moved)
            yield from moved
        edges = self.edges[pair]
        for so, sn, co, cn in matched:
            x, y = self.old.nodes[co], self.new.nodes[cn]
            if x[0] == "plain" == y[0]:
                equal = plain_same(x[1], y[1])
                if not equal:
                    self.pairs.add((co, cn))
                    self.replaced.add((co, cn))
                if not equal or ((removed or added) and is_sequence(so)):
                    edges.append((so, sn, (co, cn)))
                continue
            edges.append((so, sn, (co, cn)))
            yield co, cn
            if x[0] != y[0]:
                yield from self._with_something_in_front(co, cn)

    def _is_noise(self, n: int, step: Step) -> bool:
        return (n, step) in self.noise or (is_sequence(step) and (n, order.ITEMS) in self.noise)

    def _with_something_in_front(self, o: int, n: int) -> Iterator[Pair]:
        """A method that is memoised from now on, or a function that nothing stands in front of any more: it
        is the same function.  One of a module gives way to its cache, for whoever holds it shall ask that."""
        if self.old.kind(o) == "function" and self.new.kind(n) == "lru_cache":
            if self.old.kind(self.old.parents[o][0]) == "module":
                return
            yield from ((o, child) for child in self._called_alike(self.new, n, name_of(self.old, o)))
        elif self.new.kind(n) == "function" and self.old.kind(o) in IN_FRONT:
            if self.old.kind(o) == "lru_cache":
                self.unwrapped.add((o, n))
            yield from ((child, n) for child in self._called_alike(self.old, o, name_of(self.new, n)))

    @staticmethod
    def _called_alike(graph: Graph, i: int, name: Any) -> list[int]:
        functions = [child for _, child in graph.nodes[i][2] if graph.kind(child) == "function"]
        return [child for child in functions if name_of(graph, child) == name]

    def _in_another_order(self, pair: Pair, matched: list[order.Matched], added: list[order.Child]) -> bool:
        if self.old.parents[pair[0]][1] in UNORDERED:
            return False
        a, b = self.old.kids(pair[0]), self.new.kids(pair[1])
        return list(a) != list(b) and order.comes_out_otherwise(matched, added, a, b)

    def _of_one_class(self, a: Kids, b: Kids) -> bool:
        """Under another name: a class that has moved, or members of an enum, known by themselves."""
        classes = [next((kid for step, kid in kids if step == "class"), -1) for kids in (a, b)]
        return self.partner.get(classes[0]) == classes[1] or known_by_identity(a, b)

    def _only_kept(self, o: int) -> bool:
        """Is this there because somebody asked for it once, whatever the sources say?"""
        return self.old.kind(o) == "instance" and combined_flag(self.old, o) is not None

    def _heads_agree(self, pair: Pair, kind: str, a: Any, b: Any) -> bool:
        """Compare what is compared on the spot; False if the children need no look."""
        if kind == "plain":
            if not plain_same(a[1], b[1]):
                self.replaced.add(pair)
            return False
        if kind == "code":
            if a[3].exact != b[3].exact:
                self.replaced.add(pair)
            return False
        if kind == "function":
            self._compare_functions(pair, a, b)
            return True
        same = a[1] == b[1]
        if kind in ("instance", "value"):
            if not same or (pair in self.renamed and not self._of_one_class(a[2], b[2])):
                self.replaced.add(pair)
                return False
            return True
        if kind == "class":
            if not same:
                self.different.add(pair)
            return True
        if kind == "cell":
            if not same:
                self.different.add(pair)
            return True
        if not same and not (kind == "outside" and self.here and resolve(*a[1]) is resolve(*b[1])):
            self.replaced.add(pair)
        return kind not in HEAD_ONLY

    def _compare_functions(self, pair: Pair, a: Any, b: Any) -> None:
        if a[1][0] != b[1][0] or a[3].freevars != b[3].freevars:
            self.replaced.add(pair)
        if a[3].exact != b[3].exact:
            self.different.add(pair)
            if a[3].body == b[3].body:
                self.moved.add(pair)
        if a[1] != b[1]:
            self.different.add(pair)

    def _children(
        self, o: int, n: int
    ) -> tuple[list[tuple[Step, Step, int, int]], list[tuple[Step, int]], list[tuple[Step, int]]]:
        """Matched, removed and added children: by step, and for sequences by what the items look like."""
        a, b = self.old.kids(o), self.new.kids(n)
        matched, removed, added = [], [], []
        left, right = [], []
        alike = twins.pair(a, b, self._score) if self.old.kind(o) in ITEMS else {}
        after = set(alike.values())
        for step, child in a.items():
            if is_sequence(step):
                left.append((step, child))
            elif step in alike:
                matched.append((step, alike[step], child, b[alike[step]]))
            elif step in b and step not in after:
                matched.append((step, step, child, b[step]))
            else:
                removed.append((step, child))
        for step, child in b.items():
            if is_sequence(step):
                right.append((step, child))
            elif step not in after and (step not in a or step in alike):
                added.append((step, child))
        if left or right:
            for tag, i, i2, j, j2 in self._align(left, right):
                if tag == "equal" or (tag == "replace" and i2 - i == j2 - j):
                    for (so, co), (sn, cn) in zip(left[i:i2], right[j:j2], strict=True):
                        matched.append((so, sn, co, cn))
                else:
                    removed += left[i:i2]
                    added += right[j:j2]
        for find in (self._pair_known, self._pair_up) if removed and added else ():
            for old, new in find(removed, added):
                matched.append((old[0], new[0], old[1], new[1]))
                removed.remove(old)
                added.remove(new)
        return matched, removed, added

    def _score(self, o: int, n: int) -> float:
        """How much speaks for these two items of a set to be the same one."""
        if o in self.partner or n in self.origin:
            return float(self.partner.get(o) == n)
        b = self.new.kids(n)
        kids = self.old.kids(o)
        same = sum(step in b and self._is_same(child, b[step]) for step, child in kids.items())
        return same / max(len(kids), len(b), 1)

    def _is_same(self, o: int, n: int) -> bool:
        x, y = self.old.nodes[o], self.new.nodes[n]
        if x[0] != y[0]:
            return False
        if o in self.partner or n in self.origin:
            return self.partner.get(o) == n
        if x[0] == "plain":
            return plain_same(x[1], y[1])
        return bool(name_of(self.old, o) == name_of(self.new, n) and (x[0] not in NAMELESS or x[1] == y[1]))

    def _pair_known(self, removed: list[Named], added: list[Named]) -> list[tuple[Named, Named]]:
        return pair_known(removed, added, self.old, self.new, self.partner)

    def _pair_up(self, removed: list[Named], added: list[Named]) -> list[tuple[Named, Named]]:
        return pair_up(removed, added, self.here)

    def _align(self, left: list[tuple[Step, int]], right: list[tuple[Step, int]]) -> list[Opcode]:
        old, new = self.old.nodes.__getitem__, self.new.nodes.__getitem__
        of_old, of_new = self._known
        mine = [str(of_old.get(child, "")) or repr(label(child, old)) for _, child in left]
        theirs = [str(of_new.get(child, "")) or repr(label(child, new)) for _, child in right]
        if self.here:
            mine = as_at_start(mine, theirs)
        return aligned(
            mine,
            theirs,
            lambda i: repr(contents(left[i][1], old)),
            lambda j: repr(contents(right[j][1], new)),
        )

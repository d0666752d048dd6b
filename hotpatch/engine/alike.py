"""Is a live object, right now, what a node of a graph says?

The question of every three-way merge: the live value is exchanged only if it still is what the old start
had.  Whatever was found where it belongs and stays counts as itself and is not looked into; a part that goes
with the whole may hold what the program has put there since.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Mapping
from typing import Any, Final

from . import codes
from .awake import Told, told
from .c_shapes import MADE_TO_SAY, is_made
from .graph import Graph
from .locate import Locator
from .match import FIXED
from .pairing import SHARED
from .reading import PLAIN, plain_same, resolve
from .shape import Shapes, Step

_PLACE: Final = re.compile(r"[1-9][0-9]{6,19}")
"""A number that may be an `id`."""
NOWHERE: Final = -1
"""Above what is asked about."""
IN_MADE: Final = -2
"""Above a container that a C object makes whenever it says what it is made of, or a part of one."""


class Alike:
    def __init__(
        self, shapes: Shapes, locator: Locator, old: Graph, new: Graph, origin: Any, replaced: Any
    ) -> None:
        self.shapes, self.locator, self.old, self.new = shapes, locator, old, new
        self.origin, self.replaced = origin, replaced
        self._staying = frozenset(origin.values())

    def as_before(self, live: Any, o: int) -> bool:
        return self._same(live, self.old, o, NOWHERE, set())

    def as_after(self, live: Any, n: int) -> bool:
        return self._same(live, self.new, n, NOWHERE, set())

    def as_once_asked(self, live: Any, o: int, became: Mapping[Step, Told | None]) -> bool:
        """As before, but for these steps, which lead to this plain data."""
        kind, head, kids, _ = self.old.nodes[o]
        shape, name, live_kids, _ = self.shapes.expand(live)
        mine, wanted = dict(live_kids), dict(kids)
        return (
            (shape, name) == (kind, head)
            and mine.keys() == wanted.keys() | became.keys()
            and None not in became.values()
            and all(told(mine[step], self.shapes.expand) == what for step, what in became.items())
            and all(
                self._same(mine[step], self.old, child, o, set())
                for step, child in wanted.items()
                if step not in became
            )
        )

    def gathered(self, live: Any, o: int) -> bool:
        """Has a collection or an object of the old start, which the new one has nowhere, other contents by
        now?"""
        return self._goes(self.old, o) and self.locator.locate(o) is live and not self.as_before(live, o)

    def stays(self, live: Any, n: int) -> bool:
        """Is it what the node's original is found as, and is edited where it is?"""
        return self._itself(live, self.new, n)

    def _itself(self, live: Any, graph: Graph, i: int) -> bool:
        """Does the live object stand where the node's untouched original was found?  A plain value is the
        same wherever it stands."""
        if graph is self.new:
            o = self.origin.get(i)
            if o is None or (o, i) in self.replaced:
                return False
            i = o
        found = self.locator.locate(i)
        return found is live or (
            type(found) is type(live) and type(live) in PLAIN and plain_same(found, live)
        )

    def _address(self, graph: Graph, i: int) -> int | None:
        """Where the object lies that stands in this place and stays."""
        o = i if graph is self.old else self.origin.get(i)
        if o is None or (graph is self.new and (o, i) in self.replaced):
            return None
        return id(self.locator.locate(o))

    def _goes(self, graph: Graph, i: int) -> bool:
        """Has the new start nothing that is the same collection or object?"""
        return graph is self.old and graph.kind(i) in SHARED and i not in self._staying

    def _names_same(self, live: Any, head: Any) -> bool:
        """Two texts that are the same but for the place of a class of the program in them, by which some name
        one (`f"{cls.__name__}:{id(cls)}"`): it is another in each process."""
        if type(live) is not str or type(head) is not str or _PLACE.sub("", live) != _PLACE.sub("", head):
            return False
        places = zip(_PLACE.findall(live), _PLACE.findall(head), strict=True)
        return all(mine == other or int(mine) in self._classes for mine, other in places)

    @functools.cached_property
    def _classes(self) -> frozenset[int]:
        """ids of the program's classes."""
        view = self.shapes.world.view
        spaces = [view.names(module) for module in self.shapes.world.local.values()]
        return frozenset(
            id(value) for space in spaces for value in list(space.values()) if issubclass(type(value), type)
        )

    def _stands_for_itself(self, live: Any, graph: Graph, i: int, above: int) -> bool:
        """What can't change where it is may have come with what it is a part of: that it is found there says
        nothing."""
        if above in (NOWHERE, IN_MADE) or self._goes(graph, i):
            return False
        part = graph is self.old and graph.kind(i) in FIXED and graph.parents[i][0] == above
        return not part and self._itself(live, graph, i)

    def _same(self, live: Any, graph: Graph, i: int, above: int, seen: set[tuple[int, int]]) -> bool:
        if i not in graph and not (i in graph.leaves and graph.kind(i) == "plain"):
            return self._itself(live, graph, i)  # pruned: nothing below here differs
        kind, head, kids, code = graph.nodes[i]
        if kind == "outside":
            return resolve(*head) is live
        if kind == "address":
            return type(live) is int and live == self._address(graph, kids[0][1])
        if kind == "plain":
            mine_kind, mine_head, _, _ = self.shapes.expand(live)
            return mine_kind == "plain" and (plain_same(mine_head, head) or self._names_same(mine_head, head))
        if (id(live), i) in seen or self._stands_for_itself(live, graph, i, above):
            return True
        seen.add((id(live), i))
        shape, name, live_kids, live_code = self.shapes.expand(live)
        if shape != kind or (live_code is None) != (code is None):
            return False
        if (
            kind == "class"
            and graph is self.new
            and (o := self.origin.get(i)) is not None
            and (o, i) in self.replaced
        ):
            return self.locator.locate(o) is not live and bool(
                name[:2] == head[:2]
            )  # not the one that gives way
        if kind == "class":
            if name[:2] != head[:2] or above != NOWHERE:
                return bool(name[:2] == head[:2])
        elif kind == "function":
            if name != head or _key(live_code).body != code.body:
                return False
        elif kind == "code":
            return bool(_key(live_code).exact == code.exact)
        elif kind == "module":
            return bool(name == head)
        elif name != head:
            return False
        mine, wanted = dict(live_kids), dict(kids)
        return mine.keys() == wanted.keys() and all(
            self._same(mine[step], graph, child, self._above(graph, (i, step, child), above), seen)
            for step, child in wanted.items()
        )

    @staticmethod
    def _above(graph: Graph, edge: tuple[int, Step, int], above: int) -> int:
        """Above a part, by what stands above the whole."""
        i, step, child = edge
        whole, part = graph.kind(i), graph.kind(child) if child in graph else ""  # pruned
        if is_made(whole, step, part, above == IN_MADE):
            return IN_MADE
        return NOWHERE if whole == "reduced" and part in MADE_TO_SAY else i


def _key(code: types.CodeType | None) -> codes.CodeKey:
    assert code is not None
    return codes.key_of(code)

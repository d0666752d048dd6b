"""Numbers that say where an object lies in memory, as programs write them down by `id`.

Such a number is another one in each process, and says the same thing in all of them: which object is meant.
So it is told by that object, and a key that is one, or has one in it, by what the object is called.  One
that speaks of no object of the graph stays a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from .labels import label
from .shape import Step

LEAST: Final = 1 << 20
"""No object lies below this."""
AROUND: Final = frozenset({"tuple", "frozenset"})
"""What a key may be that has such a number in it."""

KEYED: Final = frozenset(
    {"dict", "ordereddict", "defaultdict", "set", "frozenset", "instance", "value", "reduced"}
)
KEYS: Final = ("key", "keyobj", "item")

Node = Any
Parent = tuple[int, Step]


def tell(nodes: list[Node], parents: list[Parent], objects: Mapping[int, int]) -> None:
    """Rewrite nodes and steps where they stand; `objects` maps the id of each object to its node."""
    found = set[int]()
    for i, (kind, head, _, _) in enumerate(nodes):
        if kind == "plain" and _speaks(head, objects):
            nodes[i] = "address", None, [("of", objects[head])], None
            found.add(i)
    holding = _holding(nodes, found)
    for i, (kind, head, kids, code) in enumerate(nodes):
        if kind in KEYED and any(_may_speak(step) for step, _ in kids):
            named = _Steps(nodes, objects, dict(kids), holding)
            again = [(named.told(step), child) for step, child in kids]
            nodes[i] = kind, head, again, code
            for (before, child), (after, _) in zip(kids, again, strict=True):
                if parents[child] == (i, before):
                    parents[child] = i, after


def _speaks(number: Any, objects: Mapping[int, int]) -> bool:
    return type(number) is int and number >= LEAST and number in objects


def _may_speak(step: Step) -> bool:
    return type(step) is tuple and step[0] in KEYS and step[1] in ("int", "obj")


def _holding(nodes: list[Node], found: set[int]) -> set[int]:
    """The numbers themselves, and what keys are made of around them."""
    around = [
        (i, [child for _, child in kids]) for i, (kind, _, kids, _) in enumerate(nodes) if kind in AROUND
    ]
    holding, grown = set(found), bool(found)
    while grown:
        more = {i for i, inside in around if i not in holding and not holding.isdisjoint(inside)}
        holding |= more
        grown = bool(more)
    return holding


class _Steps:
    """The steps of one node, told anew.  Keys of one name are counted, as elsewhere."""

    def __init__(
        self, nodes: list[Node], objects: Mapping[int, int], kids: dict[Step, int], holding: set[int]
    ) -> None:
        self._nodes, self._objects, self._kids, self._holding = nodes, objects, kids, holding
        self._told: dict[Step, Step] = {}
        self._count: Counter[Step] = Counter()

    def told(self, step: Step) -> Step:
        if not _may_speak(step):
            return step
        key = step[1:]
        if key not in self._told:
            self._told[key] = self._name(step)
        return step[0], *self._told[key]

    def _name(self, step: Step) -> Step:
        if step[1] == "int" and _speaks(step[2], self._objects):
            text = self._label(self._objects[step[2]])
        elif step[1] == "obj" and (node := self._key(step)) in self._holding:
            text = self._label(node)
        else:
            return step[1:]
        self._count[text] += 1
        return "address", text, self._count[text] - 1

    def _key(self, step: Step) -> int | None:
        return self._kids.get(step if step[0] == "item" else ("keyobj", *step[1:]))

    def _label(self, node: int) -> str:
        return repr(label(node, self._nodes.__getitem__))

"""The live object that stands where a fresh start of the old sources had one.

Found by the same way, step by step from the module (or the application object) down, and checked: a
function must have the code that it had, a class its name.  Where a run-time wrapper was put in front (tracing
agents do), it is looked through.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from . import codes, twins
from .frozen import all_objects
from .gained import found_again
from .graph import HIDDEN, Code, Graph, Node
from .labels import contents, label
from .match import is_sequence
from .reading import MAPPINGS, MISSING, PLAIN, is_python_class, raw_dict
from .shape import Shapes, Step
from .view import View
from .world import World

WRAPPERS: Final = frozenset(
    {"function", "cell", "method", "partial", "lru_cache", "staticmethod", "classmethod", "property"}
)
MOST_WRAPPERS: Final = 50


class Locator:
    """Looks nodes of `graph` up in this process.  Reads only; remembers what it found until it is dropped."""

    def __init__(
        self,
        world: World,
        shapes: Shapes,
        graph: Graph,
        extra: Mapping[str, Any],
        unmistakable: Collection[int] = (),
    ) -> None:
        self.world, self.shapes, self.graph, self.extra = world, shapes, graph, extra
        self.unmistakable = unmistakable
        self.found: dict[int, Any] = {}
        self._expanded: dict[int, tuple[Any, dict[Step, Any]]] = {}

    def forget(self) -> None:
        """Let go of all that was found: when the edit is laid out, nothing of the staging may hold an old
        object."""
        self.found.clear()
        self._expanded.clear()

    def locate(self, o: int) -> Any:
        """The object, or MISSING where something else stands in its place by now."""
        if o not in self.found:
            self.found[o] = MISSING
            self.found[o] = self._find(o)
        return self.found[o]

    def _find(self, o: int) -> Any:
        if o not in self.graph and o not in self.graph.leaves:
            return MISSING  # pruned
        parent, step = self.graph.parents[o]
        if parent < 0:
            if step.startswith(HIDDEN):
                return self._find_hidden(o)
            return self.world.local.get(step, self.extra.get(step, MISSING))
        above = self.locate(parent)
        if above is MISSING:
            return MISSING
        found = self.child(above, step, o)
        if found is MISSING or self.fits(found, o):
            return found
        return self.behind(found, o)

    def kids(self, obj: Any) -> dict[Step, Any]:
        known = self._expanded.get(id(obj))
        if known is None:
            known = self._expanded[id(obj)] = obj, dict(self.shapes.expand(obj)[2])
        return known[1]

    def child(self, above: Any, step: Step, o: int) -> Any:
        if type(step) is tuple and (way := _DIRECT.get(step[0])) is not None:
            found = way(self.world.view, above, step)
            if found is not _UNKNOWN:
                return found
        kids = self.kids(above)
        if twins.is_item(step) and (alike := self._alike(kids, step, o)) is not None:
            return alike
        found = kids.get(step, MISSING)
        if found is MISSING and o in self.unmistakable and (again := found_again(step, kids)) is not None:
            return kids[again]
        if is_sequence(step):  # it may have grown
            wanted = self.label_of(o)
            if found is MISSING or self.label(found) != wanted:
                alike = (v for s, v in kids.items() if is_sequence(s) and self.label(v) == wanted)
                return next(alike, found)
        return found

    def _alike(self, kids: Mapping[Step, Any], step: Step, o: int) -> Any:
        """Of several items of a set that are called alike, the one whose contents the node tells; None where
        there is but one."""
        parent, _ = self.graph.parents[o]
        before = [s for s, _ in self.graph.nodes[parent][2] if twins.is_item(s) and s[2] == step[2]]
        here = [s for s in kids if twins.is_item(s) and s[2] == step[2]]
        if len(before) < 2 and len(here) < 2:
            return None
        wanted = repr(contents(o, self.graph.nodes.__getitem__))
        found = [kids[s] for s in here if repr(contents(kids[s], self.shapes.expand)) == wanted]
        return found[0] if len(found) == 1 else kids.get(step, MISSING) if found else MISSING

    def label(self, obj: Any) -> str:
        return repr(label(obj, self.shapes.expand))

    def label_of(self, o: int) -> str:
        """What the label of this node's object is in this process."""
        return repr(label(o, self._here))

    def _here(self, o: int) -> Node:
        kind, _, kids, _ = node = self.graph.nodes[o]
        return ("plain", id(self.locate(kids[0][1])), [], None) if kind == "address" and kids else node

    def fits(self, live: Any, o: int) -> bool:
        """Is this object what node o says, by kind and name, and by code if it is a function?"""
        kind, head, _, code = self.graph.nodes[o]
        shape, name, _, live_code = self.shapes.expand(live)
        if kind == "address":
            return type(live) is int
        if shape != kind:
            return False
        if kind == "function":
            return bool(name[0] == head[0] and same_body(live_code, code))
        if kind == "class":
            return bool(name[:2] == head[:2])
        if kind == "module":
            return bool(name == head)
        return True

    def behind(self, found: Any, o: int) -> Any:
        """Something was put in front at run time: look through it for what it wraps."""
        if self.graph.kind(o) != "function":
            return MISSING
        todo, seen = deque([found]), set[int]()
        while todo and len(seen) < MOST_WRAPPERS:
            here = todo.popleft()
            if id(here) in seen:
                continue
            seen.add(id(here))
            kind, _, kids, _ = self.shapes.expand(here)
            if kind == "function" and self.fits(here, o):
                return here
            if kind in WRAPPERS:
                todo += [v for _, v in kids if type(v) not in PLAIN]
        return MISSING

    def _find_hidden(self, o: int) -> Any:
        """A function that only C code or a thread holds: known by its code alone, so it must be the only
        one."""
        code: Code = self.graph.nodes[o][3]
        home = self.graph.nodes[o][1][0]
        found = [
            f
            for f in all_objects()
            if type(f) is types.FunctionType
            and f.__code__.co_qualname == code.qualname
            and self.world.home_of.get(id(f.__globals__)) == home
            and codes.key_of(self.world.view.code(f)).body == code.body
            and not self.world.view.is_machinery(f)
        ]
        return found[0] if len(found) == 1 else MISSING


def same_body(live: types.CodeType | None, code: Code) -> bool:
    return live is not None and live.co_qualname == code.qualname and codes.key_of(live).body == code.body


# -- one step down without expanding the whole object ---------------------------------------

_UNKNOWN: Final[Any] = object()


def _name(view: View, above: Any, step: Step) -> Any:
    return view.name(above, step[1], MISSING)


def _attr(view: View, above: Any, step: Step) -> Any:
    kind = type(above)
    if issubclass(kind, type):
        return view.attributes(above).get(step[1], MISSING)
    if kind is types.FunctionType:
        return view.own(above).get(step[1], MISSING)
    if is_python_class(kind):
        space = raw_dict(above)
        return MISSING if space is None else space.get(step[1], MISSING)
    return _UNKNOWN


def _key(view: View, above: Any, step: Step) -> Any:
    kind = next((k for k in MAPPINGS if type(above) is k), None)
    if kind is None or step[1] in ("obj", "address") or (step[1] == "str" and "\x00" in step[2]):
        return _UNKNOWN
    return kind.get(above, step[2], MISSING)


def _closure(view: View, above: Any, step: Step) -> Any:
    cells = above.__closure__ or ()
    return cells[step[1]] if step[1] < len(cells) else MISSING


_DIRECT: Final[dict[str, Callable[[View, Any, Step], Any]]] = {
    "name": _name,
    "attr": _attr,
    "key": _key,
    "closure": _closure,
}

"""What start-up code handed to the interpreter or to a library, in words: an exit hook's arguments, what a
thread was given, a handler of logs.

No module shows it, so two clean starts are compared in what they say of it.  An object that the graph tells
of is named by its way there: what differs inside it is the graph's to say.

Imports the standard library alone: it works in the clean process.
"""

from __future__ import annotations

import functools
import types
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .graph import spoken
from .reading import class_module, qualname_of
from .shape import Shapes

OUTSIDE: Final = frozenset({"outside", "outside-module", "c-class"})
"""Kinds of which the graph gives the name alone."""
NAMED: Final = OUTSIDE | {"logger", "module"}
UNORDERED: Final = frozenset({"set", "frozenset", "dict", "ordereddict", "defaultdict", "instance", "value"})
VALUES: Final = frozenset({"tuple", "frozenset", "method", "partial", "bound", "reduced", "value", "weakref"})
"""Kinds of which nobody asks which object it is."""
BY_NAME: Final = (types.BuiltinFunctionType, types.ModuleType, type)
DEEPEST: Final = 8
MOST: Final = 500
"""Objects told of one thing."""


class Telling:
    """`known` are ids of what the graph tells of, with their nodes; `way` names a node."""

    def __init__(self, shapes: Shapes, known: Mapping[int, int], way: Callable[[int], str]) -> None:
        self._shapes, self._known, self._way = shapes, known, way
        self._left = 0

    def __call__(self, thing: Any) -> str:
        """By what it is, whatever place outside of the program it stands in."""
        self._left = MOST
        opened, hides = self._shapes.world.opened, not issubclass(type(thing), BY_NAME)
        hides = hides and id(thing) not in opened
        opened |= {id(thing)} if hides else set()
        try:
            return self._tell(thing, (), 0)
        finally:
            opened -= {id(thing)} if hides else set()

    def _tell(self, thing: Any, around: tuple[int, ...], depth: int) -> str:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST or id(thing) in around:
            return "..."
        kind, head, kids, code = self._shapes.expand(thing)
        if kind == "plain":
            return repr(head)
        if kind in NAMED:
            return f"{kind} {head}"
        if kind == "function" and id(thing) in self._known and "<" not in head[2]:
            return f"function {head}"
        if code is not None and (kind == "code" or id(thing) not in self._known):
            where: Any = (code.co_qualname, code.co_firstlineno)
        elif kind == "class":
            return f"class {class_module(thing)}.{qualname_of(thing)}"
        elif id(thing) in self._known and kind not in VALUES:
            return self._way(self._known[id(thing)])
        else:
            where = head
        inner = (*around, id(thing))
        parts = [f"{spoken(['', step])}={self._tell(child, inner, depth + 1)}" for step, child in kids]
        if kind in UNORDERED:
            parts.sort()
        return f"{kind} {where} ({', '.join(parts)})"


BEARING: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
"""Kinds that have a name by which people call them."""


def name_of(thing: Any) -> str:
    """For a reason."""
    if type(thing) is functools.partial:
        return name_of(thing.func)
    if issubclass(type(thing), BEARING):
        return str(thing.__qualname__)
    return qualname_of(type(thing))


def by_name(things: Iterable[tuple[str, Any]], tell: Callable[[Any], str]) -> dict[str, str]:
    """Texts by name; of several of one name the second is `name 1`."""
    count = Counter[str]()
    found: dict[str, str] = {}
    for name, thing in things:
        found[f"{name} {count[name]}" if count[name] else name] = tell(thing)
        count[name] += 1
    return found

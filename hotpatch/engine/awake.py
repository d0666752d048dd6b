"""What is evaluated when it is first asked for something, and what it is then.

An object in front of a value that is not made before somebody wants it (a regular expression compiled at its
first use, say) is asleep in a clean start and awake in a process that serves.  Where the new sources have
another one in its place, or another function that evaluates it, there is no telling from a start alone
whether what lives has only been evaluated or was given something of its own.  So one more clean start of the
old sources asks those objects, and only those, for a name that nobody has.  What an evaluation leaves behind
as plain data can be compared; anything else counts as state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .shape import Shape, Shapes, Step
from .world import World

if TYPE_CHECKING:
    from .match import Match, Pair

Told = Any
"""Plain data all the way down, as `(kind, type of the head, head, ((step, Told), ...))`."""
NOBODYS: Final = "_a_name_that_nobody_has_"
INSIDE: Final = frozenset({"function", "cell", "tuple", "method", "partial", "dict", "list"})
WHOLE: Final = frozenset({"plain", "outside", "tuple", "frozenset", "reduced"})


def told(thing: Any, expand: Callable[[Any], Any]) -> Told | None:
    """`thing` is an object and `expand` that of its process, or an index and the look-up in a graph; None if
    it is not plain data."""
    kind, head, kids, _ = expand(thing)
    if kind not in WHOLE:
        return None
    inside = [(step, told(child, expand)) for step, child in kids]
    if any(what is None for _, what in inside):
        return None
    return kind, type(head).__name__, head, tuple(inside)


def sleepers(match: Match, replaced: Collection[Pair]) -> list[Pair]:
    """Values whose class, or a base of it, answers for names that they have not: those that give way to
    others, and those that are asleep and would be evaluated by something that changes."""
    nodes = match.old.nodes
    return sorted(
        pair
        for pair in match.edges.keys() | replaced
        if nodes[pair[0]][0] == "value"
        and (pair in replaced or (_asleep(nodes, pair[0]) and _changes_inside(match, pair)))
        and _answers(nodes, nodes[pair[0]][2][0][1])
    )


def _asleep(nodes: Sequence[Any], i: int) -> bool:
    """Does it have a bare object, or None, for what it has not got yet?"""
    return any(
        nodes[child][0] == "object" or nodes[child][:2] == ("plain", None)
        for step, child in nodes[i][2]
        if type(step) is tuple and step[0] in ("attr", "slot")
    )


def _changes_inside(match: Match, pair: Pair) -> bool:
    """Does a function that it holds change, or what such a function closes over?"""
    todo, seen = [pair], {pair}
    while todo:
        for _, _, child in match.edges.get(todo.pop(), ()):
            if child in match.replaced or (child in match.different and child not in match.moved):
                return True
            if match.old.kind(child[0]) in INSIDE and child not in seen:
                seen.add(child)
                todo.append(child)
    return False


def _answers(nodes: Sequence[Any], cls: int) -> bool:
    kind, _, kids, _ = nodes[cls]
    return kind == "class" and any(
        step == ("attr", "__getattr__") or (step[0] == "base" and _answers(nodes, child))
        for step, child in kids
    )


def wake(world: World, extra: Mapping[str, Any], ways: Iterable[Sequence[Step]]) -> None:
    """In a clean process: ask the objects that are found on these ways."""
    shapes = Shapes(world)
    found = [_on(shapes, world.local.get(way[0], extra.get(way[0])), way[1:]) for way in ways]
    for obj in found:
        with contextlib.suppress(BaseException):  # whatever it raises, it is as evaluated as it can be
            getattr(obj, NOBODYS, None)


def _on(shapes: Shapes, obj: Any, way: Sequence[Step]) -> Any:
    for step in way:
        shape: Shape = shapes.expand(obj)
        obj = dict(shape[2]).get(step)
    return obj


def became(match: Match, sleeping: Iterable[int]) -> dict[int, dict[Step, Told | None]]:
    """By node of the old start, which `match` lays over one that was asked: what has another value since;
    None for what is no plain data."""
    found: dict[int, dict[Step, Told | None]] = {}
    old, awake = match.old.nodes.__getitem__, match.new.nodes.__getitem__
    for o in sleeping:
        n = match.partner.get(o)
        before = match.old.kids(o)
        for step, child in () if n is None else match.new.kids(n).items():
            what, stood = told(child, awake), before.get(step)
            if what is None:
                stays = (
                    stood is not None
                    and (stood, child) in match.pairs
                    and (stood, child) not in match.replaced
                )
            else:
                stays = stood is not None and told(stood, old) == what
            if not stays:
                found.setdefault(o, {})[step] = what
    return found

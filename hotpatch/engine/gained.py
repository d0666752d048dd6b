"""Keys that are objects, known again after they have gained something since the start.

A key that is no plain value goes by its label, which tells the plain attributes that an object has.  An
object that keeps its own `repr`, say, has one more by the time that a change comes.  So a key that is not
there by its label is looked for by what it had: the one key whose label says all that the old one said, and
more.  Where another key of the start could have come to look like it, there is no telling, and it is not
looked for.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from typing import Any

from .shape import Step

OBJECTS = ("instance", "value")
Named = tuple[Step, int]
"""A step, and the node it leads to."""


def by_object(step: Step) -> bool:
    """Is this the step to a key, to a key's value or to an item of a set, where that is an object?"""
    return type(step) is tuple and len(step) == 4 and step[1] == "obj"


def found_again(step: Step, steps: Iterable[Step]) -> Step | None:
    """Of the steps that an object has now, the only one that speaks of what `step` spoke of at the start."""
    what, _, text, number = step
    found = [s for s in steps if by_object(s) and s[0] == what and covers(s[2], text)]
    return found[0] if len(found) == 1 and number == 0 else None


def unmistakable(step: Step, steps: Iterable[Step]) -> bool:
    """Is no other key of the start one that may have come to look like this one?"""
    what, _, text, _ = step
    return not any(by_object(s) and s[0] == what and s != step and not _apart(s[2], text) for s in steps)


def covers(live: str, start: str) -> bool:
    """Does the label say all that `start` says, with attributes beyond it at most?"""
    return live == start or _covers(_read(live), _read(start))


def _covers(live: Any, start: Any) -> bool:
    if type(live) is not tuple or type(start) is not tuple:
        return type(live) is type(start) and bool(live == start)
    if _of_object(live) and _of_object(start):
        return live[:2] == start[:2] and set(start[2:]) <= set(live[2:])
    return len(live) == len(start) and all(map(_covers, live, start))


def _apart(one: str, other: str) -> bool:
    return _differ(_read(one), _read(other))


def _differ(one: Any, other: Any) -> bool:
    if type(one) is not tuple or type(other) is not tuple:
        return type(one) is not type(other) or bool(one != other)
    if _of_object(one) and _of_object(other):
        a, b = ({part[0]: part[1:] for part in side[2:]} for side in (one, other))
        return one[:2] != other[:2] or any(a[step] != b[step] for step in a.keys() & b.keys())
    return len(one) != len(other) or any(map(_differ, one, other))


def _of_object(label: tuple[Any, ...]) -> bool:
    return len(label) > 1 and label[0] in OBJECTS


@functools.lru_cache(4096)
def _read(text: str) -> Any:
    """A label from its text; the text itself where it is none that can be read."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def pair_up(gone: list[Named], come: list[Named]) -> list[tuple[Named, Named]]:
    """Keys of the live process that have gained something, and those of the start that they were, both out
    of what found no partner by label."""
    pairs = []
    for new in come:
        if by_object(new[0]) and (step := found_again(new[0], [s for s, _ in gone])) is not None:
            rivals = [s for s, _ in come if by_object(s) and s[0] == step[0] and covers(step[2], s[2])]
            if len(rivals) == 1:
                pairs.append((next(old for old in gone if old[0] == step), new))
    return pairs

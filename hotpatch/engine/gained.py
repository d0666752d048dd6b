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
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from .shape import Step

OBJECTS = ("instance", "value")
MOST_COMPARED = 40_000
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


def may_gain(step: Step) -> bool:
    """Is it one whose label may tell more by and by?  That of a tuple of numbers never does."""
    return by_object(step) and any(f"'{kind}'" in step[2] for kind in OBJECTS)


def unmistakable(step: Step, others: Collection[Step]) -> bool:
    """Is no other key of the start one that may have come to look like this one?  Of very many there is no
    telling in a time that is worth it."""
    what, _, text, _ = step
    if len(others) ** 2 > MOST_COMPARED:
        return False
    return not any(s[0] == what and s != step and not _apart(s[2], text) for s in others)


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


def pair_up(gone: list[Named], come: list[Named], here: bool) -> list[tuple[Named, Named]]:
    """Keys that one side knows by more than the other, out of what found no partner by its label.  Where one
    side is the live process, `here`, it is the one that has gained something."""
    keys = [step for step, _ in gone if by_object(step)], [step for step, _ in come if by_object(step)]
    if len(keys[0]) * len(keys[1]) > MOST_COMPARED:
        return []

    def may_be(old: Step, new: Step) -> bool:
        same = old[0] == new[0] and old[3] == new[3] == 0
        return same and (covers(old[2], new[2]) or (not here and covers(new[2], old[2])))

    pairs = [(old, new) for old in keys[0] for new in keys[1] if may_be(old, new)]
    count = Counter((side, step) for pair in pairs for side, step in enumerate(pair))
    old_node, new_node = dict(gone), dict(come)
    return [
        ((old, old_node[old]), (new, new_node[new]))
        for old, new in pairs
        if count[0, old] == count[1, new] == 1
    ]


def as_at_start(live: list[str], start: list[str]) -> list[str]:
    """The labels of items that live, without what these have gained since the start."""
    known = dict.fromkeys(start)
    if len(live) * len(known) > MOST_COMPARED:
        return live
    return [text if text in known else next((s for s in known if covers(text, s)), text) for text in live]

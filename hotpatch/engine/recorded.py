"""What only the records of changes hold: it is there for an undo, and nobody else can come by it."""

from __future__ import annotations

import gc
import types
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

from hotpatch.ops import Op

from .frozen import holders_of
from .reading import qualname_of, raw_dict
from .view import View, stands

DEEPEST: Final = 16
"""Steps from a thing up to the record that holds it; each is one pass over the heap for all of them."""


MANY: Final = 1_000
"""More things of one step are not asked about: each pass takes the longer the more they are."""


class Note(NamedTuple):
    """Two things by which staging, or an undo, remembers what it is about; no holder of the program's."""

    what: Any
    more: Any


class Record:
    """What staging, an edit or its undo is to remember, and may for as long as a release runs: no holder of
    the program's, and neither is what it alone holds."""

    __slots__ = ()


_RECORDS: Final = (Op, Note, Record)


def is_record(holder: Any) -> bool:
    return issubclass(type(holder), _RECORDS)


def recorded(
    things: Sequence[Any],
    passed: Container[int],
    view: View,
    dead: Container[int] = (),
    elsewhere: Set[int] = frozenset(),
) -> set[int]:
    """The ids of those that records hold, directly or in what they hold, and that nothing else does.

    `passed` are ids of what holds them for the sake of this question.  Frames are passed as well; `elsewhere`
    are ids of what is held all the same.  `dead` are ids of what only records hold, as is asked elsewhere.
    """
    asked = set(map(id, things))
    met: dict[int, Any] = {id(thing): thing for thing in things}
    below: dict[int, set[int]] = defaultdict(set)
    roots, outside = set[int](), set[int]()
    level = dict(met)
    for _ in range(DEEPEST):
        if not level:
            break
        asked_for = tuple(level.values())
        own = set(map(id, (things, met, level)))
        topless = set(level)
        higher: dict[int, Any] = {}
        above = holders_of(asked_for)
        for holder in above:
            counts_as_one = is_record(holder) or id(holder) in dead
            is_known = id(holder) in own or id(holder) in passed
            if is_known and not counts_as_one:
                continue
            held = {id(part) for part in gc.get_referents(holder) if id(part) in level}
            held = {i for i in held if not view.keeps(holder, level[i])}
            topless -= held
            below[id(holder)] |= held
            if counts_as_one:
                roots.add(id(holder))
            elif _is_in_place(holder, view):
                outside.add(id(holder))
            elif held and id(holder) not in met:
                higher[id(holder)] = holder
            met[id(holder)] = holder  # so that an id stands for one thing alone
        del above, asked_for  # they would be holders of the next level
        outside |= topless | (level.keys() & elsewhere)
        if len(higher) > MANY:
            outside |= higher.keys()
        spoilt = _down(outside, below)
        level = {i: holder for i, holder in higher.items() if below[i] - spoilt}
    grounded = _down(roots, below)
    # What hold each other and are held by no record: a variable of a frame may have one of them.
    outside |= below.keys() - grounded
    return (asked & grounded) - _down(outside | level.keys(), below)


def _is_in_place(holder: Any, view: View) -> bool:
    """Does the program certainly have it: a module, its variables, a class, in its place?  Who holds those in
    turn need not be asked.  What an earlier release took away is held by the record of that, or by whoever
    holds on to it; so is a function, in its place or not."""
    kind = type(holder)
    if kind is types.CodeType:
        return True
    if issubclass(kind, type):
        return "<locals>" in qualname_of(holder) or stands(holder, view)
    space = raw_dict(holder) if issubclass(kind, types.ModuleType) else holder
    return type(space) is dict and are_variables(space, view.modules())


def are_variables(space: dict[Any, Any], modules: Mapping[str, Any]) -> bool:
    """Is this the dictionary of one of these modules?"""
    name = space.get("__name__")
    module = modules.get(name) if type(name) is str else None
    return module is not None and raw_dict(module) is space


def _down(starts: Iterable[int], below: Mapping[int, set[int]]) -> set[int]:
    found, todo = set[int](), list(starts)
    while todo:
        i = todo.pop()
        if i not in found:
            found.add(i)
            todo += below.get(i, ())
    return found

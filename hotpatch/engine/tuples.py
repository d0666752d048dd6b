"""Rows that old code made, tuples of a fixed length: do they have the items that new code unpacks?

The same lie as that of `records`, for tuples: `ROWS.append((name, 1))` ran, the new code appends
`(name, 1, 10)`, and new code says `for name, count, weight in ROWS` or `row[2]`.  A tuple has no keys to be
known by, so the check asks for all of these: a function that changed puts tuples of another length into a
container than before, new code reads that length and old code didn't, and a container that goes by a name
which the function uses (a variable of its module, an attribute of an object) holds one of the old length.
"""

from __future__ import annotations

import dis
import types
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from . import codes, reading
from .records import Functions

CONTAINERS: Final = (list, set, frozenset, dict, deque)
PUTS: Final = frozenset(
    ("append", "appendleft", "add", "insert", "put", "put_nowait", "setdefault", "heappush")
)
MOST_ITEMS: Final = 10_000
"""Items looked at in one container: the first ones are the oldest."""


@frozen
class Lengths:
    """What a function does with tuples whose length its code knows."""

    kept: frozenset[int]
    """Lengths that are built where the function puts things into containers."""
    read: frozenset[int]
    """Lengths that it unpacks, and those that a constant index asks for at least."""

    @staticmethod
    def of(code: types.CodeType) -> Lengths:
        kept, read = set[int](), set[int]()
        for part in codes.walk(code):
            puts = bool(PUTS & set(part.co_names))
            steps = [step for step in dis.get_instructions(part) if step.opname != "CACHE"]
            for step, following in zip(steps, [*steps[1:], None], strict=True):
                if step.opname == "UNPACK_SEQUENCE" and step.arg is not None:
                    read.add(step.arg)
                elif type(step.argval) is int and step.opname == "LOAD_CONST":
                    if following is not None and following.opname == "BINARY_SUBSCR":
                        read.add(step.argval + 1)
                elif step.opname == "BUILD_TUPLE" and step.arg is not None:
                    kept |= {step.arg} if puts or _stores(part) else set()
                elif step.opname == "LOAD_CONST" and type(step.argval) is tuple and puts:
                    kept.add(len(step.argval))
        return Lengths(frozenset(kept), frozenset(read))


def _stores(code: types.CodeType) -> bool:
    return any(step.opname == "STORE_SUBSCR" for step in dis.get_instructions(code))


def outgrown(functions: Functions, added: Iterable[types.FunctionType], objects: Sequence[Any]) -> list[str]:
    """Sentences, one for each function whose rows that live have another length than new code unpacks.

    `added` are functions that the edit brings; `objects` are all that the collector tracks.
    """
    before = {i: Lengths.of(old) for i, (_, old, _) in functions.items()}
    after = {i: Lengths.of(new) for i, (_, _, new) in functions.items()}
    news = [*after.values(), *(Lengths.of(f.__code__) for f in added)]
    read = {n for lengths in news for n in lengths.read}
    read -= {n for lengths in before.values() for n in lengths.read}
    found: dict[str, None] = {}
    for i, (function, old, _) in functions.items():
        stale = before[i].kept - after[i].kept
        if stale and _reads(read, max(stale), after[i].kept - before[i].kept):
            for name, container in _named(function, old, objects):
                if any(type(row) is tuple and len(row) in stale for row in _items(container)):
                    found[
                        f"rows of {name} as {function.__qualname__} made them live, and have another length "
                        "than new code unpacks"
                    ] = None
    return list(found)


def _reads(read: set[int], stale: int, made: frozenset[int]) -> bool:
    """Does new code read an item that tuples of the new lengths have, and those of the old don't, or unpack
    what has become shorter?"""
    return any(length in read or any(stale < n <= length for n in read) for length in made)


def _named(
    function: types.FunctionType, old: types.CodeType, objects: Sequence[Any]
) -> Iterator[tuple[str, Any]]:
    """Containers that go by a name which the code uses."""
    names = {name for part in codes.walk(old) for name in part.co_names}
    for name in names & function.__globals__.keys():
        if isinstance(function.__globals__[name], CONTAINERS):
            yield name, function.__globals__[name]
    for obj in objects:
        space = (reading.raw_dict(obj) if reading.is_python_class(type(obj)) else None) or {}
        for name in names & space.keys():
            if type(space[name]) in CONTAINERS:
                yield f"{type(obj).__qualname__}.{name}", space[name]


def _items(container: Any) -> Iterator[Any]:
    items = container.values() if isinstance(container, dict) else container
    for count, item in enumerate(list(items)):
        if count == MOST_ITEMS:
            return
        yield item
        if type(item) in (list, deque):  # a table of tables, by key
            yield from item

"""Tables that make what they lack, and make another kind of thing from now on: what they made so far lives.

`COUNTS = defaultdict(int)` becomes `defaultdict(list)`, the table gets the new factory where it is, and has
numbers in it that new code appends to.
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from .codes import steps_of
from .instances import Functions
from .kinds import UNKNOWN, kind_named, kind_of
from .living import Living
from .reading import mro_of

MOST_ENTRIES: Final = 10_000
"""Looked at in one table: the first ones are the oldest."""
_FACTORY: Final = defaultdict.__dict__["default_factory"]


def outgrown(functions: Functions, ops: Sequence[Op], objects: Living) -> list[str]:
    """Sentences, one for each table that has entries of a kind that it makes no more.  To be asked after the
    commit; `objects` are all that the collector tracks."""
    found: dict[str, None] = {}
    for table, where, before, after in _changed(functions, ops, objects):
        gone = _makes(before)
        if UNKNOWN not in (gone, _makes(after)) and gone != _makes(after):
            entries = list(dict.values(table))[:MOST_ENTRIES]
            if any(gone == kind_named(type(entry)) and not _fits(entry, after) for entry in entries):
                found[f"{where} has a {gone} as an entry that lives, and makes {_makes(after)} instead"] = (
                    None
                )
    return list(found)


Factory = type | types.CodeType | None
"""What a table calls: a class, or the code of a function."""


def _changed(
    functions: Functions, ops: Sequence[Op], objects: Living
) -> Iterator[tuple[Any, str, Factory, Factory]]:
    codes = {id(f): old for f, old, _ in functions.values()}
    told = set[int]()
    for op in ops:
        if op.kind is SlotKind.MEMBER and op.key is _FACTORY:
            told.add(id(op.owner))
            yield op.owner, op.where, _factory(op.before, codes), _factory(op.after, {})
    for table in objects.exactly(defaultdict) if codes else ():
        if id(table.default_factory) in codes and id(table) not in told:
            factory = table.default_factory
            name = getattr(factory, "__qualname__", "")
            yield table, f"a defaultdict of {name}", codes[id(factory)], _factory(factory, {})


def _factory(factory: Any, codes: dict[int, types.CodeType]) -> Factory:
    if type(factory) is types.FunctionType:
        return codes.get(id(factory), factory.__code__)
    return factory if issubclass(type(factory), type) else None


def _makes(factory: Factory) -> str:
    """The kind of what it makes, UNKNOWN where that can't be told."""
    if factory is None:
        return UNKNOWN
    if type(factory) is not types.CodeType:
        return kind_named(factory) if issubclass(type(factory), type) else UNKNOWN
    steps = steps_of(factory)
    kinds = {kind_of(steps[:i]) for i, step in enumerate(steps) if i and step.opname == "RETURN_VALUE"}
    return kinds.pop() if len(kinds) == 1 else UNKNOWN


def _fits(entry: Any, factory: Factory) -> bool:
    """Is it of a class that extends what is made from now on?"""
    return issubclass(type(factory), type) and factory in mro_of(type(entry))

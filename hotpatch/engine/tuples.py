"""Rows that old code made, tuples and lists of a fixed length: do they have the items that new code unpacks?

The same lie as that of `records`, for rows: `ROWS.append((name, 1))` ran, the new code appends
`(name, 1, 10)`, and new code says `for name, count, weight in ROWS` or `row[2]`.  A row has no keys to be
known by, so the check asks for all of these: a function that changed makes rows of another length than before
(and keeps them: in a container, under a name, or by giving them to a caller that does), new code reads that
length and old code didn't, and what goes by a name that the function uses (a variable of its module, an
attribute of an object) holds one of the old length, or is one.
"""

from __future__ import annotations

import dis
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import frozen

from . import attribute_use, codes, instructions, reading
from .keys import PUTS
from .living import Living
from .records import Functions

CONTAINERS: Final = (list, set, frozenset, dict, deque, defaultdict, OrderedDict)
QUEUES: Final = {"queue": "queue", "asyncio.queues": "_queue"}
"""Modules whose queues keep what waits in a container, and what that is called."""
ROWS: Final = {"BUILD_TUPLE": tuple, "BUILD_LIST": list}
MOST_ITEMS: Final = 10_000
"""Items looked at in one container: the first ones are the oldest."""

Row = tuple[type, int]
"""A tuple or a list, and its length."""


@frozen
class Lengths:
    """What a function does with rows whose length its code knows."""

    kept: frozenset[Row]
    """Built where the function puts things into containers."""
    named: frozenset[tuple[str, Row]]
    """Built and stored as they are, under the name of an attribute or of a global."""
    given: frozenset[Row]
    """Built and returned."""
    read: frozenset[int]
    """Lengths that it unpacks, and those that a constant index asks for at least."""

    @staticmethod
    def of(code: types.CodeType) -> Lengths:
        kept, named, given, read = set[Row](), set[tuple[str, Row]](), set[Row](), set[int]()
        gathers = _gathers(code)
        for part in codes.walk(code):
            keeps = _keeps(part)
            steps = instructions.of(part)
            for i, step in enumerate(steps):
                after = steps[i + 1 : i + 3]
                row = _row(steps, i)
                if row is not None:
                    is_gathered = gathers and after and _is_gathered(after[0], part)
                    kept |= {row} if keeps or is_gathered else set()
                    given |= {row} if after and after[0].opname in ("RETURN_VALUE", "YIELD_VALUE") else set()
                    named |= {(str(s.argval), row) for s in after if s.opname in _STORES}
                elif step.opname == "UNPACK_SEQUENCE" and step.arg is not None:
                    read.add(step.arg)
                elif step.opname == "LOAD_CONST" and type(step.argval) is int and _is_index(steps, i):
                    read.add(step.argval + 1)
        return Lengths(frozenset(kept), frozenset(named), frozenset(given), frozenset(read))

    def without(self, other: Lengths) -> Lengths:
        """What this one makes and the other doesn't."""
        return Lengths(
            self.kept - other.kept, self.named - other.named, self.given - other.given, self.read - other.read
        )

    @property
    def made(self) -> frozenset[Row]:
        return self.kept | self.given | {row for _, row in self.named}


_STORES: Final = ("STORE_ATTR", "STORE_GLOBAL")


def _row(steps: Sequence[dis.Instruction], i: int) -> Row | None:
    """What this step leaves on the stack, if that is a row.  A list of three constants or more is an empty
    one that takes in a tuple of them; a tuple may be there for other things, too."""
    step = steps[i]
    if step.opname in ROWS and step.arg:
        return ROWS[step.opname], step.arg
    following = steps[i + 1].opname if i + 1 < len(steps) else ""
    if step.opname == "LOAD_CONST" and type(step.argval) is tuple and following not in _TAKING_TUPLES:
        return tuple, len(step.argval)
    if step.opname == "LIST_EXTEND" and i > 1 and steps[i - 2].opname == "BUILD_LIST":
        taken = steps[i - 1]
        if not steps[i - 2].arg and taken.opname == "LOAD_CONST" and type(taken.argval) is tuple:
            return list, len(taken.argval)
    return None


_TAKING_TUPLES: Final = ("LIST_EXTEND", "BUILD_CONST_KEY_MAP", "CALL_KW")
_AGAIN: Final = ("COPY", "COPY", "BINARY_SUBSCR")


def _is_index(steps: Sequence[dis.Instruction], i: int) -> bool:
    """Is this constant what something is read or set by?  `row[2] += 1` copies row and index first."""
    after = tuple(step.opname for step in steps[i + 1 : i + 4])
    return after[:1] in (("BINARY_SUBSCR",), ("STORE_SUBSCR",)) or after == _AGAIN


def _keeps(code: types.CodeType) -> bool:
    """Does it put things into containers?"""
    return bool(PUTS & set(code.co_names)) or any(
        step.opname == "STORE_SUBSCR" for step in instructions.of(code)
    )


def _gathers(code: types.CodeType) -> bool:
    """May what it gathers in a comprehension last?"""
    return any(
        _keeps(part)
        or not _TAKING_IN.isdisjoint(part.co_names)
        or any(step.opname in _STORES for step in instructions.of(part))
        for part in codes.walk(code)
    )


_TAKING_IN: Final = frozenset({"extend", "extendleft", "update"})


def _is_gathered(step: dis.Instruction, code: types.CodeType) -> bool:
    """Does it put what is on top of the stack into what a comprehension makes?"""
    is_generator = code.co_name == "<genexpr>" and step.opname == "YIELD_VALUE"
    return is_generator or step.opname in ("LIST_APPEND", "SET_ADD", "MAP_ADD")


def outgrown(functions: Functions, added: Iterable[types.FunctionType], objects: Living) -> list[str]:
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
        stale, fresh = before[i].without(after[i]), after[i].without(before[i])
        if not _outgrown(read, stale.made, fresh.made):
            continue
        for name, rows in _living(function, old, stale, objects):
            found[
                f"{rows} of {name} as {function.__qualname__} made them live, and have another length "
                "than new code unpacks"
            ] = None
    return list(found)


def _outgrown(read: set[int], stale: frozenset[Row], fresh: frozenset[Row]) -> bool:
    return any(
        _reads(read, max(n for k, n in stale if k is kind), frozenset(n for k, n in fresh if k is kind))
        for kind in {kind for kind, _ in stale}
    )


def _living(
    function: types.FunctionType, old: types.CodeType, stale: Lengths, objects: Living
) -> Iterator[tuple[str, str]]:
    """What holds rows as the function no longer makes them, by name."""
    for name, container in _named(function, old, objects) if stale.kept else ():
        if _holds(container, stale.kept):
            yield name, "rows"
    names = {name: {row for n, row in stale.named if n == name} for name, _ in stale.named}
    for name, key, value in _values(function, old, names, objects):
        if _is_row(value) and (type(value), len(value)) in names[key]:
            yield name, "values"
    tables = (obj for obj in objects.exactly(defaultdict) if obj.default_factory is function)
    if stale.given and any(_holds(table, stale.given) for table in tables):
        yield "a defaultdict", "rows"
    for caller in _callers(function, objects) if stale.given else ():
        for name, container in _named(caller, caller.__code__, objects):
            if _holds(container, stale.given):
                yield name, "rows"


def _holds(container: Any, rows: frozenset[Row]) -> bool:
    return any((type(row), len(row)) in rows for row in items_of(container) if _is_row(row))


def _is_row(value: Any) -> bool:
    return type(value) is tuple or type(value) is list


def _callers(function: types.FunctionType, objects: Living) -> Iterator[types.FunctionType]:
    """Functions that call this one by its name, and put things into containers."""
    name = function.__code__.co_name
    for f in objects.exactly(types.FunctionType):
        if (
            name in f.__code__.co_names
            and (f.__globals__ is function.__globals__ or f.__globals__.get(name) is function)
            and _keeps(f.__code__)
        ):
            yield f


def _reads(read: set[int], stale: int, made: frozenset[int]) -> bool:
    """Does new code read an item that tuples of the new lengths have, and those of the old don't, or unpack
    what has become shorter?"""
    return any(length in read or any(stale < n <= length for n in read) for length in made)


def _named(function: types.FunctionType, old: types.CodeType, objects: Living) -> Iterator[tuple[str, Any]]:
    """Containers that go by a name which the code uses."""
    names = {name for part in codes.walk(old) for name in part.co_names}
    for name, _, value in _values(function, old, names, objects):
        container = waiting_in(value)
        if type(container) in CONTAINERS:
            yield name, container


def waiting_in(value: Any) -> Any:
    """What waits in a queue; anything else as it is."""
    name = QUEUES.get(reading.class_module(type(value)))
    return value if name is None else (reading.raw_dict(value) or {}).get(name)


def _values(
    function: types.FunctionType, old: types.CodeType, names: Iterable[str], objects: Living
) -> Iterator[tuple[str, str, Any]]:
    """(for people, name, value) of variables of the function's module and attributes of objects: of its own
    alone, where it speaks of no other's."""
    wanted = frozenset(names)
    if not wanted:
        return
    for name in wanted & function.__globals__.keys():
        yield name, name, function.__globals__[name]
    own = attribute_use.used_on_self_alone(old) if "." in function.__qualname__ else set[str]()
    classes = {i: cls for i, cls in objects.classes.items() if own and reading.is_python_class(cls)}
    mine = {i for i, cls in classes.items() if _has(cls, function)}
    for obj in objects.of(reading.is_python_class):
        if space := reading.raw_dict(obj):
            wants = wanted if not own or id(type(obj)) in mine else wanted - own
            for name in wants & space.keys():
                yield f"{type(obj).__qualname__}.{name}", name, space[name]


def _has(cls: type, function: types.FunctionType) -> bool:
    """Is it a method of this class, or of a base of it?  One that is wrapped goes by its name."""
    place = function.__module__, function.__qualname__.rpartition(".")[0]
    for base in reading.mro_of(cls):
        if (reading.class_module(base), reading.qualname_of(base)) == place:
            standing = reading.class_dict(base).get(function.__name__)
            return type(standing) is not types.FunctionType or standing is function or _wraps(standing)
    return False


def _wraps(function: types.FunctionType) -> bool:
    return bool(function.__closure__) or "__wrapped__" in vars(function)


def items_of(container: Any) -> Iterator[Any]:
    items = container.values() if isinstance(container, dict) else container
    for count, item in enumerate(list(items)):
        if count == MOST_ITEMS:
            return
        yield item
        if type(item) in (list, deque):  # a table of tables, by key
            yield from item

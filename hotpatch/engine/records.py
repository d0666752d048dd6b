"""Records that old code made, dictionaries with fixed keys: do they have the keys that new code reads?

The same lie as that of attributes which only a new `__init__` sets: a session `{"user": ...}` lives, the new
login makes `{"user": ..., "lang": ...}`, and the new page reads `session["lang"]`.  A record is known by its
keys alone, so the check asks for all of these: a kind of record that a function makes gains a key, a function
comes to read that key by subscript (`get` and `in` know of its absence), and a dictionary lives that
the old function may have made, and which lacks it.  The same goes for containers into which a function puts
records from now on, and put something else before.

A dictionary that was made in one piece has all keys of its display, and further ones only if something
stores them; where a record goes by a name, an attribute's or a global's, only what goes by that name counts.
"""

from __future__ import annotations

import gc
import types
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from . import codes, reading
from .keys import Keys
from .living import Living
from .symbols import Record

Functions = Mapping[int, tuple[types.FunctionType, types.CodeType, types.CodeType]]
MOST_KEYS = 64
SURE = 2
"""With so many keys in common, a dictionary that took in those of another is a record of that kind."""


@frozen
class Growth:
    """A kind of record that a function made, and the keys that it has from now on and that are read."""

    maker: str
    variables: Mapping[str, Any]
    """Of the maker's module."""
    record: Record
    gained: frozenset[str]

    def lacks(self, keys: frozenset[str]) -> frozenset[str]:
        return self.gained - keys

    def made(self, keys: frozenset[str], stored: Callable[[str], bool]) -> bool:
        """May the old function have made a dictionary with these keys?  `stored` tells whether some function
        of the program has a use for a key."""
        kind = self.record
        if not kind.certain <= keys:
            return False
        if kind.place is not None:
            return bool(keys & kind.keys)
        if kind.open:
            return len(kind.certain) >= SURE
        further = keys - kind.keys
        if not further:  # one of several keys that it need not have is a name that much else has, too
            return len(keys) >= (min(SURE, len(kind.keys)) if not kind.certain else 1)
        return bool(kind.certain) and all(map(stored, further))


def lacking(
    functions: Functions,
    added: Iterable[types.FunctionType],
    objects: Living,
    is_ours: Callable[[types.FunctionType], bool],
) -> list[str]:
    """Sentences, one for each function whose records that live lack something.  `added` are functions that
    the edit brings; `objects` are all that the collector tracks."""
    before = {i: Keys.of(old) for i, (_, old, _) in functions.items()}
    after = {i: Keys.of(new) for i, (_, _, new) in functions.items()}
    read = newly_read(before, after, added)
    if not read:
        return []
    found: dict[str, None] = {}
    puts = [(f, n) for i, (f, _, _) in functions.items() for n in _put_as_records(before[i], after[i], read)]
    growths = [g for i, (f, _, _) in functions.items() for g in _growths(f, before[i], after[i], read)]
    places = {name for _, name in puts} | {g.record.place for g in growths if g.record.place is not None}
    held = attributes(places, objects)
    for function, name in puts:
        if any(map(_holds_others, named(name, function.__globals__, held))):
            found[f"{name} holds what {function.__qualname__} put there, which new code reads as records"] = (
                None
            )
    mentioned = Mentioned(objects, is_ours)
    for growth, record in _suspects(growths, held, objects):
        keys = frozenset(record)
        if (lacks := growth.lacks(keys)) and growth.made(keys, mentioned.anywhere):
            gone, maker = ", ".join(sorted(lacks)), growth.maker
            found[f"records as {maker} made them live and lack {gone}, which new code reads"] = None
    return list(found)


def newly_read(
    before: Mapping[int, Keys], after: Mapping[int, Keys], added: Iterable[types.FunctionType]
) -> set[str]:
    """Keys that code comes to read by subscript."""
    read = {key for i in after for key in after[i].read - before[i].read}
    return read | {key for f in added for key in Keys.of(f.__code__).read}


def _growths(f: types.FunctionType, before: Keys, after: Keys, read: set[str]) -> Iterator[Growth]:
    for record, grown in _heirs(before.records, after.records):
        if gained := (grown.keys - record.keys) & read:
            yield Growth(f.__qualname__, f.__globals__, record, gained)


def _put_as_records(before: Keys, after: Keys, read: set[str]) -> Iterator[str]:
    """Names of containers into which records go from now on, and something else went before."""
    if any(record.keys & read for record in after.records):
        for name, is_record in sorted(after.items):
            if is_record and (name, False) in before.items and (name, True) not in before.items:
                yield name


def _holds_others(container: Any) -> bool:
    """Does it hold what has no keys to be read by?"""
    kind = type(container)
    if kind not in (list, dict, set, deque):
        return False
    items = list(container.values()) if kind is dict else list(container)
    return any(type(item) in reading.PLAIN or type(item) in (tuple, list, set) for item in items)


def _heirs(before: Sequence[Record], after: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Which of the new function's records are of the kind of which of the old one's: those that stand in the
    same order; where some came or went, what is there as it was, and else those with most keys in common."""
    if len(before) == len(after) and all(map(_alike, before, after)):
        yield from zip(before, after, strict=True)
        return
    unchanged = Counter(after)
    for record in before:
        if unchanged[record]:
            unchanged[record] -= 1
            continue
        alike = [other for other in after if _alike(record, other)]
        if alike:
            yield record, max(alike, key=lambda other: len(other.keys & record.keys))


def _alike(one: Record, other: Record) -> bool:
    return one.place == other.place and bool(one.keys & other.keys)


_DECLARING: Final = ("__annotations__", "__dataclass_fields__", "__pydantic_fields__")
Held = Mapping[str, Sequence[Any]]
"""What objects have as attributes, by the attribute's name."""


def _suspects(
    growths: Sequence[Growth], held: Held, objects: Living
) -> Iterator[tuple[Growth, dict[str, Any]]]:
    for growth in growths:
        if growth.record.place is not None:
            values = named(growth.record.place, growth.variables, held)
            yield from ((growth, value) for value in values if _is_record(value))
    nameless = [growth for growth in growths if growth.record.place is None]
    for record in records_in(objects) if nameless else ():
        for growth in nameless:
            yield growth, record


def named(name: str, variables: Mapping[str, Any], held: Held) -> Iterator[Any]:
    """What goes by this name: a variable of the module, attributes of objects."""
    if name in variables:
        yield variables[name]
    yield from held.get(name, ())


def attributes(names: set[str], objects: Living) -> Held:
    """One look at the heap for all of these names."""
    found: dict[str, list[Any]] = {}
    for obj in objects.of(reading.is_python_class) if names else ():
        space = reading.raw_dict(obj) or {}
        for name in names & space.keys():
            found.setdefault(name, []).append(space[name])
    return found


def records_in(objects: Living) -> Iterator[dict[str, Any]]:
    """Small dictionaries, those that the collector does not track among them: they hold plain values alone,
    and something else holds them.  What a class or a module has been declared to have is none of them."""
    seen = set(_declarations(objects))
    for holder in objects.of(lambda _: True):
        for thing in (holder, *gc.get_referents(holder)):
            if type(thing) is dict and id(thing) not in seen:
                seen.add(id(thing))
                if _is_record(thing):
                    yield thing


def _declarations(objects: Living) -> Iterator[int]:
    spaces = [reading.class_dict(cls) for cls in objects.below(type)]
    spaces += [vars(module) for module in objects.below(types.ModuleType)]
    return (id(space[name]) for space in spaces for name in _DECLARING if name in space)


def _is_record(thing: Any) -> bool:
    return type(thing) is dict and 0 < len(thing) <= MOST_KEYS and all(type(key) is str for key in thing)


class Mentioned:
    """Strings that functions of the program have among their constants."""

    def __init__(self, objects: Living, is_ours: Callable[[types.FunctionType], bool]) -> None:
        self._objects, self._is_ours = objects, is_ours
        self._words: set[str] | None = None

    def anywhere(self, word: str) -> bool:
        if self._words is None:
            functions = self._objects.exactly(types.FunctionType)
            parts = (part for f in functions if self._is_ours(f) for part in codes.walk(f.__code__))
            self._words = {word for part in parts for const in part.co_consts for word in _words(const)}
        return word in self._words


def _words(const: Any) -> Iterator[str]:
    if type(const) is str:
        yield const
    elif type(const) is tuple:
        yield from (item for item in const if type(item) is str)

"""Records that old code made, dictionaries with fixed keys: do they have the keys that new code reads?

The same lie as that of attributes which only a new `__init__` sets: a session `{"user": ...}` lives, the new
login makes `{"user": ..., "lang": ...}`, and the new page reads `session["lang"]`.  A record is known by its
keys alone, so the check asks for all of these: a kind of record that a function makes gains a key, a function
comes to read that key by subscript (`get` and `in` know of its absence), and a dictionary lives that
the old function may have made, and which lacks it.

A dictionary that was made in one piece has all keys of its display, and further ones only if something
stores them; where a record goes by a name, an attribute's or a global's, only what goes by that name counts.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from . import codes, reading
from .keys import Keys, Record

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
        if not further:
            return bool(keys)
        return bool(kind.certain) and all(map(stored, further))


def lacking(
    functions: Functions,
    added: Iterable[types.FunctionType],
    objects: Sequence[Any],
    is_ours: Callable[[types.FunctionType], bool],
) -> list[str]:
    """Sentences, one for each function whose records that live lack something.  `added` are functions that
    the edit brings; `objects` are all that the collector tracks."""
    growths = list(_growths(functions, added))
    if not growths:
        return []
    mentioned = _Mentioned(objects, is_ours)
    found: dict[str, None] = {}
    for growth, record in _suspects(growths, objects):
        keys = frozenset(record)
        if (lacks := growth.lacks(keys)) and growth.made(keys, mentioned.anywhere):
            gone, maker = ", ".join(sorted(lacks)), growth.maker
            found[f"records as {maker} made them live and lack {gone}, which new code reads"] = None
    return list(found)


def _growths(functions: Functions, added: Iterable[types.FunctionType]) -> Iterator[Growth]:
    before = {i: Keys.of(old) for i, (_, old, _) in functions.items()}
    after = {i: Keys.of(new) for i, (_, _, new) in functions.items()}
    read = {key for i in functions for key in after[i].read - before[i].read}
    read |= {key for f in added for key in Keys.of(f.__code__).read}
    for i, (function, _, _) in functions.items() if read else ():
        for record in before[i].records:
            grown = _heir(record, after[i].records)
            if grown is not None and (gained := (grown.keys - record.keys) & read):
                yield Growth(function.__qualname__, function.__globals__, record, gained)


def _heir(record: Record, records: Iterable[Record]) -> Record | None:
    """Which of the new function's records are of the kind of this one: those with most keys in common."""
    alike = [r for r in records if r.place == record.place and r.keys & record.keys]
    return max(alike, key=lambda r: len(r.keys & record.keys), default=None)


def _suspects(growths: Sequence[Growth], objects: Sequence[Any]) -> Iterator[tuple[Growth, dict[str, Any]]]:
    named = [growth for growth in growths if growth.record.place is not None]
    for growth, value in _by_name(named, objects) if named else ():
        if _is_record(value):
            yield growth, value
    nameless = [growth for growth in growths if growth.record.place is None]
    for record in _records(objects) if nameless else ():
        for growth in nameless:
            yield growth, record


def _by_name(growths: Sequence[Growth], objects: Sequence[Any]) -> Iterator[tuple[Growth, Any]]:
    """What goes by the names of records: variables of the makers' modules, attributes of objects."""
    by_name: dict[str, list[Growth]] = {}
    for growth in growths:
        name = growth.record.place or ""
        yield growth, growth.variables.get(name)
        by_name.setdefault(name, []).append(growth)
    for obj in objects:
        space = reading.raw_dict(obj) if reading.is_python_class(type(obj)) else None
        for name in by_name.keys() & space.keys() if space else ():
            for growth in by_name[name]:
                yield growth, (space or {})[name]


def _records(objects: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Small dictionaries, those that the collector does not track among them: they hold plain values alone,
    and something else holds them."""
    seen: set[int] = set()
    for holder in objects:
        for thing in (holder, *gc.get_referents(holder)):
            if type(thing) is dict and id(thing) not in seen:
                seen.add(id(thing))
                if _is_record(thing):
                    yield thing


def _is_record(thing: Any) -> bool:
    return type(thing) is dict and 0 < len(thing) <= MOST_KEYS and all(type(key) is str for key in thing)


class _Mentioned:
    """Strings that functions of the program have among their constants."""

    def __init__(self, objects: Sequence[Any], is_ours: Callable[[types.FunctionType], bool]) -> None:
        self._objects, self._is_ours = objects, is_ours
        self._words: set[str] | None = None

    def anywhere(self, word: str) -> bool:
        if self._words is None:
            functions = (f for f in self._objects if type(f) is types.FunctionType)
            parts = (part for f in functions if self._is_ours(f) for part in codes.walk(f.__code__))
            self._words = {word for part in parts for const in part.co_consts for word in _words(const)}
        return word in self._words


def _words(const: Any) -> Iterator[str]:
    if type(const) is str:
        yield const
    elif type(const) is tuple:
        yield from (item for item in const if type(item) is str)

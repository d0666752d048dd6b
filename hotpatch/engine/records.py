"""Records that old code made, dictionaries with fixed keys: do they have the keys that new code reads?

The same lie as that of attributes which only a new `__init__` sets: a session `{"user": ...}` lives, the new
login makes `{"user": ..., "lang": ...}`, and the new page reads `session["lang"]`.  A record is known by its
keys alone, so the check asks for all of these: a function that changed writes a key that no code which
changed wrote before, new code reads it by subscript (`get` and `in` know of its absence), and a dictionary
lives of which every key is one that the same function wrote before, and which lacks it.
"""

from __future__ import annotations

import dis
import gc
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from . import codes

Functions = Mapping[int, tuple[types.FunctionType, types.CodeType, types.CodeType]]
MOST_KEYS = 64


@frozen
class Keys:
    """What a function does with constant keys."""

    read: frozenset[str]
    written: frozenset[str]

    @staticmethod
    def of(code: types.CodeType) -> Keys:
        read, written = set[str](), set[str]()
        for part in codes.walk(code):
            steps = [step for step in dis.get_instructions(part) if step.opname != "CACHE"]
            displays = any(step.opname == "BUILD_MAP" and step.arg for step in steps)
            for step, following in zip(steps, [*steps[1:], None], strict=True):
                name = following.opname if following is not None else ""
                if name == "BUILD_CONST_KEY_MAP" and type(step.argval) is tuple:
                    written |= {key for key in step.argval if type(key) is str}
                elif step.opname == "LOAD_CONST" and type(step.argval) is str:
                    if name == "BINARY_SUBSCR":
                        read.add(step.argval)
                    elif name == "STORE_SUBSCR" or displays:
                        written.add(step.argval)
        return Keys(frozenset(read), frozenset(written))


def lacking(functions: Functions, added: Iterable[types.FunctionType], objects: Sequence[Any]) -> list[str]:
    """Sentences, one for each function whose records that live lack something.  `added` are functions that
    the edit brings; `objects` are all that the collector tracks."""
    before = {i: Keys.of(old) for i, (_, old, _) in functions.items()}
    after = {i: Keys.of(new) for i, (_, _, new) in functions.items()}
    read = {key for keys in [*after.values(), *(Keys.of(f.__code__) for f in added)] for key in keys.read}
    known = {key for keys in before.values() for key in keys.written}
    wanted = {i: (after[i].written - known) & read for i in functions}
    wanted = {i: keys for i, keys in wanted.items() if keys and before[i].written}
    if not wanted:
        return []
    found: dict[str, None] = {}
    for record in _records(objects):
        for i, keys in wanted.items():
            if record.keys() <= before[i].written and keys - record.keys():
                gone = ", ".join(sorted(keys - record.keys()))
                maker = functions[i][0].__qualname__
                found[f"records as {maker} made them live and lack {gone}, which new code reads"] = None
    return list(found)


def _records(objects: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Small dictionaries, those that the collector does not track among them: they hold plain values alone,
    and something else holds them."""
    seen: set[int] = set()
    for holder in objects:
        for thing in (holder, *gc.get_referents(holder)):
            if type(thing) is dict and id(thing) not in seen:
                seen.add(id(thing))
                if 0 < len(thing) <= MOST_KEYS and all(type(key) is str for key in thing):
                    yield thing

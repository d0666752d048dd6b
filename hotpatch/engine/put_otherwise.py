"""Containers into which other things go from now on: objects of a class where records went, rows where plain
values went.  New code does not know what the container holds from before.

Asked for is all of this: a function put something else under a name and no longer does (or what it calls made
something else and no longer does), it puts an object of a class there (or a tuple), changed code newly reads
what such an object has (or unpacks a tuple of that length), and what goes by the name holds a thing that
lacks it (or is no row).  Code that asks for the kind of anything knows of both.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from . import codes, parts_used
from .attribute_use import stored_on_self
from .instances import methods_of
from .keys import Keys
from .living import Living
from .making import MAKERS
from .parts_lacking import has
from .reading import MISSING, class_attribute, class_dict, is_python_class, mro_of
from .records import Functions, attributes, named
from .symbols import CALL, ROW
from .tuples import CONTAINERS, Lengths, items_of, waiting_in

_ASKING: Final = frozenset(("isinstance", "hasattr", "getattr", "type", "AttributeError", "TypeError"))


def outdated(functions: Functions, added: Iterable[types.FunctionType], objects: Living) -> list[str]:
    """Sentences, one for each name under which things live that new code does not put there any more.  To be
    asked after the commit; `objects` are all that the collector tracks."""
    keys = {i: (Keys.of(old), Keys.of(new)) for i, (_, old, new) in functions.items()}
    puts = [
        _Put(f, name, kind, f)
        for i, (f, _, _) in functions.items()
        for name, kind in _put_otherwise(*keys[i])
    ]
    makers = {
        f.__name__: (f, made) for i, (f, _, _) in functions.items() if (made := _made_otherwise(*keys[i]))
    }
    puts += _by_makers(makers, objects) if makers else ()
    if not puts:
        return []
    edits = [(old, new) for _, old, new in functions.values()] + [(None, f.__code__) for f in added]
    news = _News.of(edits)
    held = attributes({put.name for put in puts}, objects)
    found: dict[str, None] = {}
    for put in puts:
        things = named(put.name, put.f.__globals__, held)
        if any(map(_lacking(put.kind, put.maker, news), things if put.whole else _inside(things))):
            put_there = f"{put.name} holds what {put.f.__qualname__} put there"
            found[f"{put_there}, and new code reads what it puts instead"] = None
    return list(found)


@frozen
class _Put:
    """Functions, here, are values."""

    f: Any
    """Puts it there."""
    name: str
    kind: str
    maker: Any
    """Whose code makes it."""
    whole: bool = False
    """Goes by the name itself, and is not put into what does."""


def _inside(things: Iterable[Any]) -> Iterator[Any]:
    containers = map(waiting_in, things)
    return (i for c in containers if type(c) in (*CONTAINERS, tuple) for i in items_of(c))


Makers = Mapping[str, tuple[types.FunctionType, list[str]]]
"""Functions that make something else from now on, by name, and what."""


def _by_makers(makers: Makers, objects: Living) -> Iterator[_Put]:
    """What functions put under names that they have from one of these."""
    for f in [f for f in objects.exactly(types.FunctionType) if makers.keys() & codes.names_in(f.__code__)]:
        keys = Keys.of(f.__code__)
        puts = [(put, False) for put in sorted(keys.kinds)] + [(put, True) for put in sorted(keys.stored)]
        for (name, kind), whole in puts:
            maker, kinds = makers.get(kind.removeprefix(CALL), (None, []))
            if kind.startswith(CALL) and f.__globals__.get(kind.removeprefix(CALL)) is maker:
                yield from (_Put(f, name, made, maker, whole) for made in kinds)


def _made_otherwise(old: Keys, new: Keys) -> list[str]:
    before, after = old.returned, new.returned
    return sorted(kind for kind in after - before if kind.startswith((CALL, ROW))) if before - after else []


def _put_otherwise(old: Keys, new: Keys) -> Iterator[tuple[str, str]]:
    """The names, and what goes there from now on."""
    before, after = old.kinds, new.kinds
    for name, kind in sorted(after - before):
        if kind.startswith((CALL, ROW)) and any(n == name for n, _ in before - after):
            yield name, kind


@frozen
class _News:
    """What changed code reads that it did not read before, where it asks for no kinds."""

    attributes: frozenset[str]
    """Of others than a method's own object."""
    lengths: frozenset[int]

    @staticmethod
    def of(edits: Sequence[tuple[types.CodeType | None, types.CodeType]]) -> _News:
        read, lengths = set[str](), set[int]()
        for old, new in edits:
            if new.co_name not in MAKERS and not codes.names_in(new) & _ASKING:
                read |= _read_of_others(new) - (set() if old is None else _read_of_others(old))
                lengths |= Lengths.of(new).read - (frozenset() if old is None else Lengths.of(old).read)
        return _News(frozenset(read), frozenset(lengths))


def _read_of_others(code: types.CodeType) -> set[str]:
    me = code.co_varnames[0] if code.co_argcount and "." in code.co_qualname else ""
    found = set[str]()
    for part in codes.walk(code):
        steps = codes.steps_of(part)
        for i, step in enumerate(steps[1:], 1):
            if step.opname in parts_used.READS and not parts_used.loads(steps[i - 1], me):
                found.add(step.argval)
    return found


def _lacking(kind: str, f: types.FunctionType, news: _News) -> Callable[[Any], bool]:
    """Does a thing lack what new code reads of those that the function puts there?"""
    if kind.startswith(ROW):
        length = int(kind.removeprefix(ROW))
        is_read = any(0 < n <= length for n in news.lengths)
        return lambda item: is_read and not issubclass(type(item), (tuple, list))
    cls: Any = f.__globals__.get(kind.removeprefix(CALL))
    if not (issubclass(type(cls), type) and is_python_class(cls)):
        return lambda item: False
    read = {name for name in news.attributes if _gives(cls, name)}
    return lambda item: (
        item is not None and cls not in mro_of(type(item)) and not all(has(item, name) for name in read)
    )


def _gives(cls: type, name: str) -> bool:
    """Has an object of the class an attribute of this name?"""
    if class_attribute(cls, name) is not MISSING:
        return True
    declared = (class_dict(base).get("__annotations__") for base in mro_of(cls))
    if any(type(fields) is dict and name in fields for fields in declared):
        return True
    stores = (stored_on_self(f.__code__) for base in mro_of(cls) for f in methods_of(base))
    return any(name in stored for stored in stores)

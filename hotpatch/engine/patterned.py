"""Records whose keys stand elsewhere than where they are made: have those that live the keys that new code
reads?

`asdict(user)` has the fields of a class, `dict(BASE)` the keys of a template, `dict.fromkeys(FIELDS)` those
that a constant lists.  When the class, the template or the list gains a key that code comes to read by
subscript, and code of the program makes records of it, those with the old keys are what `records` asks for as
well: made by old code, and lacking the key.
"""

from __future__ import annotations

import dis
import gc
import itertools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes
from .keys import Keys
from .living import Living
from .reading import class_dict, is_python_class, mro_of, qualname_of, raw_dict
from .records import Functions, Growth, Mentioned, newly_read, records_in
from .symbols import Record

ANNOTATIONS: Final = "__annotations__"
_DUMPING: Final = frozenset(("asdict", "model_dump", "_asdict"))
_COPYING: Final = frozenset(("copy", "deepcopy", "dict", "update"))
_LISTING: Final = frozenset(("fromkeys", "zip"))
_TAKING_IN: Final = frozenset(("DICT_UPDATE", "DICT_MERGE"))
_LISTS: Final = (tuple, list, set, frozenset)
_NAMED: Final = frozenset({SlotKind.GLOBAL, SlotKind.CLASS})


def lacking(
    functions: Functions,
    ops: Sequence[Op],
    added: Iterable[types.FunctionType],
    objects: Living,
    is_ours: Callable[[types.FunctionType], bool],
) -> list[str]:
    """Sentences, one for each pattern of which a record that lives lacks something.  To be asked after the
    commit; `added` are functions that the edit brings, `objects` are all that the collector tracks."""
    before = {i: Keys.of(old) for i, (_, old, _) in functions.items()}
    read = newly_read(before, {i: Keys.of(new) for i, (_, _, new) in functions.items()}, added)
    patterns = list(_patterns(functions, ops, read, objects)) if read else []
    if not patterns:
        return []
    ours = [f for f in objects.exactly(types.FunctionType) if is_ours(f)]
    growths = [g for g, makes in patterns if any(makes(f) for f in ours)]
    mentioned = Mentioned(objects, is_ours)
    found: dict[str, None] = {}
    others = _no_records(ops, objects) if growths else set()
    for record in records_in(objects) if growths else ():
        keys = frozenset(record)
        for growth in growths:
            lacks = growth.lacks(keys)
            if lacks and id(record) not in others and growth.made(keys, mentioned.anywhere):
                gone = ", ".join(sorted(lacks))
                found[
                    f"records with the keys of {growth.maker} live and lack {gone}, which new code reads"
                ] = None
    return list(found)


Makes = Callable[[types.FunctionType], bool]
"""Does a function make records of a pattern?"""


def _patterns(
    functions: Functions, ops: Sequence[Op], read: set[str], objects: Living
) -> Iterator[tuple[Growth, Makes]]:
    gained: dict[int, tuple[dict[Any, Any], set[str]]] = {}
    for op in ops:
        if op.kind is SlotKind.ITEM and type(op.owner) is dict and op.before is ABSENT and op.name in read:
            gained.setdefault(id(op.owner), (op.owner, set()))[1].add(op.key)
        elif type(op.before) in _LISTS and type(op.after) in _LISTS:
            if op.kind in _NAMED:
                yield from _listed(str(op.key), op.before, op.after, read, _naming(op.key))
            elif op.kind is SlotKind.ELEMENTS:
                yield from _listed("a list", op.before, op.after, read, _knowing(op.owner))
    of_classes = {id(class_dict(cls).get(ANNOTATIONS)): cls for cls in _classes(objects)} if gained else {}
    for owner, keys in gained.values():
        if all(type(key) is str for key in owner):
            cls = of_classes.get(id(owner))
            if cls is None:
                yield _growth("a template", owner.keys() - keys, keys), _copying(owner)
            else:
                optional = class_dict(cls).get("__optional_keys__", frozenset())
                yield _growth(qualname_of(cls), _fields(cls) - keys, keys, optional), _dumping(cls)
    for f, old, new in functions.values():
        before, after = set(_constants(old)), set(_constants(new))
        for one, other in itertools.product(before - after, after - before) if _lists_keys(new) else ():
            yield from _listed(f.__qualname__, one, other, read, lambda _: True)


def _listed(
    told: str, before: Any, after: Any, read: set[str], makes: Makes
) -> Iterator[tuple[Growth, Makes]]:
    if all(type(item) is str for item in (*before, *after)) and (gained := (set(after) - set(before)) & read):
        yield _growth(told, set(before), gained), makes


def _growth(told: str, keys: Set[str], gained: set[str], optional: Set[str] = frozenset()) -> Growth:
    record = Record(frozenset(keys - optional), frozenset(keys & optional), None, False)
    return Growth(told, {}, record, frozenset(gained))


def _classes(objects: Living) -> Iterator[type]:
    return filter(is_python_class, objects.below(type))


def _fields(cls: type) -> set[str]:
    found = set[str]()
    for base in mro_of(cls):
        declared = class_dict(base).get(ANNOTATIONS)
        found |= set(declared) if type(declared) is dict else set()
    return found


# -- who makes records of a pattern ---------------------------------------------------------


def _dumping(cls: type) -> Makes:
    """By what makes a dictionary of any object with fields, or by a call of the class, a `TypedDict`."""

    def makes(f: types.FunctionType) -> bool:
        names = codes.names_in(f.__code__)
        called = typing.is_typeddict(cls) and any(f.__globals__.get(name) is cls for name in names)
        return called or bool(names & _DUMPING)

    return makes


def _copying(template: dict[Any, Any]) -> Makes:
    def makes(f: types.FunctionType) -> bool:
        names = codes.names_in(f.__code__)
        takes = bool(names & _COPYING) or bool(_opnames(f.__code__) & _TAKING_IN)
        return takes and any(f.__globals__.get(name) is template for name in names)

    return makes


def _naming(name: str) -> Makes:
    return lambda f: name in codes.names_in(f.__code__) and _lists_keys(f.__code__)


def _knowing(listed: Any) -> Makes:
    def makes(f: types.FunctionType) -> bool:
        names = codes.names_in(f.__code__)
        return any(f.__globals__.get(name) is listed for name in names) and _lists_keys(f.__code__)

    return makes


def _lists_keys(code: types.CodeType) -> bool:
    """May it make a dictionary with keys that something lists?"""
    return bool(codes.names_in(code) & _LISTING) or "MAP_ADD" in _opnames(code)


def _opnames(code: types.CodeType) -> set[str]:
    return {step.opname for part in codes.walk(code) for step in dis.get_instructions(part)}


def _constants(code: types.CodeType) -> Iterator[tuple[Any, ...]]:
    return (const for part in codes.walk(code) for const in part.co_consts if type(const) is tuple)


# -- what is no record ----------------------------------------------------------------------


def _no_records(ops: Sequence[Op], objects: Living) -> set[int]:
    """ids of dictionaries that hold what objects, classes and functions consist of, or stood there before the
    edit."""
    found = {id(value) for op in ops for value in (op.owner, op.before, op.after)}
    for obj in (*objects.exactly(types.FunctionType), *objects.below(type)):
        found |= {id(part) for part in gc.get_referents(obj) if type(part) is dict}
    others = objects.of(lambda cls: is_python_class(cls) and not issubclass(cls, type))
    return found.union(id(raw_dict(obj)) for obj in others)

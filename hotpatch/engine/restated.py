"""What `__init__` is written to set otherwise from now on: a constant, a table, a list.  Objects of the start
have what the new start gives them; those that were made since keep what the old `__init__` set.

Where an object still has just that, a fresh start would have given it the other, and its methods go by it.  A
table lacks the entries that come, and has those that go, whatever the program has put in besides.  But a
constant where other code sets another one as well, or adds to it, is state, wherever it began.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from attrs import frozen

from . import attribute_use
from .instances import Functions, only_recorded
from .literals import Constant, Display, Literal, set_for_sure
from .living import Living
from .reading import (
    MISSING,
    class_attribute,
    class_dict,
    is_python_class,
    mro_of,
    plain_same,
    qualname_of,
    raw_dict,
    slot_value,
)
from .view import View


def outdated(
    functions: Functions,
    objects: Living,
    passed: Collection[int],
    view: View,
    kept: Collection[str] = (),
    carried: Collection[int] = (),
) -> list[str]:
    """Sentences, one for each class and attribute.  To be asked after the commit; `kept` are places that the
    author has kept as they are, `carried` the ids of classes whose objects transformers carry over."""
    changes = {i: found for i, (f, old, new) in functions.items() if (found := _changes(f, old, new))}
    changes = {
        i: [change for change in found if not any(name.endswith(f".{change.name}") for name in kept)]
        for i, found in changes.items()
    }
    if not any(changes.values()):
        return []
    outdated: dict[tuple[str, str], list[Any]] = {}
    names = {change.name for found in changes.values() for change in found}
    state = _set_elsewhere(names, objects)
    for obj, found in objects.told(lambda cls: list(_of_class(cls, changes, carried))):
        for change in found:
            is_state = isinstance(change.old, Constant) and change.name in state
            if not is_state and change.is_missed_by(_value(obj, change.name)):
                outdated.setdefault((qualname_of(type(obj)), change.name), []).append(obj)
    own = {*passed, *objects.own, *map(id, outdated.values())}
    return [
        f"objects of {name} that live have {attribute} as the old __init__ set it, and the new one does not"
        for (name, attribute), some in outdated.items()
        if not only_recorded(some, own, view)
    ]


@frozen
class _Change:
    name: str
    old: Literal
    new: Literal

    def is_missed_by(self, value: Any) -> bool:
        """Is this what the old `__init__` set, and not what the new one does?"""
        if value is MISSING or _is_same(value, self.new):
            return False
        if isinstance(self.old, Display):
            return type(value) is self.old.kind and self._lags(value)
        return _is_same(value, self.old)

    def _lags(self, value: Any) -> bool:
        """Does a container lack what comes, or have what goes?"""
        assert isinstance(self.old, Display) and isinstance(self.new, Display)
        if self.old.kind is dict:
            return _table_lags(value, dict(_entries(self.old)), dict(_entries(self.new)))
        before, after = _items(self.old), _items(self.new)
        comes = [item for item in after if not _among(item, before)]
        goes = [item for item in before if not _among(item, after)]
        lacks = any(not any(_is_same(part, item) for part in value) for item in comes)
        has = any(_is_same(part, item) for part in value for item in goes)
        return lacks or has or _is_same(value, self.old)


def _table_lags(value: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> bool:
    """By the entries that are written out: others are what code made for the object."""
    lacks = any(key not in value for key in after.keys() - before.keys() if isinstance(after[key], Literal))
    has = any(key in value for key in before.keys() - after.keys() if isinstance(before[key], Literal))
    return (
        lacks
        or has
        or any(
            key in value and _is_same(value[key], before[key]) and not _is_one(before[key], after[key])
            for key in before.keys() & after.keys()
        )
    )


def _changes(f: types.FunctionType, old: types.CodeType, new: types.CodeType) -> list[_Change]:
    if f.__name__ != "__init__":
        return []
    before, after = set_for_sure(old), set_for_sure(new)
    return [
        _Change(name, was, to)
        for name, was in before.items()
        if isinstance(was, Literal) and isinstance(to := after.get(name), Literal) and not _is_one(was, to)
        if _are_of_one_kind(was, to)
    ]


def _are_of_one_kind(a: Literal, b: Literal) -> bool:
    """Those of two kinds are asked about elsewhere (`kinds`)."""
    if isinstance(a, Constant) and isinstance(b, Constant):
        return a.value is not None and b.value is not None
    return isinstance(a, Display) and isinstance(b, Display) and a.kind is b.kind


def _set_elsewhere(names: set[str], objects: Living) -> set[str]:
    """Of these attributes, those that other code than an `__init__` sets."""
    found = set[str]()
    for f in objects.exactly(types.FunctionType):
        if f.__name__ != "__init__" and names.intersection(f.__code__.co_names):
            found |= names & attribute_use.stored(f.__code__)
    return found


def _of_class(cls: type, changes: dict[int, list[_Change]], carried: Collection[int]) -> Iterator[_Change]:
    if not is_python_class(cls) or any(id(base) in carried for base in mro_of(cls)):
        return
    others = set[str]()
    for base in mro_of(cls):
        init = class_dict(base).get("__init__")
        for change in changes.get(id(init), ()):
            if change.name not in others:  # a class below sets it after all
                yield change
        if type(init) is types.FunctionType:
            others |= attribute_use.stored_on_self(init.__code__)


def _value(obj: Any, name: str) -> Any:
    member = class_attribute(type(obj), name)
    if type(member) is types.MemberDescriptorType:
        return slot_value(member, obj)
    return (raw_dict(obj) or {}).get(name, MISSING)


def _entries(display: Display) -> Iterator[tuple[Any, Any]]:
    for key, value in display.parts:
        if isinstance(key, Constant):
            yield key.value, value


def _items(display: Display) -> list[Literal]:
    return [part for part in display.parts if isinstance(part, Literal)]


def _among(item: Literal, others: Sequence[Literal]) -> bool:
    return any(_is_one(item, other) for other in others)


def _is_one(a: Any, b: Any) -> bool:
    """Are two literals the same?  What is none says nothing."""
    if isinstance(a, Constant) and isinstance(b, Constant):
        return plain_same(a.value, b.value)
    if isinstance(a, Display) and isinstance(b, Display):
        if a.kind is not b.kind or len(a.parts) != len(b.parts):
            return False
        if a.kind is dict:
            return all(
                _is_one(k, m) and _is_one(v, w) for (k, v), (m, w) in zip(a.parts, b.parts, strict=True)
            )
        return all(map(_is_one, a.parts, b.parts))
    return not isinstance(a, Literal) and not isinstance(b, Literal)


def _is_same(value: Any, literal: Any) -> bool:
    """Is the value what the literal says?"""
    if isinstance(literal, Constant):
        return plain_same(value, literal.value)
    if (
        not isinstance(literal, Display)
        or type(value) is not literal.kind
        or len(value) != len(literal.parts)
    ):
        return False
    if literal.kind is dict:
        said = dict(_entries(literal))
        return said.keys() == value.keys() and all(_is_same(value[key], part) for key, part in said.items())
    if literal.kind is list:
        return all(map(_is_same, value, literal.parts))
    return all(any(_is_same(part, item) for item in literal.parts) for part in value)

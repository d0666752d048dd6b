"""Objects that exist never went through the new `__init__`: do they have what the new code reads?

The commonest way to be wrong while every module equals a fresh start: a method reads an attribute that only
the new `__init__` sets, and an object made earlier answers with an AttributeError.  Objects that both
clean starts made are part of the difference and get the attribute; these here exist in the live process
alone.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, declared, making, named_as_text
from .frozen import thawed
from .living import Living
from .making import MAKERS
from .reading import (
    MISSING,
    class_attribute,
    class_dict,
    class_module,
    is_python_class,
    mro_of,
    qualname_of,
    raw_dict,
    slot_value,
)
from .recorded import recorded
from .stacks import known_to_frames
from .taken_whole import NOBODY, takers
from .view import View

FEW: Final = 50
MODELS: Final = declared.PYDANTIC, "FieldInfo"
PRIVATE: Final = "__private_attributes__", "ModelPrivateAttr"
DATACLASSES: Final = declared.DATACLASS, "Field"
"""Where a class has its table of fields, and of what type each of them is."""

Functions = Mapping[int, tuple[types.FunctionType, types.CodeType, types.CodeType]]


class _Sets(NamedTuple):
    """Attributes that the code of a class sets on its objects."""

    newly: set[str]
    """What no old code set."""
    made: set[str]
    """What is set where an object is made, be it new or not."""
    made_of_worth: set[str]
    """Of these, what is set to more than None."""


_NOTHING: Final = _Sets(set(), set(), set())


class Lacking:
    """To be asked after the commit.  `functions` are those whose code changed, `ops` what was done;
    `is_ours` tells functions of the program from the standard library's, which Enum, for one, puts on
    every class.  `known` are ids of functions that were there before."""

    def __init__(
        self,
        functions: Functions,
        ops: Sequence[Op],
        is_ours: Callable[[types.FunctionType], bool],
        known: Container[int],
    ) -> None:
        self.functions = functions
        added = [f for op in ops for f in functions_in(op.after) if id(f) not in known and is_ours(f)]
        self.brought = tuple(added)
        self.added = {id(f) for f in added}
        edits = [(f, old, new) for f, old, new in functions.values()] + [(f, None, f.__code__) for f in added]
        self.read, self._of_any, self._newly_read = set[str](), set[str](), set[str]()
        """Attributes that changed code reads: of whatever object, without what a method reads of its own, and
        those that it did not read before."""
        self._counted_on = set[str]()
        """Of these last, those of which it does not ask whether there is something."""
        self._by_helpers: list[tuple[types.FunctionType, set[str]]] = []
        """Functions that are handed an object, and what they came to set on it."""
        self._written_in: dict[tuple[str, str], set[str]] = {}
        """By module and class: what methods that changed read, also those that stand behind a decorator."""
        for f, old, new in edits:
            asked = _asked_for(new)
            self.read |= asked
            self._of_any |= asked - _of_its_own(new)
            newly = asked if old is None else asked - _asked_for(old)
            self._newly_read |= newly
            self._counted_on |= newly - attribute_use.asked_whether_set(new)
            if new.co_name not in MAKERS and "." not in new.co_qualname:
                kept = set[str]() if old is None else attribute_use.stored_on_self(old)
                if came := attribute_use.stored_on_self(new) - kept:
                    self._by_helpers.append((f, came))
            place = f.__module__, f.__qualname__.rpartition(".")[0]
            self._written_in.setdefault(place, set()).update(asked)
        self._ops = ops
        self._removed = _removed_from_classes(ops)
        self._of_classes = {(id(op.owner), op.key) for op in ops if op.kind is SlotKind.CLASS}
        self._fields = _fields_added(ops, *MODELS)
        self._private = _fields_added(ops, *PRIVATE)
        self._data_fields = _fields_added(ops, *DATACLASSES)
        self._of_attrs = _of_attrs_added(ops)
        self._is_ours, self._takers = is_ours, NOBODY
        self._texts_come = making.TextsCome(ops)
        self._by_class: dict[int, tuple[type, frozenset[str], frozenset[str]]] = {}
        self._given = self._given_from_outside([f for f, _, _ in edits])
        self._touched: dict[int, tuple[type, bool]] = {}

    def find(self, objects: Living, passed: Collection[int], view: View) -> list[str]:
        """Sentences, one for each class of which an object lacks something.  `passed` are ids of what holds
        the objects for the sake of this question; what only the records of changes hold lives no more."""
        found: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
        ours = (f for f in objects.exactly(types.FunctionType) if self._is_ours(f))
        named = named_as_text.come_by(self._ops, ours)
        self.read |= named
        self._of_any |= named
        tables = self._fields, self._data_fields, self._private
        if not self.read and not self._removed and not any(tables):
            return []
        if self._data_fields:
            self._takers = takers(objects.exactly(types.FunctionType), self._is_ours)
        for obj in objects.of(lambda cls: self.wanted(cls)[0]):
            if lacks := _lacks(obj, *self.wanted(type(obj))):
                found.setdefault((qualname_of(type(obj)), tuple(lacks)), []).append(obj)
        return [
            f"objects of {name} that live lack {', '.join(lacks)}, which new code reads and no old code set"
            for (name, lacks), some in found.items()
            if not only_recorded(some, {*objects.own, *map(id, found.values()), *passed}, view)
        ]

    def touches(self, cls: type) -> bool:
        """Does the edit change, or bring, a method that stands in this class?"""
        known = self._touched.get(id(cls))
        if known is None:
            found = any(id(f) in self.functions or id(f) in self.added for f in methods_of(cls))
            known = self._touched[id(cls)] = cls, found
        return known[1]

    def wanted(self, cls: type) -> tuple[frozenset[str], frozenset[str]]:
        """Attributes that code which changed sets on objects of this class, no old code did, and new code
        reads; or any code, where the class had something of that name so far.  C reads every field of a
        model: to dump it, to compare it, to show it.  And of these, those that an object must have of its
        own."""
        known = self._by_class.get(id(cls))
        if known is None:
            names: set[str] = set(self._given.get(id(cls), ()))
            read, own = set(self._of_any), set[str]()
            if is_python_class(cls):
                removed = set[str]().union(*(self._removed.get(id(base), ()) for base in mro_of(cls)))
                texts = self._texts_come.for_class(cls) if self._texts_come else {}
                read |= removed
                for base in mro_of(cls):
                    fields, sets = _of_table(self._fields, base, MODELS[0]), self._set_by(base, texts)
                    fields |= _of_table(self._private, base, PRIVATE[0])
                    names |= fields | sets.newly | (sets.made & removed)
                    names |= self._of_attrs.get(id(base), set())
                    names |= _of_table(self._data_fields, base, DATACLASSES[0])
                    read |= fields
                    own |= sets.newly & sets.made_of_worth & self._counted_on
                names |= self._given_by_helpers(cls)
            wanted = names & (read | self._read_by(cls, names))
            own = {name for name in wanted & own if self._was_unset(cls, name)} | self._taken_whole(cls)
            wanted |= own
            known = self._by_class[id(cls)] = cls, frozenset(wanted), frozenset(own)
        return known[1:]

    def _was_unset(self, cls: type, name: str) -> bool:
        """Does the class say, as it did before the edit, that there is nothing yet?"""
        came = any((id(base), name) in self._of_classes for base in mro_of(cls))
        return not came and class_attribute(cls, name) is None

    def _read_by(self, cls: type, names: set[str]) -> set[str]:
        """What methods that changed read of their own object, where that is of this class."""
        if not names & (self.read - self._of_any):
            return set()
        found = set[str]()
        for base in mro_of(cls):
            found |= self._written_in.get((class_module(base), qualname_of(base)), set())
            for f in methods_of(base):
                if id(f) in self.functions:
                    found |= _asked_for(self.functions[id(f)][2])
                elif id(f) in self.added:
                    found |= _asked_for(f.__code__)
        return found

    def _taken_whole(self, cls: type) -> set[str]:
        """Fields of a dataclass that objects must have in their dictionaries, for the program takes these
        whole."""
        if not self._data_fields or not is_python_class(cls) or not self._takers.take(cls):
            return set()
        return set().union(*(_of_table(self._data_fields, base, DATACLASSES[0]) for base in mro_of(cls)))

    def _set_by(self, cls: type, texts: Mapping[str, set[str]]) -> _Sets:
        """Of what old code set elsewhere than where it made the object, an object may lack it all the same:
        that counts where code reads it that did not before.  `texts` came to variables of these names."""
        if not texts and not self.touches(cls):
            return _NOTHING
        methods = methods_of(cls)
        by_text = self._texts_named(methods, texts)
        if not by_text and not self.touches(cls):
            return _NOTHING
        before, after = set[str](), set[str]()
        made_before, made_after, to_none = set[str](), set[str](), set[str]()
        for f in methods:
            old, new = self.functions.get(id(f), (f, f.__code__, f.__code__))[1:]
            kept = set() if id(f) in self.added else attribute_use.stored_on_self(old)
            sets = attribute_use.stored_on_self(new)
            before |= kept
            after |= sets
            if f.__name__ in MAKERS:
                made_before |= kept
                made_after |= sets
                to_none |= attribute_use.set_to_none(new)
        given = self._given_by_its_own(cls, methods) | by_text
        made_after |= given
        newly = ((after | given) - before) | ((made_after - made_before) & self._newly_read)
        return _Sets(newly, made_after, made_after - to_none)

    def _given_by_its_own(self, cls: type, methods: Sequence[types.FunctionType]) -> set[str]:
        """What methods of the class came to set on its objects otherwise than on `self`."""
        values = [value for value in class_dict(cls).values() if type(value) is classmethod]
        of_class = {id(f) for value in values for f in functions_in(value)}
        given = set[str]()
        for f in methods:
            if id(f) in self.added:
                given |= making.given_to_its_own(cls, f.__code__, id(f) in of_class)
            elif id(f) in self.functions:
                old, new = self.functions[id(f)][1:]
                before = making.given_to_its_own(cls, old, id(f) in of_class)
                given |= making.given_to_its_own(cls, new, id(f) in of_class) - before
        return given

    def _given_by_helpers(self, cls: type) -> set[str]:
        """What functions that makers of its objects name came to set, and the metaclass, which calls them."""
        found = set[str]()
        if self._by_helpers:
            makers = [f for base in mro_of(cls) for f in methods_of(base) if f.__name__ in MAKERS]
            for helper, names in self._by_helpers:
                if any(making.names(f, helper) for f in makers):
                    found |= names
        for meta in filter(is_python_class, mro_of(type(cls))):
            for f in methods_of(meta):
                if id(f) in self.functions:
                    old, new = self.functions[id(f)][1:]
                    found |= making.set_on_others(new) - making.set_on_others(old)
        return found

    def _texts_named(self, methods: Sequence[types.FunctionType], texts: Mapping[str, set[str]]) -> set[str]:
        """Of these texts, those that makers of the program may set attributes by."""
        found = set[str]()
        for f in methods:
            named = texts.keys() & {*f.__code__.co_names} if f.__name__ in MAKERS else ()
            if named and making.sets_by_text(f.__code__):
                found = found.union(*(texts[name] for name in named))
        return found

    def _given_from_outside(self, changed: Sequence[types.FunctionType]) -> dict[int, set[str]]:
        """Attributes that a changed function sets on something it may have made: any class that it names."""
        given: dict[int, set[str]] = {}
        for f in changed:
            old, new = self.functions.get(id(f), (f, None, f.__code__))[1:]
            names = making.set_on_others(new) - (set() if old is None else making.set_on_others(old))
            passed = making.passed(new) - (set() if old is None else making.passed(old))
            if not names | passed or new.co_name in MAKERS:
                continue
            made, space = making.set_on_made(new), f.__globals__
            for cls in making.classes_made(new, space):
                taken = making.taken_as_they_come(cls, passed)
                of_it = {name for name, by in made if by is None or making.may_give(space.get(by), cls)}
                given.setdefault(id(cls), set()).update(names & of_it | taken)
        return given


def _removed_from_classes(ops: Sequence[Op]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for op in ops:
        if op.kind is SlotKind.CLASS and op.after is ABSENT and type(op.key) is str:
            found.setdefault(id(op.owner), set()).add(op.key)
    return found


def _fields_added(ops: Sequence[Op], table: str, kind: str) -> dict[int, set[str]]:
    """Fields that came to classes, by the id of the class or of its table of fields: of pydantic's models,
    what `__init__` sets is nowhere in code."""
    found: dict[int, set[str]] = {}
    for op in ops:
        if op.kind is SlotKind.CLASS and op.key == table and type(op.before) is type(op.after) is dict:
            came = {name for name in op.after.keys() - op.before.keys() if _is_field(op.after[name], kind)}
            found.setdefault(id(op.owner), set()).update(came)
        elif type(op.owner) is dict and op.before is ABSENT and _is_field(op.after, kind):
            found.setdefault(id(op.owner), set()).add(op.key)
    return {i: names for i, names in found.items() if names}


def _of_attrs_added(ops: Sequence[Op]) -> dict[int, set[str]]:
    """The same of attrs' classes: what goes through a converter is set past any `self.x = ...`."""
    tables = [op for op in ops if op.kind is SlotKind.CLASS and op.key == declared.ATTRS]
    both = [op for op in tables if isinstance(op.before, tuple) and isinstance(op.after, tuple)]
    return {id(op.owner): {f.name for f in op.after} - {f.name for f in op.before} for op in both}


def _is_field(value: Any, kind: str) -> bool:
    """A dataclass also enters what is no attribute of its objects: variables of the class, and what is for
    `__post_init__` alone."""
    if type(value) is dataclasses.Field and getattr(value, "_field_type", None) is not declared.PLAIN_FIELD:
        return False
    return qualname_of(type(value)) == kind


def _of_table(fields: Mapping[int, set[str]], cls: type, table: str) -> set[str]:
    """What came to the class, known by itself or by its table."""
    return fields.get(id(cls), set()) | fields.get(id(class_dict(cls).get(table)), set())


_KEPT: Final = "__pydantic_private__"
_SLOT: Final = types.MemberDescriptorType


def _lacks(obj: Any, wanted: frozenset[str], own: frozenset[str]) -> list[str]:
    space = raw_dict(obj)
    private = slot_value(slot, obj) if type(slot := class_attribute(type(obj), _KEPT)) is _SLOT else None
    if type(private) is dict:
        space = {**private, **(space or {})}
    return sorted(
        name
        for name in wanted
        if (space is None or name not in space)
        and (name in own or _unset(class_attribute(type(obj), name), obj))
    )


def only_recorded(objects: list[Any], passed: Container[int], view: View, dead: Container[int] = ()) -> bool:
    """Does nobody hold them but the records of changes?  `passed` are ids of what holds them for the sake of
    this question, `dead` of what counts as a record.  Many are not asked about: whoever has many uses
    them."""
    if len(objects) > FEW:
        return False
    with thawed():
        found = recorded(objects, passed, view, dead, known_to_frames())
    return len(found) == len(objects)


def _asked_for(code: types.CodeType) -> set[str]:
    """What an object must have by the time that this runs; nothing where it is what makes the object."""
    if code.co_name in MAKERS:
        return set()
    return attribute_use.needed(code) | named_as_text.asked_for(code)


def _of_its_own(code: types.CodeType) -> set[str]:
    """What a method reads of its own object alone."""
    return attribute_use.used_on_self_alone(code) if "." in code.co_qualname else set()


def _unset(found: Any, obj: Any) -> bool:
    """Is there nothing on the class either, or a slot that is empty?"""
    if found is MISSING or qualname_of(type(found)) == MODELS[1]:  # it says only how there comes to be one
        return True
    if type(found) is _SLOT:
        try:
            found.__get__(obj)
        except AttributeError:
            return True
    return False


def methods_of(cls: type) -> list[types.FunctionType]:
    """The functions that the class's own dictionary holds, in whatever wrapping of Python's."""
    return [f for value in list(class_dict(cls).values()) for f in functions_in(value)]


def functions_in(value: Any) -> Iterator[types.FunctionType]:
    """The functions of which a class attribute or a variable consists."""
    kind = type(value)
    if kind is types.FunctionType:
        yield value
    elif kind in (staticmethod, classmethod):
        yield from functions_in(value.__func__)
    elif kind is property:
        for part in (value.fget, value.fset, value.fdel):
            yield from functions_in(part)
    elif issubclass(kind, type) and is_python_class(value):
        for part in list(class_dict(value).values()):
            if not issubclass(type(part), type):
                yield from functions_in(part)

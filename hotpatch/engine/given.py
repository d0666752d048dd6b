"""What comes to a class for every object of it is given to those that live: a declared default, a constant.

A field that comes with a default, and an attribute that `__init__` comes to set to a constant whatever it is
called with, say the same of an object made yesterday as of one that is made tomorrow.  So objects that lack
it get it, all in the one step, and lose it when the step is taken back; who takes it back looks for them
anew.

Only where that is all there is to it.  Nothing is given where the same edit takes an attribute away, which
may be the same one under another name; where changed code sets the attribute elsewhere, for then it says what
has happened since, and of these objects nobody knows; where a converter, a validator or a method called after
`__init__` has a say in it; and where some object has an attribute of that name already.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, declared, making
from .heap import Exchanged, Functions
from .instances import classes_of, functions_in
from .making import MAKERS
from .reading import MISSING, class_dict, is_python_class, mro_of, qualname_of, raw_dict
from .recorded import Note
from .view import View

Make = Callable[[], Any]
MOST: Final = 50_000
"""Objects that are given something in one step; their requests wait for it."""
MUTATING: Final = frozenset(
    {"add", "append", "appendleft", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault"}
    | {"update", "discard", "sort"}
)


class Given:
    """What an edit gives.  Holds classes alone; objects are looked for in those that it is handed."""

    def __init__(
        self,
        functions: Functions,
        ops: Sequence[Op],
        exchanged: Exchanged,
        view: View,
        carried: Collection[int] = (),
    ) -> None:
        """`carried` are the ids of classes whose objects the author's transformers carry over."""
        self._functions, self._view, self._carried = functions, view, carried
        self._pairs = {id(cls): pair for pair in exchanged.values() for cls in pair}
        self._on_class: dict[int, dict[str, Any]] = {}
        """What the edit puts on classes, by the id of the class."""
        self._in_dict: dict[int, dict[Any, Any]] = {}
        """What it puts into dictionaries, by the id of the dictionary."""
        for op in ops:
            if type(op.key) is not str:  # it may be a class that is to go
                continue
            if op.kind is SlotKind.CLASS:
                self._on_class.setdefault(id(op.owner), {})[op.key] = op.after
            elif op.kind is SlotKind.ITEM and type(op.owner) is dict:
                self._in_dict.setdefault(id(op.owner), {})[op.key] = op.after
        self._may = bool(exchanged) or any(map(_may_give, ops))
        self._may = self._may or any(new.co_name == "__init__" for _, _, new in functions.values())
        self._classes: dict[int, tuple[type, Mapping[str, Make]]] = {}
        added = [f for op in ops for f in functions_in(op.after) if id(f) not in functions]
        self._changed = [new for _, _, new in functions.values()] + [f.__code__ for f in added]
        self._set, self._grown = set[str](), set[str]()
        for code in self._changed:
            if not declared.is_generated(code):
                self._set |= _sets(code)
                self._grown |= _grows(code)

    def __bool__(self) -> bool:
        """Can there be anything to give?"""
        return self._may

    def ops(self, objects: Sequence[Any], known: Sequence[Op]) -> list[Op]:
        """The steps, for those of these objects that lack it; `known` are steps that the edit has anyway.
        Raises PatchRefused where it were too many."""
        written = {(id(op.owner), op.key) for op in known if op.kind is SlotKind.INSTANCE}
        found, had = list[tuple[Any, str, Make]](), set[str]()
        for obj, space, names in self._concerned(objects):
            for name, make in names.items():
                if name in space:
                    had.add(name)
                elif (id(obj), name) not in written:
                    found.append((obj, name, make))
        if len(found) > MOST:
            raise PatchRefused(
                f"{len(found)} objects of {qualname_of(type(found[0][0]))} that live lack {found[0][1]}, "
                f"and {MOST} may be given it in one step: a transformer can make it when it is first read"
            )
        return [_op(obj, name, make()) for obj, name, make in found if name not in had]

    def back(self, objects: Sequence[Any], known: Sequence[Op]) -> list[Op]:
        """The same steps, to be taken back: of all that have it by now, however they came by it."""
        written = {(id(op.owner), op.key) for op in known if op.kind is SlotKind.INSTANCE}
        return [
            _op(obj, name, space[name])
            for obj, space, names in self._concerned(objects)
            for name in names
            if name in space and (id(obj), name) not in written
        ]

    def _concerned(self, objects: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any], Mapping[str, Make]]]:
        classes = {i for i, cls in classes_of(objects).items() if self._of(cls)}
        for obj in objects if classes else ():
            if id(type(obj)) in classes and (space := raw_dict(obj)) is not None:
                yield obj, space, self._of(type(obj))

    def _of(self, cls: type) -> Mapping[str, Make]:
        """What objects of this class are given."""
        if id(cls) not in self._classes:
            self._classes[id(cls)] = Note(cls, self._looked_up(cls) if is_python_class(cls) else {})
        return self._classes[id(cls)][1]

    def _looked_up(self, cls: type) -> Mapping[str, Make]:
        bases = [self._pairs.get(id(base), (base, base))[0] for base in mro_of(cls)]
        if any(id(base) in self._carried for base in bases):
            return {}
        spaces = [self._before_and_after(base) for base in mro_of(cls) if is_python_class(base)]
        if any(self._has_a_say(name, after) for _, after in spaces for name in declared.AFTERWARDS):
            return {}
        validated = (table for _, after in spaces for table in declared.validators(after))
        if any(table or id(table) in self._in_dict for table in validated):
            return {}
        found: dict[str, Make] = {}
        is_reached = True  # by the `__init__` that a call of the class calls
        for before, after in spaces:
            if before is not after:
                found |= declared.come(before, after)
            new = self._init(after, new=True)
            if is_reached and new is not None:
                found |= self._by_init(before, new)
            if "__init__" in after:
                is_reached = is_reached and new is not None and "__init__" in new.co_names
        return {name: make for name, make in found.items() if self._is_free(cls, name, make)}

    def _before_and_after(self, cls: type) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The dictionary of a class, as old code had it and as new code has it."""
        if pair := self._pairs.get(id(cls)):
            return class_dict(pair[0]), class_dict(pair[1])
        space = self._view.attributes(cls)
        changes = dict(self._on_class.get(id(cls), {}))
        for table in declared.TABLES:
            value: Any = changes.get(table, space.get(table))
            if entries := self._in_dict.get(id(value)):
                changes[table] = {k: v for k, v in {**value, **entries}.items() if v is not ABSENT}
        if not changes:
            return space, space
        return space, {name: value for name, value in {**space, **changes}.items() if value is not ABSENT}

    def _has_a_say(self, name: str, space: Mapping[str, Any]) -> bool:
        """Is there a method of this name that is no library's own?"""
        found = space.get(name)
        found = found.__func__ if type(found) is staticmethod else found
        if type(found) is not types.FunctionType or declared.is_generated(found.__code__):
            return False
        return found.__module__.partition(".")[0] not in declared.LIBRARIES

    def _init(self, space: Mapping[str, Any], new: bool = False) -> types.CodeType | None:
        init = space.get("__init__")
        if type(init) is not types.FunctionType or declared.is_generated(init.__code__):
            return None
        _, before, after = self._functions.get(id(init), (init, init.__code__, init.__code__))
        return after if new else before

    def _by_init(self, before: Mapping[str, Any], new: types.CodeType) -> Mapping[str, Make]:
        old = self._init(before)
        if old is new or (old is None and "__init__" in before):
            return {}
        sets = set[str]() if old is None else attribute_use.stored_on_self(old)
        if sets - attribute_use.stored_on_self(new):
            return {}  # one that goes may be one that comes, under another name
        constants = attribute_use.constants_set(new)
        return {name: partial(_as_it_is, value) for name, value in constants.items() if name not in sets}

    def _is_free(self, cls: type, name: str, make: Make) -> bool:
        """Has nothing else a say in it: code that sets it, or the class?"""
        if name in self._set or (name in self._grown and declared.is_container(make)):
            return False
        return all(
            after.get(name, MISSING) is MISSING
            for base in mro_of(cls)
            for after in self._before_and_after(base)
        )


def _as_it_is(value: Any) -> Any:
    return value


def _sets(code: types.CodeType) -> set[str]:
    """Attributes that code sets, on whatever, but for those of the object that it makes."""
    if code.co_name in MAKERS:
        return attribute_use.stored(code) - attribute_use.stored_on_self(code)
    return attribute_use.stored(code) | making.named_as_text(code)


def _grows(code: types.CodeType) -> set[str]:
    """Attributes that code may put something into."""
    return set(code.co_names) if MUTATING & {*code.co_names} or attribute_use.puts_into(code) else set()


def _may_give(op: Op) -> bool:
    if op.kind is SlotKind.CLASS:
        return op.key == "__init__" or op.key in declared.TABLES
    return op.kind is SlotKind.ITEM and op.before is ABSENT and declared.is_field(op.after)


def _op(obj: Any, name: str, value: Any) -> Op:
    where = f"object of {qualname_of(type(obj))}: {name}"
    return Op(obj, SlotKind.INSTANCE, name, ABSENT, value, where, found_anew=True)

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
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, declared
from .declared import is_of_library, is_programs
from .elsewhere import Elsewhere, calls_itself
from .heap import Exchanged, Functions
from .instances import classes_of, functions_in
from .reading import (
    MISSING,
    PLAIN,
    class_attribute,
    class_dict,
    is_python_class,
    mro_of,
    qualname_of,
    raw_dict,
    slot_value,
)
from .world import World

Make = Callable[[], Any]
MOST: Final = 50_000
"""Objects that are given something in one step; their requests wait for it."""


class Given:
    """What an edit gives.  Holds classes alone; objects are looked for in those that it is handed."""

    def __init__(
        self,
        functions: Functions,
        ops: Sequence[Op],
        exchanged: Exchanged,
        world: World,
        carried: Collection[int] = (),
    ) -> None:
        """`carried` are the ids of classes whose objects the author's transformers carry over."""
        self._functions, self._view, self._carried = functions, world.view, carried
        self._pairs = {id(cls): pair for pair in exchanged.values() for cls in pair}
        self._on_class: dict[int, dict[str, Op]] = {}
        """What the edit does on classes, by the id of the class: the steps, for old values have to go."""
        self._in_dict: dict[int, dict[str, Op]] = {}
        """The same of dictionaries."""
        self._left = set[str]()
        """What is not given, for some object has one of that name that is not the edit's."""
        for op in ops:
            if type(op.key) is not str:  # it may be a class that is to go
                continue
            if op.kind is SlotKind.CLASS:
                self._on_class.setdefault(id(op.owner), {})[op.key] = op
            elif op.kind is SlotKind.ITEM and type(op.owner) is dict:
                self._in_dict.setdefault(id(op.owner), {})[op.key] = op
        self._inits = {
            i
            for i, (_, old, new) in functions.items()
            if new.co_name == "__init__"
            and attribute_use.constants_set(new).keys() - attribute_use.stored_on_self(old)
        }
        """ids of functions that come to set a constant."""
        self._declaring = {id(op.owner) for op in ops if op.kind is SlotKind.CLASS and op.key in _DECLARING}
        self._may = bool(exchanged or self._inits or self._declaring) or any(map(_is_field, ops))
        self._classes: dict[int, tuple[weakref.ref[type], Mapping[str, Make]]] = {}
        """Held weakly: a class that was made at run time is not to live as long as an undo."""
        added = [f for op in ops for f in functions_in(op.after) if id(f) not in functions]
        changed = [(f, new) for f, _, new in functions.values()] + [(f, f.__code__) for f in added]
        self._elsewhere = Elsewhere(changed, world.is_local)

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
                if name in space or _has_otherwise(obj, name, space):
                    had.add(name)
                elif (id(obj), name) not in written:
                    found.append((obj, name, make))
        if len(found) > MOST:
            raise PatchRefused(
                f"{len(found)} objects of {qualname_of(type(found[0][0]))} that live lack {found[0][1]}, "
                f"and {MOST} may be given it in one step: a transformer can make it when it is first read"
            )
        self._left |= had
        return [_op(obj, name, make()) for obj, name, make in found if name not in had]

    def back(self, objects: Sequence[Any], known: Sequence[Op]) -> list[Op]:
        """The same steps, to be taken back: of all that have it by now, however they came by it."""
        written = {(id(op.owner), op.key) for op in known if op.kind is SlotKind.INSTANCE}
        return [
            _op(obj, name, space[name])
            for obj, space, names in self._concerned(objects)
            for name in names.keys() - self._left
            if name in space and (id(obj), name) not in written
        ]

    def _concerned(self, objects: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any], Mapping[str, Make]]]:
        changes: dict[int, bool] = {}
        classes = {
            i
            for i, cls in classes_of(objects).items()
            if any(self._may_change(base, changes) for base in mro_of(cls)) and self._of(cls, objects)
        }
        for obj in objects if classes else ():
            if id(type(obj)) in classes and (space := raw_dict(obj)) is not None:
                yield obj, space, self._of(type(obj), objects)

    def _may_change(self, cls: type, known: dict[int, bool]) -> bool:
        """May anything come to this class?  Asked of every class that there is."""
        found = known.get(id(cls))
        if found is None:
            space = class_dict(cls)
            found = id(cls) in self._pairs or id(cls) in self._declaring
            found = found or id(space.get("__init__")) in self._inits
            found = found or any(id(space.get(table)) in self._in_dict for table in declared.TABLES)
            known[id(cls)] = found
        return found

    def _of(self, cls: type, objects: Sequence[Any]) -> Mapping[str, Make]:
        """What objects of this class are given."""
        known = self._classes.get(id(cls))
        if known is None or known[0]() is not cls:
            found = self._looked_up(cls) if is_python_class(cls) else {}
            if found:
                self._elsewhere.look(found, objects)
                found = {name: make for name, make in found.items() if self._is_free(cls, name, make)}
            known = self._classes[id(cls)] = weakref.ref(cls), found
        return known[1]

    def _looked_up(self, cls: type) -> Mapping[str, Make]:
        bases = [self._pairs.get(id(base), (base, base))[0] for base in mro_of(cls)]
        if any(id(base) in self._carried for base in bases):
            return {}
        both = {base: self._before_and_after(base) for base in mro_of(cls) if is_python_class(base)}
        spaces = list(both.values())
        if any(is_programs(after.get(name)) for _, after in spaces for name in declared.AFTERWARDS):
            return {}
        validated = (table for _, after in spaces for table in declared.validators(after))
        if any(table or id(table) in self._in_dict for table in validated) or calls_itself(cls):
            return {}
        here = self._names((after for _, after in spaces), new=True)
        if self._names(before for before, _ in spaces) - here:
            return {}  # one that goes may be one that comes, under another name
        reached, found = self._reached(cls, both), dict[str, Make]()
        declaring = next((base for base in both if declared.fields(both[base][1]) is not None), None)
        if declaring is not None and self._by_declaration(declaring, both[declaring][1], reached, both):
            found |= declared.come(*both[declaring])
        times = Counter(name for _, after in spaces for name in self._sets(after, new=True))
        found = {name: make for name, make in found.items() if name not in times}
        for base in reached & both.keys():
            constants = self._by_init(*both[base])
            found |= {name: make for name, make in constants.items() if times[name] == 1}
        return found

    def _names(self, spaces: Iterable[Mapping[str, Any]], new: bool = False) -> set[str]:
        """Fields, and attributes that `__init__` sets."""
        parts = ((declared.fields(space) or set[str]()) | self._sets(space, new) for space in spaces)
        return set[str]().union(*parts)

    def _sets(self, space: Mapping[str, Any], new: bool = False) -> set[str]:
        init = self._init(space, new)
        return set() if init is None else attribute_use.stored_on_self(init)

    def _reached(self, cls: type, both: Mapping[type, Any]) -> set[type]:
        """The classes whose `__init__` runs for sure where one of this class is made."""
        mro = mro_of(cls)
        having = [base for base in mro if "__init__" in (both[base][1] if base in both else class_dict(base))]
        reached, todo = set[type](), having[:1]
        while todo:
            base = todo.pop()
            if base in reached:
                continue
            reached.add(base)
            init = self._init(both[base][1], new=True) if base in both else None
            is_next, named = (False, set[str]()) if init is None else attribute_use.inits_called(init)
            if is_next:
                todo += having[having.index(base) + 1 :][:1]
            for other in (other for other in mro if qualname_of(other).rpartition(".")[2] in named):
                todo += [found for found in mro_of(other) if found in having][:1]
        return reached

    def _by_declaration(
        self, cls: type, space: Mapping[str, Any], reached: set[type], both: Mapping[type, Any]
    ) -> bool:
        """Is an object made by what this class declares: by the `__init__` made for it, or by a model's?"""
        init = space.get("__init__")
        if declared.PYDANTIC in space and declared.DATACLASS not in space:
            spaces = (both[base][1] if base in both else class_dict(base) for base in reached)
            return any(is_of_library(found.get("__init__")) for found in spaces)
        return cls in reached and init is not None and not is_programs(init)

    def _before_and_after(self, cls: type) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The dictionary of a class, as old code had it and as new code has it."""
        if pair := self._pairs.get(id(cls)):
            return class_dict(pair[0]), class_dict(pair[1])
        space = self._view.attributes(cls)
        changes = self._on_class.get(id(cls), {})
        entries = {name: self._in_dict.get(id(space.get(name)), {}) for name in declared.TABLES}
        if not changes and not any(entries.values()):
            return space, space
        before, after = (
            {**space, **{name: _with(space[name], some, new) for name, some in entries.items() if some}}
            for new in (False, True)
        )
        return _with(before, changes, False), _with(after, changes, True)

    def _init(self, space: Mapping[str, Any], new: bool = False) -> types.CodeType | None:
        init = space.get("__init__")
        if type(init) is not types.FunctionType or not is_programs(init):
            return None
        return self._code(init, new)

    def _code(self, f: types.FunctionType, new: bool) -> types.CodeType:
        _, before, after = self._functions.get(id(f), (f, f.__code__, f.__code__))
        return after if new else before

    def _by_init(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Make]:
        old, new = self._init(before), self._init(after, new=True)
        if new is None or old is new or (old is None and "__init__" in before):
            return {}
        sets = set[str]() if old is None else attribute_use.stored_on_self(old)
        constants = attribute_use.constants_set(new)
        return {name: partial(_as_it_is, value) for name, value in constants.items() if name not in sets}

    def _is_free(self, cls: type, name: str, make: Make) -> bool:
        """Has nothing else a say in it: code that sets it, or the class?"""
        inits = (self._before_and_after(base)[1].get("__init__") for base in mro_of(cls))
        init = next((f for f in inits if f is not None), None)
        code = self._code(init, new=True) if type(init) is types.FunctionType else None
        if self._elsewhere.sets(name, cls, code):
            return False
        if declared.is_container(make) and self._elsewhere.fills(name):
            return False
        return all(
            after.get(name, MISSING) is MISSING and _is_plain(before.get(name))
            for before, after in map(self._before_and_after, mro_of(cls))
        )


def _is_plain(value: Any) -> bool:
    """May it have stood on the class for all objects?  What is asked for it said something of each."""
    return type(value) in PLAIN


def _as_it_is(value: Any) -> Any:
    return value


def _with(space: Mapping[str, Any], changes: Mapping[str, Op], new: bool) -> dict[str, Any]:
    """As it is before these steps, or after them."""
    changed = {**space, **{name: op.after if new else op.before for name, op in changes.items()}}
    return {name: value for name, value in changed.items() if value is not ABSENT}


_DECLARING: Final = frozenset({"__init__", *declared.TABLES})


def _is_field(op: Op) -> bool:
    return op.kind is SlotKind.ITEM and op.before is ABSENT and declared.is_field(op.after)


def _has_otherwise(obj: Any, name: str, space: Mapping[str, Any]) -> bool:
    """Does a model keep it as one of those that no field was for, or has an object of attrs settled what its
    hash is?"""
    extra = class_attribute(type(obj), "__pydantic_extra__")
    extra = slot_value(extra, obj) if type(extra) is types.MemberDescriptorType else None
    return "_attrs_cached_hash" in space or (type(extra) is dict and name in extra)


def _op(obj: Any, name: str, value: Any) -> Op:
    where = f"object of {qualname_of(type(obj))}: {name}"
    return Op(obj, SlotKind.INSTANCE, name, ABSENT, value, where, found_anew=True)

"""What comes to a class for every object of it is given to those that live: a declared default, a constant.

A field that comes with a default, and an attribute that `__init__` comes to set to a constant, or a table of
such, whatever it is called with, say the same of an object made yesterday as of one that is made tomorrow.
So does one that it sets to a new argument with a default, where nobody passes another.  So objects that lack
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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import attribute_use, declared
from .declared import is_of_library, is_programs
from .elsewhere import Elsewhere, calls_itself
from .heap import Exchanged, Functions
from .literals import Constant, Parameter, set_for_sure
from .living import Living
from .passing import Argument, Passing, new_argument
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
from .recorded import Record
from .spaces import Both, Spaces, changed_by
from .world import World

Make = Callable[[], Any]
MOST: Final = 50_000
"""Objects that are given something in one step; their requests wait for it."""


@frozen
class _Gift:
    """What makes it, for each object anew; and the argument that might have been another."""

    make: Make
    argument: Argument | None = None


class Given(Record):
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
        self._carried = carried
        self._spaces = Spaces(functions, ops, exchanged, world.view)
        self._left = set[str]()
        """What is not given, for some object has one of that name that is not the edit's."""
        self._inits = {
            i
            for i, (_, old, new) in functions.items()
            if new.co_name == "__init__" and set_for_sure(new).keys() - attribute_use.stored_on_self(old)
        }
        """ids of functions that come to set something for sure."""
        self._may = bool(exchanged or self._inits or self._spaces.declaring) or any(map(_is_field, ops))
        self._classes: dict[int, tuple[weakref.ref[type], Mapping[str, Make]]] = {}
        """Held weakly: a class that was made at run time is not to live as long as an undo."""
        changed = changed_by(functions, ops)
        self._elsewhere = Elsewhere([(f, new) for f, _, new in changed], world.is_local)
        self._passing = Passing(changed, ops, world.is_local)

    def __bool__(self) -> bool:
        """Can there be anything to give?"""
        return self._may

    def ops(self, objects: Living, known: Sequence[Op]) -> list[Op]:
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

    def back(self, objects: Living, known: Sequence[Op]) -> list[Op]:
        """The same steps, to be taken back: of all that have it by now, however they came by it."""
        written = {(id(op.owner), op.key) for op in known if op.kind is SlotKind.INSTANCE}
        return [
            _op(obj, name, space[name])
            for obj, space, names in self._concerned(objects)
            for name in names.keys() - self._left
            if name in space and (id(obj), name) not in written
        ]

    def _concerned(self, objects: Living) -> Iterator[tuple[Any, dict[str, Any], Mapping[str, Make]]]:
        changes: dict[int, bool] = {}
        classes = {
            i
            for i, cls in objects.classes.items()
            if any(self._may_change(base, changes) for base in mro_of(cls)) and self._of(cls, objects)
        }
        for obj in objects.of(lambda cls: id(cls) in classes):
            if (space := raw_dict(obj)) is not None:
                yield obj, space, self._of(type(obj), objects)

    def _may_change(self, cls: type, known: dict[int, bool]) -> bool:
        """May anything come to this class?  Asked of every class that there is."""
        found = known.get(id(cls))
        if found is None:
            found = self._spaces.concerns(cls) or id(class_dict(cls).get("__init__")) in self._inits
            known[id(cls)] = found
        return found

    def _of(self, cls: type, objects: Living) -> Mapping[str, Make]:
        """What objects of this class are given."""
        known = self._classes.get(id(cls))
        if known is None or known[0]() is not cls:
            gifts = self._looked_up(cls) if is_python_class(cls) else {}
            if gifts:
                self._elsewhere.look(gifts, objects)
            found = {
                name: gift.make for name, gift in gifts.items() if self._is_free(cls, name, gift, objects)
            }
            known = self._classes[id(cls)] = weakref.ref(cls), found
        return known[1]

    def _looked_up(self, cls: type) -> Mapping[str, _Gift]:
        bases = [self._spaces.pairs.get(id(base), (base, base))[0] for base in mro_of(cls)]
        if any(id(base) in self._carried for base in bases):
            return {}
        both = self._spaces.of(cls)
        spaces = list(both.values())
        if any(is_programs(after.get(name)) for _, after in spaces for name in declared.AFTERWARDS):
            return {}
        validated = (table for _, after in spaces for table in declared.validators(after))
        if any(table or self._spaces.changes(table) for table in validated) or calls_itself(cls):
            return {}
        here = self._spaces.names((after for _, after in spaces), new=True)
        if self._spaces.names(before for before, _ in spaces) - here:
            return {}  # one that goes may be one that comes, under another name
        reached, found = self._spaces.reached(cls, both), dict[str, _Gift]()
        declaring = next((base for base in both if declared.fields(both[base][1]) is not None), None)
        if declaring is not None and self._by_declaration(declaring, both[declaring][1], reached, both):
            found |= {name: _Gift(make) for name, make in declared.come(*both[declaring]).items()}
        times = Counter(name for _, after in spaces for name in self._spaces.sets(after, new=True))
        found = {name: gift for name, gift in found.items() if name not in times}
        for base in reached & both.keys():
            gifts = self._by_init(base, both)
            found |= {name: gift for name, gift in gifts.items() if times[name] == 1}
        return found

    def _by_declaration(self, cls: type, space: Mapping[str, Any], reached: set[type], both: Both) -> bool:
        """Is an object made by what this class declares: by the `__init__` made for it, or by a model's?"""
        init = space.get("__init__")
        if declared.PYDANTIC in space and declared.DATACLASS not in space:
            spaces = (both[base][1] if base in both else class_dict(base) for base in reached)
            return any(is_of_library(found.get("__init__")) for found in spaces)
        return cls in reached and init is not None and not is_programs(init)

    def _by_init(self, cls: type, both: Both) -> Mapping[str, _Gift]:
        before, after = both[cls]
        old, new = self._spaces.init(before), self._spaces.init(after, new=True)
        if new is None or old is new or (old is None and "__init__" in before):
            return {}
        sets = set[str]() if old is None else attribute_use.stored_on_self(old)
        found = dict[str, _Gift]()
        for name, to in set_for_sure(new).items():
            if name in sets:
                continue
            if isinstance(to, Parameter):
                if (gift := self._by_argument(cls, to.name, both)) is not None:
                    found[name] = gift
            elif isinstance(to, Constant) or (to.is_whole and to.parts):
                found[name] = _Gift(to.make)
        return found

    def _by_argument(self, cls: type, name: str, both: Both) -> _Gift | None:
        """What an argument that comes has by default."""
        init = both[cls][1]["__init__"]
        value = self._spaces.default(init, name)
        mro = mro_of(cls)
        spaces = ((base, both[base][0] if base in both else class_dict(base)) for base in mro)
        base, was = next((base, space["__init__"]) for base, space in spaces if "__init__" in space)
        old = self._spaces.init(both[base][0]) if base in both else None
        if not declared.is_fixed(value) or (old is None and was is not object.__init__):
            return None
        argument = new_argument(old, self._spaces.code(init, new=True), name)
        return None if argument is None else _Gift(Constant(value).make, argument)

    def _is_free(self, cls: type, name: str, gift: _Gift, objects: Living) -> bool:
        """Has nothing else a say in it: code that sets it, or the class?"""
        both = self._spaces.of(cls)
        inits = (
            both[base][1].get("__init__") if base in both else class_dict(base).get("__init__")
            for base in mro_of(cls)
        )
        init = next((f for f in inits if f is not None), None)
        code = self._spaces.code(init, new=True) if type(init) is types.FunctionType else None
        if self._elsewhere.is_set(name, cls):
            return False
        if gift.argument is None and self._elsewhere.is_passed(name, cls, code):
            return False
        if type(gift.make()) in declared.CONTAINERS and self._elsewhere.fills(name):
            return False
        for before, after in map(self._spaces.before_and_after, mro_of(cls)):
            if after.get(name, MISSING) is not MISSING or not _is_plain(before.get(name)):
                return False
        pair = self._spaces.pairs.get(id(cls), (cls,))
        return gift.argument is None or not self._passing.may_pass(gift.argument, pair, objects)


def _is_plain(value: Any) -> bool:
    """May it have stood on the class for all objects?  What is asked for it said something of each."""
    return type(value) in PLAIN


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

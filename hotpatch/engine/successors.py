"""Who took a value that another takes the place of gets that one: settings that are frozen, a sentinel, what
a program made once and handed on while it ran.

A value is never changed where it is, so an object that holds the very one which a constant named holds what
that constant says.  It is looked for in variables, attributes, tables, lists and closures, where one is
exchanged for the other in the one step, and back; who has it elsewhere (in a tuple, in a set) is the reason
for a new process, as `heap.holders` tells.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from .frozen import holders_of
from .living import Living
from .reading import class_dict, class_module, is_python_class, qualname_of, raw_dict, slot_value, slots_of
from .recorded import Note, Record

Key = tuple[int, SlotKind, Any]
_ENGINES: Final = ("hotpatch.", "hotpatch_agent.")
_NAMED: Final = (SlotKind.GLOBAL, SlotKind.CLASS)


class Successors(Record):
    """What an edit gives to who holds the old one."""

    def __init__(self, pairs: Iterable[Note] = ()) -> None:
        """`pairs` are the old one and the new one."""
        self._pairs = list(pairs)

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def former(self) -> dict[Any, int]:
        """id of what took a place: id of what it took it from."""
        return {id(new): id(old) for old, new in self._pairs}

    def ops(self, objects: Living, known: Sequence[Op]) -> list[Op]:
        """The steps, for those that hold an old one now; `known` are steps that the edit has anyway."""
        return self._ops(objects, known, back=False)

    def back(self, objects: Living, known: Sequence[Op]) -> list[Op]:
        """The same steps, to be taken back: of all that hold a new one by now."""
        return self._ops(objects, known, back=True)

    def _ops(self, objects: Living, known: Sequence[Op], back: bool) -> list[Op]:
        spaces = _Spaces(objects, known, _engines_own(objects), self._pairs, back)
        holders = holders_of([new if back else old for old, new in self._pairs])
        return [op for holder in holders for op in spaces.steps(holder)]


class _Spaces:
    """Whose dictionary is this?  And what does the edit write anyway?"""

    def __init__(
        self, objects: Living, known: Sequence[Op], ours: set[int], pairs: Sequence[Note], back: bool
    ) -> None:
        self._ours, self._back = ours, back
        self._sought = {id(pair.more if back else pair.what): pair for pair in pairs}
        self._classes = {id(gc.get_referents(class_dict(cls))[0]): cls for cls in objects.below(type)}
        self._written: set[Key] = set()
        for op in known:
            owner: Any = op.owner
            if op.kind is SlotKind.INSTANCE:
                self._written.add((id(raw_dict(owner)), SlotKind.ITEM, op.key))
            self._written.add((id(owner), op.kind, op.name or id(op.key)))

    def steps(self, holder: Any) -> Iterator[Op]:
        for owner, kind, key, value, where in self._places(holder):
            if (id(owner), kind, key if type(key) is str else id(key)) not in self._written:
                before, after = value, self._other(value)
                if kind is SlotKind.ELEMENTS:
                    after = [self._other(item) for item in before]
                if self._back:
                    before, after = after, before
                yield Op(owner, kind, key, before, after, where, found_anew=kind not in _NAMED)

    def _other(self, value: Any) -> Any:
        """What takes its place, or what it has taken it from; itself, if it is none of those."""
        pair = self._sought.get(id(value))
        return value if pair is None else pair.what if self._back else pair.more

    def _places(self, holder: Any) -> Iterator[tuple[Any, SlotKind, Any, Any, str]]:
        """Owner, kind, key, what stands there, and what people call it."""
        kind = type(holder)
        if id(holder) in self._ours:
            return
        if kind is dict:
            owner, slot, of = self._owner(holder)
            for key, value in list(holder.items()):
                if id(value) in self._sought and (slot is SlotKind.ITEM or type(key) is str):
                    yield owner, slot, key, value, f"{of}.{key}" if type(key) is str else of
        elif kind is list:
            yield holder, SlotKind.ELEMENTS, None, list(holder), "a list"
        elif kind is types.CellType:
            yield holder, SlotKind.CELL, None, holder.cell_contents, "a variable of a closure"
        elif is_python_class(kind) and not _is_engines(kind):
            of = f"object of {qualname_of(kind)}"
            for name, value in list((raw_dict(holder) or {}).items()):
                if id(value) in self._sought:
                    yield holder, SlotKind.INSTANCE, name, value, f"{of}: {name}"
            for _, name, member in slots_of(kind):
                if id(value := slot_value(member, holder)) in self._sought:
                    yield holder, SlotKind.MEMBER, member, value, f"{of}: {name}"

    def _owner(self, holder: dict[Any, Any]) -> tuple[Any, SlotKind, str]:
        if (cls := self._classes.get(id(holder))) is not None:
            return cls, SlotKind.CLASS, qualname_of(cls)
        name = holder.get("__name__")
        module = sys.modules.get(name) if type(name) is str else None
        if module is not None and vars(module) is holder:
            return module, SlotKind.GLOBAL, str(name)
        return holder, SlotKind.ITEM, "a table"


def _engines_own(objects: Living) -> set[int]:
    """ids of what the engine and the agent have of their own, for the sake of the change."""
    own = set(objects.own)
    for obj in objects.of(_is_engines):
        own |= set(map(id, gc.get_referents(obj))) | set(map(id, (raw_dict(obj) or {}).values()))
    for function in objects.exactly(types.FunctionType):
        if str(function.__module__).startswith(_ENGINES):
            own |= set(map(id, function.__closure__ or ()))
    return own


def _is_engines(cls: type) -> bool:
    home = class_module(cls)
    return type(home) is str and home.startswith(_ENGINES)

"""Who took a value that another takes the place of gets that one: settings that are frozen, a sentinel, what
a program made once and handed on while it ran.

A value is never changed where it is, so an object that holds the very one which a constant named holds what
that constant says.  It is looked for in variables, attributes, tables, lists and closures, where one is
exchanged for the other in the one step, and back; who has it elsewhere (in a tuple, in a set, in a frame) is
the reason for a new process, as `heap.holders` tells.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hotpatch.ops import Op, SlotKind

from .frozen import holders_of
from .living import Living
from .reading import class_dict, class_module, is_python_class, qualname_of, raw_dict, slots_of
from .recorded import Note, Record

Key = tuple[int, SlotKind, Any]


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
        if not self._pairs:
            return []
        spaces = _Spaces(objects, known, _engines_own(objects))
        found: list[Op] = []
        for old, new in self._pairs:
            for holder in holders_of([new if back else old]):
                found += spaces.steps(holder, old, new, back)
        return found


class _Spaces:
    """Whose dictionary is this?  And what does the edit write anyway?"""

    def __init__(self, objects: Living, known: Sequence[Op], ours: set[int]) -> None:
        self._ours = ours
        self._classes = {id(gc.get_referents(class_dict(cls))[0]): cls for cls in objects.below(type)}
        self._written: set[Key] = set()
        for op in known:
            owner: Any = op.owner
            if op.kind is SlotKind.INSTANCE:
                self._written.add((id(raw_dict(owner)), SlotKind.ITEM, op.key))
            self._written.add((id(owner), op.kind, op.name or id(op.key)))

    def steps(self, holder: Any, old: Any, new: Any, back: bool) -> Iterator[Op]:
        sought = new if back else old
        for owner, kind, key, where in self._places(holder, sought):
            if (id(owner), kind, key if type(key) is str else id(key)) in self._written:
                continue
            before: Any = old
            after: Any = new
            if kind is SlotKind.ELEMENTS:
                now = list(owner)
                other = [(old if back else new) if item is sought else item for item in now]
                before, after = (other, now) if back else (now, other)
            yield Op(owner, kind, key, before, after, where, found_anew=kind not in _NAMED)

    def _places(self, holder: Any, sought: Any) -> Iterator[tuple[Any, SlotKind, Any, str]]:
        kind = type(holder)
        if id(holder) in self._ours:
            return
        if kind is dict:
            yield from self._in_dict(holder, sought)
        elif kind is list:
            yield holder, SlotKind.ELEMENTS, None, "a list"
        elif kind is types.CellType:
            yield holder, SlotKind.CELL, None, "a variable of a closure"
        elif is_python_class(kind) and not _is_engines(kind):
            of = f"object of {qualname_of(kind)}"
            for name, value in list((raw_dict(holder) or {}).items()):
                if value is sought:
                    yield holder, SlotKind.INSTANCE, name, f"{of}: {name}"
            for _, name, member in slots_of(kind):
                if _in_slot(member, holder) is sought:
                    yield holder, SlotKind.MEMBER, member, f"{of}: {name}"

    def _in_dict(self, holder: dict[Any, Any], sought: Any) -> Iterator[tuple[Any, SlotKind, Any, str]]:
        owner, kind, of = self._owner(holder)
        for key, value in list(holder.items()):
            if value is sought and (kind is SlotKind.ITEM or type(key) is str):
                yield owner, kind, key, f"{of}.{key}" if type(key) is str else of

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
    return class_module(cls).startswith(_ENGINES) if type(class_module(cls)) is str else False


_ENGINES = ("hotpatch.", "hotpatch_agent.")
_NAMED = (SlotKind.GLOBAL, SlotKind.CLASS)


def _in_slot(member: Any, obj: Any) -> Any:
    try:
        return member.__get__(obj)
    except AttributeError:
        return None

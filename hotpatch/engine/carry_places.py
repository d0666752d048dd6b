"""What a name stands for, taken to another shape: where the place is, and the ops that bring it there."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import evolve

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from .commit import apply
from .reading import MAPPINGS, MISSING, is_python_class, raw_dict, slot_value, slots_of
from .view import View

Slot = tuple[Any, SlotKind, Any]
"""Owner, kind, key."""
LISTS: Final = (list, collections.deque)


def find(name: str, local: Mapping[str, Any], view: View) -> tuple[Slot | None, Any]:
    """The slot that a dotted name speaks of, and what stands there.  Raises PatchRefused if it is nothing.

    Walked as refusals name places: a module, then variables, attributes of classes and objects, keys.
    """
    words = name.split(".")
    for length in range(len(words), 0, -1):
        module = local.get(".".join(words[:length]))
        if module is not None:
            break
    else:
        raise PatchRefused(f"{name}: no module of the program has this name")
    slot: Slot | None = None
    found: Any = module
    for word in words[length:]:
        slot = _slot(found, word, view)
        found = MISSING if slot is None else _stands(slot, view)
        if found is MISSING:
            raise PatchRefused(f"{name} is nothing that lives: there is no {word}")
    return slot, found


def _slot(owner: Any, word: str, view: View) -> Slot | None:
    kind = type(owner)
    if issubclass(kind, type(collections)):
        return owner, SlotKind.GLOBAL, word
    if issubclass(kind, type):
        return owner, SlotKind.CLASS, word
    if kind in MAPPINGS:
        return owner, SlotKind.ITEM, word
    if is_python_class(kind):
        if word in (raw_dict(owner) or {}):
            return owner, SlotKind.INSTANCE, word
        member = next((member for _, name, member in slots_of(kind) if name == word), None)
        return None if member is None else (owner, SlotKind.MEMBER, member)
    return None


def _stands(slot: Slot, view: View) -> Any:
    owner, kind, key = slot
    if kind is SlotKind.GLOBAL:
        return view.name(owner, key, MISSING)
    if kind is SlotKind.CLASS:
        return view.attributes(owner).get(key, MISSING)
    if kind is SlotKind.ITEM:
        return owner.get(key, MISSING)
    return slot_value(key, owner) if kind is SlotKind.MEMBER else (raw_dict(owner) or {}).get(key, MISSING)


def copied(value: Any) -> Any:
    """For the author's function: it may change what it gets."""
    return value.copy() if type(value) in (*MAPPINGS, *LISTS, set) else value


def edited(slot: Slot | None, now: Any, base: Iterable[Op]) -> Any:
    """What the edit would make of the place by itself, off to the side; None if it takes the name away."""
    made = copied(now)
    for op in base:
        if slot is not None and op.owner is slot[0] and op.kind is slot[1] and op.key == slot[2]:
            made = None if op.after is ABSENT else copied(op.after)
        elif op.owner is now and op.kind in (SlotKind.ITEM, SlotKind.ELEMENTS):
            apply((evolve(op, owner=made),), forward=True)
    return made


def steps(slot: Slot | None, now: Any, wanted: Any, where: str) -> list[Op]:
    """What brings the place from `now` to `wanted`.  Raises PatchRefused where nothing can be put there."""
    if wanted is now:
        return []
    kind: Any = type(now)
    if kind is type(wanted) and kind in CONTENTS:
        return CONTENTS[kind](now, wanted, where)
    if slot is None:
        raise PatchRefused(f"{where}: a module can't become another object")
    return [Op(*slot, now, wanted, where)]


def _items(now: Any, wanted: Any, where: str) -> list[Op]:
    changed = {k: v for k, v in wanted.items() if k not in now or now[k] is not v}
    ops = [Op(now, SlotKind.ITEM, k, now[k], ABSENT, f"{where}.{k}") for k in now if k not in wanted]
    return ops + [
        Op(now, SlotKind.ITEM, k, now.get(k, ABSENT), v, f"{where}.{k}") for k, v in changed.items()
    ]


def _elements(now: Any, wanted: Any, where: str) -> list[Op]:
    return [Op(now, SlotKind.ELEMENTS, None, list(now), list(wanted), where)]


CONTENTS: Final[dict[type, Callable[[Any, Any, str], list[Op]]]] = {
    **dict.fromkeys(MAPPINGS, _items),
    **dict.fromkeys((*LISTS, set), _elements),
}


def contents(value: Any) -> Any:
    """By which to tell whether a value is what it was: itself, or, of a container, its items' ids."""
    if type(value) in MAPPINGS:
        return id(value), [(key, id(item)) for key, item in value.items()]
    if type(value) in (*LISTS, set):
        return id(value), [id(item) for item in value]
    return id(value)

"""The edit done, in one step: a list of ops becomes a list of C calls, run by one C loop.

Redone and undone by the same code, the one with `after`, the other with `before`, last first.  No line of
Python runs between the first store and the last, so with a GIL no other thread sees half of it (unless a
store runs Python code itself: a weakref callback of an object that dies, an audit hook; objects exchanged
are held by the undo record, so none of them dies here).

All or nothing: a store that raises is followed by the inverse of those that ran, and of no other.
"""

from __future__ import annotations

import collections
import gc
import operator
import sys
import types
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import evolve

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from .carried_items import carried
from .order import keys_of, putting_in_order, stands_in_order, those_in
from .reading import (
    MAPPINGS,
    MISSING,
    PLAIN,
    bases_of,
    class_dict,
    class_module,
    container_of,
    qualname_of,
    raw_dict,
    slot_value,
)
from .recorded import Record
from .view import PLAIN_VIEW, View

Call = Callable[[], Any]

_set_class: Final = object.__dict__["__class__"].__set__


class Undo(Record):
    """The exact inverse of a commit.  Holds every object that was exchanged; drop it when it has expired."""

    def __init__(
        self,
        ops: tuple[Op, ...],
        orders: Sequence[tuple[dict[Any, Any], list[Any]]],
        view: View = PLAIN_VIEW,
    ) -> None:
        self.ops = ops
        self._view = view
        self._orders = orders
        self.done = False

    def revert(self) -> None:
        """Take the commit back.  Raises PatchRefused, with nothing changed, if it was done already or if a
        later change stands in the way."""
        if self.done:
            raise PatchRefused("this change has been taken back already")
        stand_ins = _stand_ins(self.ops)
        ops = tuple(_followed(op, False, stand_ins) for op in self.ops)
        moved = [op.where for op in ops if _stands_in_the_way(op, self._view)]
        if moved:
            raise PatchRefused(
                f"{moved[0]} was changed after the commit, so that it can't be taken back exactly"
            )
        _run([_call(op, forward=False) for op in reversed(ops)], ops[::-1], forward=False)
        for mapping, keys in self._orders:
            _restore_order(mapping, keys)
        self.done = True


def _stands_in_the_way(op: Op, view: View) -> bool:
    """What came to a place that the edit filled goes with it; what was put where the edit took something
    away gives way to what stood there."""
    if op.filled_anew or op.before is ABSENT or op.after is ABSENT:
        return False
    return not _as_expected(op, forward=False, view=view)


def commit(ops: Sequence[Op], ready: Callable[[], None] | None = None, view: View = PLAIN_VIEW) -> Undo:
    """Do the whole edit, or nothing.  `ready` is called when all is prepared, just before the first store,
    and may raise to call it off.  Raises PatchRefused, with nothing changed, if the process has
    changed since the ops were staged or if a store is not possible.  Only one thread may commit at a time."""
    ops = tuple(_followed(op, forward=True) for op in ops)
    if moved := drifted(ops, forward=True, view=view):
        raise PatchRefused(f"{moved[0]} changed between staging and commit: stage again")
    orders = _orders(ops)
    calls = [_call(op, forward=True) for op in ops]
    if ready is not None:
        ready()
    _run(calls, ops, forward=True)
    return Undo(ops, orders, view)


def apply(ops: Sequence[Op], forward: bool) -> None:
    """The bare step, without a look at what stands there: for a process that nobody else uses."""
    wanted = tuple(ops) if forward else tuple(ops)[::-1]
    _run([_call(op, forward) for op in wanted], wanted, forward)


def _run(calls: list[Call], ops: tuple[Op, ...], forward: bool) -> None:
    left = iter(calls)
    try:
        deque(map(operator.call, left), maxlen=0)
    except BaseException as error:
        done = len(calls) - operator.length_hint(left) - 1
        deque(map(operator.call, [_call(op, not forward) for op in reversed(ops[:done])]), maxlen=0)
        name = ops[done].where
        raise PatchRefused(f"{name} can't be set: {type(error).__name__}: {error}") from error


# -- one op as a C call -----------------------------------------------------------------------


def _call(op: Op, forward: bool) -> Call:
    value = op.after if forward else op.before
    other = op.before if forward else op.after
    call: Call = _CALLS[op.kind](op, value, other)
    return call


def _in_dict(mapping: Any, key: Any, value: Any, kind: Any = dict) -> Call:
    if value is ABSENT:
        return partial(kind.pop, mapping, key, None)
    return partial(kind.__setitem__, mapping, key, value)


def _on_class(op: Op, value: Any, other: Any) -> Call:
    if value is ABSENT:
        return partial(type.__delattr__, op.owner, op.key)
    return partial(type.__setattr__, op.owner, op.key, value)


def _on_member(op: Op, value: Any, other: Any) -> Call:
    if value is ABSENT:
        return partial(op.key.__delete__, op.owner)
    return partial(op.key.__set__, op.owner, value)


def _in_cell(op: Op, value: Any, other: Any) -> Call:
    if value is ABSENT:
        return partial(delattr, op.owner, "cell_contents")
    return partial(setattr, op.owner, "cell_contents", value)


def _in_order(op: Op, value: Any, other: Any) -> Call:
    return putting_in_order(op.owner, those_in(op.owner, value) if value is op.before else value)


def _container(owner: Any) -> Any:
    return container_of(type(owner))


def _item(op: Op, value: Any, other: Any) -> Call:
    kind = _container(op.owner)
    if issubclass(kind, set):
        return partial(kind.discard if value is ABSENT else kind.add, op.owner, op.key)
    return _in_dict(op.owner, op.key, value, kind)


def _elements(op: Op, value: Any, other: Any) -> Call:
    kind = _container(op.owner)
    if kind is list:
        return partial(list.__setitem__, op.owner, slice(None), value)
    return partial(_refill, kind, op.owner, value)


def _refill(kind: Any, owner: Any, value: Any) -> None:
    kind.clear(owner)
    (kind.extend if kind is collections.deque else kind.update)(owner, value)


_CALLS: Final[dict[SlotKind, Callable[[Op, Any, Any], Call]]] = {
    SlotKind.CODE: lambda op, value, other: partial(setattr, op.owner, "__code__", value),
    SlotKind.FUNCTION: lambda op, value, other: partial(setattr, op.owner, op.key, value),
    SlotKind.FUNCTION_DICT: lambda op, value, other: _in_dict(vars(op.owner), op.key, value),
    SlotKind.GLOBAL: lambda op, value, other: _in_dict(vars(op.owner), op.key, value),
    SlotKind.CLASS: _on_class,
    SlotKind.BASES: lambda op, value, other: partial(type.__setattr__, op.owner, "__bases__", value),
    SlotKind.TYPE: lambda op, value, other: partial(_set_class, op.owner, value),
    SlotKind.INSTANCE: lambda op, value, other: _in_dict(raw_dict(op.owner), op.key, value),
    SlotKind.MEMBER: _on_member,
    SlotKind.ITEM: _item,
    SlotKind.ELEMENTS: _elements,
    SlotKind.ORDER: _in_order,
    SlotKind.CELL: _in_cell,
    SlotKind.PARTIAL: lambda op, value, other: partial(op.owner.__setstate__, (*value, vars(op.owner))),
    SlotKind.MODULE: lambda op, value, other: _in_dict(sys.modules, op.key, value),
    SlotKind.CALL: lambda op, value, other: value,
}


# -- what stands there now ----------------------------------------------------------------------


def current(op: Op, view: View = PLAIN_VIEW) -> Any:
    """What the slot holds, ABSENT if nothing."""
    found = _READS[op.kind](op, view)
    return ABSENT if found is MISSING else found


def _read_item(op: Op, view: View) -> Any:
    kind = _container(op.owner)
    if issubclass(kind, set):
        return op.key if kind.__contains__(op.owner, op.key) else ABSENT
    return kind.get(op.owner, op.key, ABSENT)


def _read_cell(op: Op, view: View) -> Any:
    try:
        return op.owner.cell_contents
    except ValueError:
        return ABSENT


def _read_class(op: Op, view: View) -> Any:
    if op.key in ("__name__", "__qualname__"):
        return type.__getattribute__(op.owner, op.key)
    return view.attributes(op.owner).get(op.key, ABSENT)


_READS: Final[dict[SlotKind, Callable[[Op, View], Any]]] = {
    SlotKind.CODE: lambda op, view: view.code(op.owner),
    SlotKind.FUNCTION: lambda op, view: view.part(op.owner, op.key),
    SlotKind.FUNCTION_DICT: lambda op, view: view.own(op.owner).get(op.key, ABSENT),
    SlotKind.GLOBAL: lambda op, view: view.name(op.owner, op.key, ABSENT),
    SlotKind.CLASS: _read_class,
    SlotKind.BASES: lambda op, view: bases_of(op.owner),
    SlotKind.TYPE: lambda op, view: type(op.owner),
    SlotKind.INSTANCE: lambda op, view: (raw_dict(op.owner) or {}).get(op.key, ABSENT),
    SlotKind.MEMBER: lambda op, view: slot_value(op.key, op.owner),
    SlotKind.ITEM: _read_item,
    SlotKind.ELEMENTS: lambda op, view: list(_container(op.owner).__iter__(op.owner)),
    SlotKind.CELL: _read_cell,
    SlotKind.ORDER: lambda op, view: tuple(keys_of(op.owner)),
    SlotKind.PARTIAL: lambda op, view: (op.owner.func, op.owner.args, op.owner.keywords),
    SlotKind.MODULE: lambda op, view: view.modules().get(op.key, ABSENT),
}


def drifted(ops: Sequence[Op], forward: bool, view: View = PLAIN_VIEW) -> list[str]:
    """Slots that no longer hold what the ops expect, by name: someone else wrote there."""
    return [op.where for op in ops if not _as_expected(op, forward, view)]


def _as_expected(op: Op, forward: bool, view: View = PLAIN_VIEW) -> bool:
    if op.kind is SlotKind.CALL:
        return True
    if op.kind is SlotKind.ORDER:  # on the way back another order is no harm
        return not forward or stands_in_order(op.owner, op.before)
    wanted, found = (op.before if forward else op.after), current(op, view)
    if op.kind is SlotKind.ELEMENTS:
        wanted = list(wanted)
        if issubclass(type(op.owner), set):
            return {id(x) for x in wanted} == {id(x) for x in found}
        return len(wanted) == len(found) and all(map(operator.is_, wanted, found))
    if op.kind in (SlotKind.BASES, SlotKind.PARTIAL):
        return len(wanted) == len(found) and all(map(operator.is_, wanted, found))
    if op.kind is SlotKind.FUNCTION and type(found) is str:
        return bool(found == wanted)
    if op.kind is SlotKind.CLASS and type(found) is str:
        return bool(found == wanted)
    if op.kind is SlotKind.FUNCTION and op.key == "__annotations__" and not wanted:
        return not found
    if op.kind is SlotKind.FUNCTION and op.key in ("__defaults__", "__kwdefaults__"):
        return _same_defaults(wanted, found)
    return found is wanted


def _same_defaults(wanted: Any, found: Any) -> bool:
    """The container may be another: what runs versions side by side copies it."""
    if wanted is None or type(wanted) is not type(found) or len(wanted) != len(found):
        return wanted is found
    if type(wanted) is tuple:
        return all(map(operator.is_, wanted, found))
    return all(name in found and found[name] is value for name, value in wanted.items())


def _followed(op: Op, forward: bool, stand_ins: Mapping[int, Any] | None = None) -> Op:
    """A list that has gained or lost items meanwhile: the same change of it as it is now."""
    if op.kind is not SlotKind.ELEMENTS or issubclass(type(op.owner), set) or _as_expected(op, forward):
        return op
    source, target = (op.before, op.after) if forward else (op.after, op.before)
    now = current(op)
    changed = carried(list(source), list(target), now, stand_ins or {})
    return evolve(op, before=now, after=changed) if forward else evolve(op, after=now, before=changed)


def _stand_ins(ops: Sequence[Op]) -> dict[int, Any]:
    """What took the place of a function or class under the name that it was made with: by its id, what it
    stands for.  Whoever has got it by that name since would have got that."""
    return {
        id(op.after): op.before
        for op in ops
        if op.kind is SlotKind.GLOBAL
        and op.after is not ABSENT
        and _own_name(op.before) == (vars(op.owner).get("__name__"), op.key)
    }


def _own_name(made: Any) -> tuple[str, str] | None:
    if type(made) is types.FunctionType:
        return made.__module__, made.__qualname__
    return (class_module(made), qualname_of(made)) if issubclass(type(made), type) else None


# -- the order of mappings ------------------------------------------------------------------------


def _orders(ops: tuple[Op, ...]) -> list[tuple[dict[Any, Any], list[Any]]]:
    """Mappings that lose a key or come by another order, and their order before: an item put back would
    stand at the end."""
    found: dict[int, tuple[dict[Any, Any], list[Any]]] = {}
    for op in ops:
        if op.kind is not SlotKind.ORDER and (op.after is not ABSENT or op.before is ABSENT):
            continue
        mapping: Any = None
        if op.kind in (SlotKind.GLOBAL, SlotKind.FUNCTION_DICT):
            mapping = vars(op.owner)
        elif op.kind is SlotKind.INSTANCE:
            mapping = raw_dict(op.owner)
        elif op.kind is SlotKind.CLASS:  # what a class is known to have stays the same: C need not be told
            mapping = gc.get_referents(class_dict(op.owner))[0]
        elif op.kind in (SlotKind.ITEM, SlotKind.ORDER) and _container(op.owner) in MAPPINGS:
            mapping = op.owner
        if mapping is not None and id(mapping) not in found:
            found[id(mapping)] = mapping, keys_of(mapping)
    return list(found.values())


def _restore_order(mapping: dict[Any, Any], keys: list[Any]) -> None:
    """The keys of before in their order, then those that came since; in one go for who looks from outside.
    A plain key that went and came back may be another object of the same value."""
    here = keys_of(mapping)
    if here[: len(keys)] != keys:
        plain = {(type(key), key): key for key in here if type(key) in PLAIN}
        same = [plain.get((type(key), key), key) if type(key) in PLAIN else key for key in keys]
        putting_in_order(mapping, those_in(mapping, same))()

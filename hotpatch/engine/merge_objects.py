"""Instances, classes and functions, three ways: the steps by which a live one becomes what the new start
has."""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import collections
import contextlib
import types
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes, in_front
from .match import Pair
from .merge_keys import merge_order
from .merge_sequences import merge_elements
from .merge_sets import merge_set
from .reading import (
    MAPPINGS,
    MISSING,
    bases_of,
    class_attribute,
    class_dict,
    container_of,
    raw_dict,
    slot_value,
    slots_of,
)
from .shape import FUNCTION_PARTS

if TYPE_CHECKING:
    from .merge import Merger

FIELDS: Final = ("attr", "__dataclass_fields__")


def merge_instance(merger: Merger, pair: Pair, live: Any) -> None:
    o, _n = pair
    where = merger.old.path(o)
    cls = type(live)
    base: Any = container_of(cls)
    space = raw_dict(live)
    if space is not None:
        merger.merge_mapping(pair, live, space, SlotKind.INSTANCE, "attr")
    if base in MAPPINGS:
        merger.merge_mapping(pair, live, live, SlotKind.ITEM, "key", base.get)
        merge_order(merger, pair, live)
    elif base in (list, collections.deque):
        merge_elements(merger, pair, live, list(base.__iter__(live)))
    elif base is set:
        merge_set(merger, pair, live)
    _merge_slots(merger, pair, live, cls, where)
    _forget_in_front(merger, pair, live)


def _forget_in_front(merger: Merger, pair: Pair, live: Any) -> None:
    """A lazy object in front (`__getattr__` that keeps what it was answered, as Django's settings do):
    what it keeps of an attribute that changes is forgotten, so that it asks again."""
    parent, _ = merger.old.parents[pair[0]]
    front = MISSING if parent < 0 else merger.locator.locate(parent)
    if front is MISSING or class_attribute(type(front), "__getattr__") is MISSING:
        return
    kept, space = raw_dict(front) or {}, raw_dict(live) or {}
    for step, _, child in merger.difference.edges.get(pair, ()):
        name = step[1] if type(step) is tuple and step[0] == "attr" else None
        if child in merger.difference.replaced and name in kept and kept[name] is space.get(name):
            where = f"{merger.old.path(parent)}.{name}"
            merger.emit(front, SlotKind.INSTANCE, name, kept[name], ABSENT, where)


def _merge_slots(merger: Merger, pair: Pair, live: Any, cls: type, where: str) -> None:
    members = {(i, name): member for i, (_, name, member) in enumerate(slots_of(cls))}
    for step, _, child in merger.difference.edges.get(pair, ()):
        if step[0] == "slot" and child in merger.difference.replaced:
            member = members[step[1:]]
            current = slot_value(member, live)
            value = merger.settle(child, current, f"{where}.{step[2]}")
            merger.emit(live, SlotKind.MEMBER, member, current, value, f"{where}.{step[2]}")
    for step, node in merger.difference.added.get(pair, ()):
        if step[0] == "slot":
            member = members[step[1:]]
            current = slot_value(member, live)
            if current is MISSING:
                value = merger.builder.make(node)
                merger.emit(live, SlotKind.MEMBER, member, ABSENT, value, f"{where}.{step[2]}")
            elif not merger.alike.as_after(current, node):
                raise PatchRefused(f"{where}.{step[2]} is new, and the live object has another one there")
    for step, _ in merger.difference.removed.get(pair, ()):
        if step[0] == "slot":
            member = members[step[1:]]
            current = slot_value(member, live)
            if current is not MISSING:
                merger.emit(live, SlotKind.MEMBER, member, current, ABSENT, f"{where}.{step[2]}")


def merge_class(merger: Merger, pair: Pair, live: Any) -> None:
    o, n = pair
    where = merger.old.path(o)
    own = merger.view.attributes(live)
    difference = merger.difference

    def change(name: str, value: Any) -> None:
        merger.emit(live, SlotKind.CLASS, name, own.get(name, ABSENT), value, f"{where}.{name}")

    head, name = merger.new.nodes[n][1], merger.old.nodes[o][1][1]
    if head[1] != name:
        merger.emit(
            live, SlotKind.CLASS, "__name__", live.__name__, head[1].rpartition(".")[2], f"{where}.__name__"
        )
        merger.emit(live, SlotKind.CLASS, "__qualname__", live.__qualname__, head[1], f"{where}.__qualname__")
    _merge_bases(merger, pair, live, where)
    # First, for 3.13 drops `__firstlineno__` by itself when `__module__` is set.
    for step, node in difference.removed.get(pair, ()):
        if step[0] == "attr" and step[1] in own and _may_leave(merger, pair, live, step[1], node):
            change(step[1], ABSENT)
    for step, _, child in difference.edges.get(pair, ()):
        if step == "meta" and child in difference.replaced:
            raise PatchRefused(f"{where} gets another metaclass")
        if step[0] == "attr" and child in difference.replaced:
            if step[1] not in own:
                raise PatchRefused(f"{where}.{step[1]} changes, and the live class has dropped it")
            change(step[1], merger.settle(child, own[step[1]], f"{where}.{step[1]}"))
    for step, node in difference.added.get(pair, ()):
        if step[0] == "attr":
            current = own.get(step[1], MISSING)
            if current is MISSING:
                change(step[1], merger.builder.make(node))
            elif not merger.alike.as_after(current, node):
                raise PatchRefused(f"{where}.{step[1]} is new, and the live class has another one")
    _merge_virtual(merger, pair, live, where)
    _keep_first_line(merger, pair, live, where)


def _may_leave(merger: Merger, pair: Pair, cls: type, name: str, o: int) -> bool:
    """May an attribute go from the class?  Not what it has counted, which may go on elsewhere."""
    current, where = merger.view.attributes(cls)[name], f"{merger.old.path(pair[0])}.{name}"
    comes = (
        merger.new.kind(node) for step, node in merger.difference.added.get(pair, ()) if step[0] == "attr"
    )
    later = merger.is_counted(SlotKind.CLASS, cls, name, current, o, {}) and "plain" in comes
    return not later or id(cls) in merger.carried or merger.may_go(current, o, where, later)


def exchange_table(merger: Merger, pair: Pair, live: dict[Any, Any], since: int) -> None:
    """A dataclass's fields and a function's keyword defaults are definition, not state, though they stand in
    a dict: another dict takes its place, in the new order, so that two versions can have one each.  `since`
    is the first op that changes the dict."""
    parent, step = merger.old.parents[pair[0]]
    changes = merger.ops[since:]
    if step not in (FIELDS, "kwdefaults") or not changes:
        return
    owner = merger.locator.locate(parent)
    if owner is MISSING or any(o == parent for o, _ in merger.difference.replaced):
        return  # what is built anew shares it with what goes
    if step == FIELDS:
        kind, key = SlotKind.CLASS, FIELDS[1]
        owners = [owner, *_made_before(owner)]
        owners = [one for one in owners if merger.view.attributes(one).get(key) is live]
    else:
        kind, key = SlotKind.FUNCTION, "__kwdefaults__"
        owners = [owner] if merger.view.part(owner, key) is live else []
    if not owners:
        return
    table: dict[Any, Any] = dict(live)
    for op in changes:
        if op.kind is SlotKind.ORDER:
            continue
        if op.after is ABSENT:
            table.pop(op.key, None)
        else:
            table[op.key] = op.after
    order = [s[2] for s in merger.new.kids(pair[1]) if s[0] == "key" and s[2] in table]
    after = {name: table[name] for name in (*order, *table)}
    del merger.ops[since:]
    for one in owners:
        merger.emit(one, kind, key, live, after, merger.old.path(pair[0]))


def _made_before(owner: type) -> list[type]:
    """A dataclass with slots is made twice, and its methods may know the class without them by a cell: that
    one has the same table of fields."""
    functions = [each for each in class_dict(owner).values() if type(each) is types.FunctionType]
    cells = {id(cell): cell for each in functions for cell in each.__closure__ or ()}
    known = {id(content): content for cell in cells.values() for content in _contents(cell)}
    return [one for one in known.values() if issubclass(type(one), type) and one is not owner]


def _contents(cell: types.CellType) -> Iterator[Any]:
    with contextlib.suppress(ValueError):
        yield cell.cell_contents


def _merge_bases(merger: Merger, pair: Pair, live: Any, where: str) -> None:
    difference = merger.difference
    bases = [child for step, _, child in difference.edges.get(pair, ()) if step[0] == "base"]
    came_or_went = [*difference.added.get(pair, ()), *difference.removed.get(pair, ())]
    if not any(b in difference.replaced for b in bases) and not any(s[0] == "base" for s, _ in came_or_went):
        return
    wanted = tuple(merger.builder.make(c) for s, c in merger.new.nodes[pair[1]][2] if s[0] == "base")
    merger.rebased.add(id(live))
    if bases_of(live) != wanted:
        merger.emit(live, SlotKind.BASES, None, bases_of(live), wanted, f"{where} bases")


def _merge_virtual(merger: Merger, pair: Pair, live: Any, where: str) -> None:
    """Virtual subclasses of an ABC.  `_abc` can register and forget all, not forget one: so undo forgets
    all and registers again what was there."""
    added = [c for s, c in merger.difference.added.get(pair, ()) if s[0] == "virtual"]
    removed = [s for s, _ in merger.difference.removed.get(pair, ()) if s[0] == "virtual"]
    if not added and not removed:
        return
    before = [c for c in (ref() for ref in _abc._get_dump(live)[0]) if c is not None]
    gone = {id(merger.locator.kids(live).get(step)) for step in removed}
    after = [c for c in before if id(c) not in gone] + [merger.builder.make(c) for c in added]
    undo, redo = partial(_register_all, live, before), partial(_register_all, live, after)
    name = f"{where} virtual subclasses"
    # Last both times: to register asks whether it is a subclass already, by hooks that the edit may change.
    merger.ops.insert(0, Op(live, SlotKind.CALL, None, undo, _nothing, name))
    merger.ops.append(Op(live, SlotKind.CALL, None, _nothing, redo, name))


def _nothing() -> None:
    pass


def _register_all(cls: type, subclasses: list[type]) -> None:
    _abc._reset_registry(cls)
    _abc._reset_caches(cls)
    for subclass in subclasses:
        _abc._abc_register(cls, subclass)


def _keep_first_line(merger: Merger, pair: Pair, live: Any, where: str) -> None:
    """3.13 drops `__firstlineno__` when `__module__` is set."""
    first = merger.new.kids(pair[1]).get(("attr", "__firstlineno__"))
    moved = any(
        step == ("attr", "__module__") and child in merger.difference.replaced
        for step, _, child in merger.difference.edges.get(pair, ())
    )
    if first is not None and moved:
        merger.ops.append(
            Op(
                live,
                SlotKind.CLASS,
                "__firstlineno__",
                merger.view.attributes(live).get("__firstlineno__", ABSENT),
                merger.builder.make(first),
                f"{where} line",
            )
        )


def merge_function(merger: Merger, pair: Pair, live: Any) -> None:
    o, n = pair
    where = merger.old.path(o)
    kind, head, _, _code = merger.new.nodes[n]
    if pair in merger.difference.replaced:
        same = kind == "function" and merger.difference.same_thing(pair)
        if same or pair in merger.difference.heirs:
            merger.forward(live, merger.builder.make(n), where)
        return
    _merge_code(merger, pair, live, where)
    for name, value in (("__name__", head[1]), ("__qualname__", head[2])):
        if getattr(live, name) != value:
            merger.emit(live, SlotKind.FUNCTION, name, getattr(live, name), value, f"{where} {name}")
    merger.merge_mapping(pair, live, merger.view.own(live), SlotKind.FUNCTION_DICT, "attr")
    attributes = dict(FUNCTION_PARTS)
    for step, _, child in merger.difference.edges.get(pair, ()):
        if child in merger.difference.replaced and step in attributes:
            current = merger.view.part(live, attributes[step])
            value = merger.settle(child, current, f"{where}.{attributes[step]}")
            merger.emit(live, SlotKind.FUNCTION, attributes[step], current, value, f"{where} {step}")
    for step, node in merger.difference.added.get(pair, ()):
        if step in attributes:
            current = merger.view.part(live, attributes[step])
            merger.emit(
                live,
                SlotKind.FUNCTION,
                attributes[step],
                current,
                merger.builder.make(node),
                f"{where} {step}",
            )
    for step, _ in merger.difference.removed.get(pair, ()):
        if step in attributes:
            empty: Any = {} if step == "annotations" else () if step == "type_params" else None
            current = merger.view.part(live, attributes[step])
            merger.emit(live, SlotKind.FUNCTION, attributes[step], current, empty, f"{where} {step}")


def _merge_code(merger: Merger, pair: Pair, live: Any, where: str) -> None:
    """Code that only moved keeps its objects' insides: the line table counts from the first line."""
    before, after = merger.old.nodes[pair[0]][3], merger.new.nodes[pair[1]][3]
    if before.exact == after.exact:
        return
    current = code = merger.view.code(live)
    if before.shift == after.shift:
        code = codes.shifted(code, after.first_line - code.co_firstlineno)
    if codes.key_of(code).exact != after.exact:
        code = merger.builder.code(pair[1])
    if codes.same(current, code):
        return
    in_front.refuse_if_strict(merger, pair, live, (current, code), where)
    merger.functions[id(live)] = live, current, code
    merger.emit(live, SlotKind.CODE, "__code__", current, code, where)


def merge_lru_cache(merger: Merger, pair: Pair, live: Any) -> None:
    merger.call(live.cache_clear, f"{merger.old.path(pair[0])} cache", live)
    merger.merge_mapping(pair, live, vars(live), SlotKind.FUNCTION_DICT, "attr")

"""Heaps and sorted lists that a change of how their items compare would put out of order.

`heapq` and `bisect` count on an order that they keep themselves.  When the code of `__lt__` changes, or what
it reads (a dataclass whose fields come in another order), items are found in wrong places, or not at all.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import codes
from .instances import Functions, functions_in
from .living import Living
from .reading import class_attribute, class_dict, is_python_class, mro_of, qualname_of

_COMPARING: Final = ("__lt__", "__gt__")
_NAMED: Final = frozenset({SlotKind.GLOBAL, SlotKind.CLASS})
_COUNTING_ON_IT: Final = frozenset(
    {"heapq", "heappush", "heappop", "heapify", "heapreplace", "heappushpop", "PriorityQueue", "bisect"}
    | {"bisect_left", "bisect_right", "insort", "insort_left", "insort_right"}
)
MOST_ITEMS: Final = 100_000


def lost(
    functions: Functions,
    ops: Sequence[Op],
    objects: Living,
    is_ours: Callable[[Any], bool],
    turn: Callable[[bool], None],
) -> list[str]:
    """Sentences, one for each class of which objects stand in an order that is theirs no more.

    Runs the program's comparisons, with the edit and without it: `turn(False)` takes it back, `turn(True)`
    does it again.
    """
    others = {id(f) for op in ops for f in functions_in(op.after)} | functions.keys()
    names = {op.key for op in ops if op.kind in _NAMED} | {f.__name__ for f, _, _ in functions.values()}
    owners = {id(op.owner) for op in ops if op.kind is SlotKind.CLASS and op.key in _COMPARING}
    changed = {id(f) for f in _comparisons(objects) if id(f) in others or _reads(f, names)}
    if not (changed or owners) or not _counts_on_order(objects, is_ours):
        return []
    lists = list(_lists(objects, changed, owners))
    after = [_is_in_order(items) for items, _ in lists]
    turn(False)
    try:
        before = [_is_in_order(items) for items, _ in lists]
    finally:
        turn(True)
    stale = {
        qualname_of(cls) for (_, cls), was, now in zip(lists, before, after, strict=True) if was and not now
    }
    return [f"objects of {name} stand in an order that their new code does not see" for name in sorted(stale)]


def _comparisons(objects: Living) -> Iterator[types.FunctionType]:
    for cls in objects.below(type):
        space = class_dict(cls)
        for f in (space.get(name) for name in _COMPARING):
            if type(f) is types.FunctionType:
                yield f


def _reads(f: types.FunctionType, names: set[Any]) -> bool:
    return bool(codes.names_in(f.__code__) & names)


def _counts_on_order(objects: Living, is_ours: Callable[[Any], bool]) -> bool:
    if any(cls.__name__ == "PriorityQueue" for cls in objects.classes.values()):
        return True
    functions = filter(is_ours, objects.exactly(types.FunctionType))
    return any(_COUNTING_ON_IT & codes.names_in(f.__code__) for f in functions)


def _lists(objects: Living, changed: set[int], owners: set[int]) -> Iterator[tuple[list[Any], type]]:
    known: dict[int, bool] = {}

    def compares_otherwise(item: Any) -> bool:
        cls = type(item)
        if id(cls) not in known:
            own = (class_attribute(cls, name) for name in _COMPARING) if is_python_class(cls) else ()
            below = any(id(base) in owners for base in mro_of(cls))
            known[id(cls)] = below or any(id(f) in changed for f in own)
        return known[id(cls)]

    for items in objects.below(list):
        if 1 < list.__len__(items) <= MOST_ITEMS:
            parts = (p for item in list(items) for p in (item if type(item) is tuple else (item,)))
            if (found := next((part for part in parts if compares_otherwise(part)), None)) is not None:
                yield items, type(found)


def _is_in_order(items: list[Any]) -> bool:
    """As `heapq` keeps it, which what is sorted is as well."""
    try:
        return not any(items[i] < items[(i - 1) // 2] for i in range(1, len(items)))
    except Exception:  # noqa: BLE001  whatever the program's code raises: it has no order then
        return False

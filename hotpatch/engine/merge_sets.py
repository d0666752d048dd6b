"""A set, three ways: what comes and goes, and which item is which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, SlotKind

from . import twins
from .match import Pair
from .merge_sequences import same_kind
from .reading import MISSING
from .shape import Step

if TYPE_CHECKING:
    from .merge import Merger


def merge_set(merger: Merger, pair: Pair, live: Any) -> None:
    where = merger.old.path(pair[0])
    have = {s: v for s, v in merger.locator.kids(live).items() if type(s) is tuple and s[0] == "item"}
    if alike := twins.groups(merger.old.kids(pair[0])):
        _find_alike(merger, alike, pair, have, where)
    _none_changed(merger, pair, have, where)
    for step, _ in merger.difference.removed.get(pair, ()):
        if step in have:
            merger.emit(live, SlotKind.ITEM, have[step], have[step], ABSENT, where)
    for step, node in merger.difference.added.get(pair, ()):
        if step[0] == "item" and not _has_item(merger, have, step, node):
            value = merger.builder.make(node)
            merger.emit(live, SlotKind.ITEM, value, ABSENT, value, where)
    for step, _, child in merger.difference.edges.get(pair, ()):
        if step[0] == "item" and child in merger.difference.replaced and step in have:
            value = merger.settle(child, have[step], where)
            if value is not have[step]:
                merger.emit(live, SlotKind.ITEM, have[step], have[step], ABSENT, where)
                merger.emit(live, SlotKind.ITEM, value, ABSENT, value, where)


def _has_item(merger: Merger, have: Mapping[Step, Any], step: Step, node: int) -> bool:
    """Is what comes there already?  The number in the step of one called alike says nothing."""
    if not twins.is_item(step):
        return step in have
    alike = [item for s, item in have.items() if twins.is_item(s) and s[2] == step[2]]
    return any(merger.alike.as_after(item, node) for item in alike)


def _find_alike(
    merger: Merger, alike: Mapping[str, list[Step]], pair: Pair, have: dict[Step, Any], where: str
) -> None:
    """Items that are called alike are numbered by what they hold, which the program may have changed."""
    kids = merger.old.kids(pair[0])
    for step in _concerned(merger, pair):
        if twins.is_item(step) and step[2] in alike:
            item = merger.locator.locate(kids[step])
            if item is MISSING:
                raise PatchRefused(f"{where}: an item changes, and which one it is here there is no telling")
            have[step] = item


def _none_changed(merger: Merger, pair: Pair, have: Mapping[Step, Any], where: str) -> None:
    """An item that is not found by what it is called was dropped here, or is called otherwise since.  Raises
    PatchRefused if there is one that it may have become."""
    kids = merger.old.kids(pair[0])
    others = [item for step, item in have.items() if step not in kids and twins.is_item(step)]
    of_one_kind = same_kind(merger)
    for step in _concerned(merger, pair):
        if step not in have and twins.is_item(step) and any(of_one_kind(kids[step], item) for item in others):
            raise PatchRefused(
                f"{where}: an item changes that is not in the live process as it was started, "
                "and which one it has become there is no telling"
            )


def _concerned(merger: Merger, pair: Pair) -> list[Step]:
    """The items of the old set that go, or give way."""
    edges = merger.difference.edges.get(pair, ())
    giving_way = [step for step, _, child in edges if child in merger.difference.replaced]
    return [*(step for step, _ in merger.difference.removed.get(pair, ())), *giving_way]

"""What functions close over, and what partials call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import SlotKind

from .match import Pair

if TYPE_CHECKING:
    from .merge import Merger


def merge_cell(merger: Merger, pair: Pair, live: Any) -> None:
    where = merger.old.path(pair[0])
    if not merger.new.nodes[pair[1]][1] or not merger.old.nodes[pair[0]][1]:
        raise PatchRefused(f"{where}: a variable of a closure gains or loses its value")
    for _, _, child in merger.difference.edges.get(pair, ()):
        current = live.cell_contents
        merger.emit(live, SlotKind.CELL, None, current, merger.settle(child, current, where), where)


def merge_partial(merger: Merger, pair: Pair, live: Any) -> None:
    where = merger.old.path(pair[0])
    before = {"func": live.func, "args": live.args, "keywords": live.keywords}
    after = dict(before)
    for step, _, child in merger.difference.edges.get(pair, ()):
        if child in merger.difference.replaced:
            after[step] = merger.settle(child, before[step], where)
    if any(after[part] is not before[part] for part in before):
        merger.emit(live, SlotKind.PARTIAL, None, tuple(before.values()), tuple(after.values()), where)

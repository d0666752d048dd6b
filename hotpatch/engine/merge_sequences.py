"""A sequence, three ways: it keeps what it gained, and takes what the new code inserts, drops, replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import SlotKind

from .aligning import opcodes
from .gained import as_at_start
from .match import FIXED, Pair, is_sequence
from .pairing import SHARED
from .shape import Step

if TYPE_CHECKING:
    from .merge import Merger


def merge_list(merger: Merger, pair: Pair, live: Any) -> None:
    merge_elements(merger, pair, live, list(live))


def merge_elements(merger: Merger, pair: Pair, live: Any, before: list[Any]) -> None:
    """`before` are the elements of `live`."""
    after = merged_items(merger, pair, before)
    if len(after) != len(before) or any(a is not b for a, b in zip(after, before, strict=True)):
        merger.emit(live, SlotKind.ELEMENTS, None, before, after, merger.old.path(pair[0]))


def merged_items(merger: Merger, pair: Pair, live: list[Any]) -> list[Any]:
    o, n = pair
    where = merger.old.path(o)
    old = [c for s, c in merger.old.nodes[o][2] if is_sequence(s)]
    new = [c for s, c in merger.new.nodes[n][2] if is_sequence(s)]
    if _all(live, new, merger.alike.as_after) and not _all(live, old, merger.alike.as_before):
        return live
    at, alike = _places(merger, old, live)
    matched = _matched_places(merger, pair, len(old))
    result = list(live)
    put: dict[int, list[Any]] = {}
    last = -1
    for place, child in enumerate(new):
        before = matched.get(place)
        if before is None:
            put.setdefault(last, []).append(merger.builder.make(child))
            continue
        i = at.get(before)
        if i is None:
            if (old[before], child) in merger.difference.replaced:
                raise PatchRefused(f"{where}: an item changes that the live process has dropped")
            continue
        result[i] = merger.settle((old[before], child), live[i], f"{where}[{i}]")
        last = i
    kept = set(matched.values())
    drop = {
        at[before] for before in at.keys() - kept if before in alike or _goes(merger, f"{where}.{before}")
    }
    merged = list(put.get(-1, ()))
    for i, value in enumerate(result):
        merged += [value] * (i not in drop) + put.get(i, [])
    return merged


def _goes(merger: Merger, name: str) -> bool:
    """Of an item that has changed since the start: the author has to say so."""
    if merger.choices.get(name) != "rebuild":
        raise PatchRefused(
            f"{name} is no longer there in the new sources, and has changed since the start: "
            "the bundle may say rebuild"
        )
    return True


def _all(live: list[Any], nodes: list[int], alike: Callable[[Any, int], bool]) -> bool:
    return len(live) == len(nodes) and all(map(alike, live, nodes))


def _places(merger: Merger, old: list[int], live: list[Any]) -> tuple[dict[int, int], set[int]]:
    """Where the items of the old sequence are in the live one; and which of them look as they did.

    Those that have changed since the start are as many as they were, and of the same classes, between two
    that have not.  That says where among them something new belongs, but not that one of them may go.
    """
    names = [merger.locator.label_of(c) for c in old]
    mine = as_at_start([merger.locator.label(v) for v in live], names)
    at, alike = dict[int, int](), set[int]()
    for tag, a, a2, b, b2 in opcodes(names, mine):
        if tag == "equal":
            alike.update(range(a, a2))
        elif a2 - a != b2 - b or not all(map(same_kind(merger), old[a:a2], live[b:b2])):
            continue
        at.update(zip(range(a, a2), range(b, b2), strict=True))
    return at, alike


def same_kind(merger: Merger) -> Callable[[int, Any], bool]:
    """Can this be what the node was, changed since?  An object of the same class can; what can't change can
    if its parts can."""
    locator = merger.locator

    def same(o: int, live: Any) -> bool:
        kind, head, kids, _ = merger.old.nodes[o]
        shape, name, parts, _ = merger.shapes.expand(live)
        if shape != kind:
            return False
        if kind == "instance" and kids:
            return locator.label_of(kids[0][1]) == locator.label(parts[0][1])
        if kind in SHARED:
            return True
        if kind not in FIXED or not kids:
            return locator.label_of(o) == locator.label(live)
        if name != head or [step for step, _ in kids] != [step for step, _ in parts]:
            return False
        return all(same(child, part) for (_, child), (_, part) in zip(kids, parts, strict=True))

    return same


def _matched_places(merger: Merger, pair: Pair, length: int) -> dict[int, int]:
    """Place in the new sequence: place in the old one."""
    came_or_went = [*merger.difference.added.get(pair, ()), *merger.difference.removed.get(pair, ())]
    if not any(is_sequence(step) for step, _ in came_or_went):
        return {i: i for i in range(length)}
    edges = merger.difference.edges.get(pair, ())
    return {_place(new): _place(old) for old, new, _ in edges if is_sequence(old)}


def _place(step: Step) -> int:
    place: int = step if type(step) is int else step[1]
    return place

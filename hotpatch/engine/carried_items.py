"""What an edit does to a sequence, done to that sequence as it has become since.

Items are told by identity, and by their places where one stands there several times: what the program put
beside an item is its own, though it be the same object.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from .aligning import opcodes


def carried(
    source: Sequence[Any], target: Sequence[Any], now: Sequence[Any], stand_ins: Mapping[int, Any]
) -> list[Any]:
    """What turns `source` into `target`, done to `now`.

    An item that another takes the place of is exchanged where it stands by now; where it is gone, so is what
    it stood for.  `stand_ins` tells, by id, what else gives way among the items that have come.
    """
    at = _places(source, now)
    came = set(range(len(now))) - set(at.values())
    result = [stand_ins.get(id(item), item) if i in came else item for i, item in enumerate(now)]
    gone, put = set[int](), defaultdict[int, list[Any]](list)
    for tag, i, i2, j, j2 in opcodes(_ids(source), _ids(target)):
        if tag == "equal":
            continue
        if i2 - i == j2 - j:
            for s, item in zip(range(i, i2), target[j:j2], strict=True):
                if s in at:
                    result[at[s]] = item
        else:
            gone |= {at[s] for s in range(i, i2) if s in at}
            put[_gap(at, i, len(source), len(now))] += target[j:j2]
    merged = list[Any]()
    for i, item in enumerate(result):
        merged += put[i] + [item] * (i not in gone)
    return merged + put[len(now)]


def _places(source: Sequence[Any], now: Sequence[Any]) -> dict[int, int]:
    """Where each item is by now: in the order in which they stood, then those that have been moved."""
    at = dict[int, int]()
    for tag, i, i2, j, j2 in opcodes(_ids(source), _ids(now)):
        if tag == "equal":
            at.update(zip(range(i, i2), range(j, j2), strict=True))
    taken, others = set(at.values()), defaultdict[int, deque[int]](deque)
    for place, item in enumerate(now):
        if place not in taken:
            others[id(item)].append(place)
    for s, item in enumerate(source):
        if s not in at and others[id(item)]:
            at[s] = others[id(item)].popleft()
    return at


def _gap(at: Mapping[int, int], i: int, length: int, end: int) -> int:
    """The place before which belongs what stood before the source's item `i`: behind the next one before it
    that is still there, else in front of the next one after it."""
    if i == 0:
        return 0
    before = next((at[s] + 1 for s in range(i - 1, -1, -1) if s in at), None)
    return before if before is not None else next((at[s] for s in range(i, length) if s in at), end)


def _ids(items: Sequence[Any]) -> list[str]:
    return [str(id(item)) for item in items]

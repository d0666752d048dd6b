"""The order of a mapping's keys, which programs go by: the first rule that fits, the order of registration.

A mapping that lives keeps the order in which its keys came, so keys that the new sources put elsewhere are
part of the edit like any other difference.  Keys that came while the program ran stand behind those of the
start.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from .reading import container_of
from .shape import Step

STEP: Final = "order"
"""By which the order of a mapping is spoken of, where its items are spoken of by their keys."""

ITEMS: Final = "items"
"""By which those of a sequence are spoken of that has another number of them each time."""

Matched = tuple[Step, Step, int, int]
Child = tuple[Step, int]


def is_key(step: Step) -> bool:
    return type(step) is tuple and step[0] == "key"


def comes_out_otherwise(
    matched: Iterable[Matched], added: Iterable[Child], old: Mapping[Step, int], new: Mapping[Step, int]
) -> bool:
    """Has the new mapping another order than the old one would have, once keys are taken from it and put
    behind the others?"""
    after = [step for step in new if is_key(step)]
    if not after:
        return False
    became = {before: step for before, step, _, _ in matched if is_key(step)}
    stayed, came = set(became.values()), {step for step, _ in added}
    result = [became[step] for step in old if step in became]
    result += [step for step in after if step in came]
    return result != [step for step in after if step in came or step in stayed]


class Order:
    """Of keys that stand in one place.  Two are equal if those that both have follow each other alike."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = [step for step in steps if is_key(step)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Order):
            return NotImplemented
        both = set(self.steps) & set(other.steps)
        return [s for s in self.steps if s in both] == [s for s in other.steps if s in both]

    __hash__ = None  # type: ignore[assignment]


def stands_in_order(mapping: Any, keys: Sequence[Any]) -> bool:
    """Are these keys in the mapping, one behind the other as here, whatever else is in between?"""
    wanted = {id(key) for key in keys}
    now = [key for key in keys_of(mapping) if id(key) in wanted]
    return len(now) == len(keys) and all(map(operator.is_, now, keys))


def keys_of(mapping: Any) -> list[Any]:
    return list(container_of(type(mapping)).__iter__(mapping))  # type: ignore[attr-defined]


def those_in(mapping: Any, keys: Iterable[Any]) -> list[Any]:
    """Those of `keys` that the mapping has, the very objects; runs no code of theirs."""
    here = set(map(id, keys_of(mapping)))
    return [key for key in keys if id(key) in here]


def putting_in_order(mapping: Any, keys: Iterable[Any]) -> Callable[[], Any]:
    """What puts these keys first, in their order, and leaves the others behind them as they are.  All of
    `keys` must be in the mapping by then.  In one go for other threads: C calls alone."""
    kind: Any = container_of(type(mapping))
    ordered: dict[Any, Any] = dict.fromkeys(keys)
    items = mapping if type(mapping) is dict else kind.items(mapping)  # past methods of the program
    calls = [
        partial(dict.update, ordered, items),
        partial(kind.clear, mapping),
        partial(kind.update, mapping, ordered),
    ]
    return partial(deque, map(operator.call, calls), maxlen=0)

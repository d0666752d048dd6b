"""Items of a set that are called alike: which of them is which.

A set has no order of its own, and what is in it goes by its label, which tells little of an object.  So of
those with one label the same are those that are known to be from elsewhere, then those whose contents say so.
Where two are alike in all, one is as good as the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import product

from .shape import Step

MOST_COMPARED = 10_000


def groups(kids: Mapping[Step, int]) -> dict[str, list[Step]]:
    """The steps to items that are objects, by label: those of several alone."""
    found: dict[str, list[Step]] = defaultdict(list)
    for step in kids:
        if is_item(step):
            found[step[2]].append(step)
    return {text: steps for text, steps in found.items() if len(steps) > 1}


def is_item(step: Step) -> bool:
    return type(step) is tuple and len(step) == 4 and step[0] == "item" and step[1] == "obj"


def pair(
    a: Mapping[Step, int], b: Mapping[Step, int], score: Callable[[int, int], float]
) -> dict[Step, Step]:
    """Steps of `a` to steps of `b`, for items of which one side has several."""
    found: dict[Step, Step] = {}
    for text in groups(a).keys() | groups(b).keys():
        left, right = ([step for step in kids if is_item(step) and step[2] == text] for kids in (a, b))
        if len(left) * len(right) > MOST_COMPARED:
            continue
        best = sorted(product(left, right), key=lambda two: -score(a[two[0]], b[two[1]]))
        taken: set[Step] = set()
        for so, sn in best:
            if so not in found and sn not in taken:
                found[so] = sn
                taken.add(sn)
    return found

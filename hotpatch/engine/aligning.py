"""Two sequences laid over each other: what stayed, what came, what went.

Items are known by their labels.  Those of one label (all dicts have the same) are told apart by what is in
them, and only those that have no equal go by their order: `[{"k": "a"}, {"k": "b"}]` with a dict put between
has gained one, and hasn't made the second one into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final

Opcode = tuple[str, int, int, int, int]
"""As those of `difflib`: a tag, where it is in the one, where in the other."""
Tell = Callable[[int], str]
"""What is in the item at this place."""

MOST_TOLD: Final = 40_000
"""Items that are told apart by their contents: of more it takes too long."""


def aligned(a: Sequence[str], b: Sequence[str], tell_a: Tell, tell_b: Tell) -> list[Opcode]:
    """`a` and `b` are the labels."""
    several = {name for side in (a, b) for name, count in Counter(side).items() if count > 1}
    if not several or len(a) + len(b) > MOST_TOLD:
        return opcodes(a, b)
    told_a = [tell_a(i) if name in several else name for i, name in enumerate(a)]
    told_b = [tell_b(j) if name in several else name for j, name in enumerate(b)]
    found: list[Opcode] = []
    for code in opcodes(told_a, told_b):
        tag, i, i2, j, j2 = code
        found += _shifted(opcodes(a[i:i2], b[j:j2]), i, j) if tag == "replace" else [code]
    return found


def opcodes(a: Sequence[str], b: Sequence[str]) -> list[Opcode]:
    """Those of `difflib`, which for long sequences of few different items would take for ever to find what
    both begin and end with."""
    most = min(len(a), len(b))
    head = next((i for i in range(most) if a[i] != b[i]), most)
    tail = next((i for i in range(most - head) if a[-1 - i] != b[-1 - i]), most - head)
    end_a, end_b = len(a) - tail, len(b) - tail
    middle = SequenceMatcher(None, a[head:end_a], b[head:end_b], autojunk=False).get_opcodes()
    before = [("equal", 0, head, 0, head)] if head else []
    after = [("equal", end_a, len(a), end_b, len(b))] if tail else []
    return [*before, *_shifted(middle, head, head), *after]


def _shifted(codes: Sequence[Opcode], by_a: int, by_b: int) -> list[Opcode]:
    return [(tag, i + by_a, i2 + by_a, j + by_b, j2 + by_b) for tag, i, i2, j, j2 in codes]

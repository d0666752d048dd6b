"""A latency sketch: counts in buckets whose borders grow by a constant factor, so that it merges exactly.

It is the DDSketch of Masson, Rim and Lee (PVLDB 12, 2019) with the logarithmic mapping: a latency x lies in
bucket i = ceil(log x / log GAMMA), GAMMA = (1 + e) / (1 - e), and every latency in a bucket is within the
relative error e = `ERROR` of the bucket's value.  So a quantile read from a sketch, or from the sum of any
number of them, is within 1 % of the true one, between `SHORTEST` and `LONGEST`; what lies outside counts
as the nearest of the two.  Two sketches are always comparable: the borders are the same everywhere.

Thread-safety: a bucket is counted by `counts[index] += 1` on a defaultdict of ints.  CPython switches threads
only where a Python function begins, after a call and at a backward jump, and there is none of them between
the read and the store, so no count is lost without a lock (`tests/rollout/test_counters.py` hammers it).
Readers take `counts.copy()`, one step under the GIL.

A library was not used: `ddsketch` moves its bins to another list when the range grows, so it wants a lock on
the request path, and would be one more import in every worker for these thirty lines.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

ERROR: Final = 0.01
"""Relative error of a quantile."""
GAMMA: Final = (1 + ERROR) / (1 - ERROR)
SHORTEST: Final = 1e-6
"""Seconds; anything shorter counts as this."""
LONGEST: Final = 86_400.0
"""Seconds; anything longer counts as this."""

_PER_LOG: Final = 1 / math.log(GAMMA)
_log, _ceil = math.log, math.ceil

Counts = Mapping[int, int]
"""How many latencies lie in each bucket."""


def empty() -> defaultdict[int, int]:
    """A sketch to count in: `counts[index_of(seconds)] += 1`."""
    return defaultdict(int)


def index_of(seconds: float) -> int:
    """The bucket of a latency.  A few hundred nanoseconds; never raises for a number."""
    if seconds <= SHORTEST:
        return _LOWEST
    if seconds >= LONGEST:
        return _HIGHEST
    return _ceil(_log(seconds) * _PER_LOG)


def value_of(index: int) -> float:
    """The latency in seconds that stands for a bucket: within `ERROR` of everything in it."""
    return 2 * math.pow(GAMMA, index) / (GAMMA + 1)


def merge(sketches: Iterable[Counts]) -> dict[int, int]:
    """The sketch of all that any of them counted."""
    total: defaultdict[int, int] = defaultdict(int)
    for counts in sketches:
        for index, count in counts.items():
            total[index] += count
    return dict(total)


def quantile_index(counts: Counts, q: float) -> int | None:
    """The bucket that holds the latency of rank floor(q * (n - 1)); None if nothing was counted."""
    number = sum(counts.values())
    if number == 0:
        return None
    rank = int(q * (number - 1))
    seen = 0
    for index in sorted(counts):
        seen += counts[index]
        if seen > rank:
            return index
    raise AssertionError("the counts sum up to less than their sum")


def quantile(counts: Counts, q: float) -> float | None:
    """The latency in seconds below which a share q of the requests was answered; None without any."""
    index = quantile_index(counts, q)
    return None if index is None else value_of(index)


def slower_than(counts: Counts, index: int) -> int:
    """How many latencies lie in buckets above this one: exact, for the border is the same everywhere."""
    return sum(count for at, count in counts.items() if at > index)


def steps_for(factor: float) -> int:
    """How many buckets further a latency lies that is `factor` times as long; rounded up, never down."""
    return math.ceil(math.log(factor) * _PER_LOG - 1e-9)


def later(index: int, factor: float, margin: float) -> int:
    """The bucket up to which a latency may lie that is longer than those of this bucket by the factor, or by
    `margin` seconds: by the larger of the two, rounded up."""
    return max(index + steps_for(factor), index_of(math.pow(GAMMA, index) + margin))


def to_wire(counts: Counts) -> dict[str, int]:
    """As JSON has it: keys are texts."""
    return {str(index): counts[index] for index in sorted(counts)}


def from_wire(data: Mapping[str, int]) -> dict[int, int]:
    """What `to_wire` wrote.  Raises ValueError if a key is no bucket or a count no count."""
    found = {int(key): count for key, count in data.items()}
    if any(count < 0 for count in found.values()):
        raise ValueError("a sketch has a negative count")
    return found


_LOWEST: Final = math.ceil(math.log(SHORTEST) * _PER_LOG)
_HIGHEST: Final = math.ceil(math.log(LONGEST) * _PER_LOG)

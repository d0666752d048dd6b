"""What requests come to while a rollout is judged: counts by version and route, cheap on the request path.

One `Meter` holds one version's window: everything since the rollout's step began.  `enter` is called by the
thread that begins a request, `note` by the one that has answered it; the agent's thread calls `read`.

Two things keep the versions comparable.  Who got which version is counted at the entry, since a slow version
answers later and would seem to have got less.  And a request that was in before the window began is not
counted at its answer: another share held when it came.  So make the meters after the new share is in force.

Thread-safety: `enter` and `note` take no lock and lose no count.  Each count is one straight-line read and
store of a plain int, list item or defaultdict item; CPython switches threads only where a Python function
begins, after a call and at a backward jump, and none lies between that read and its store.  A new route's
scope is made by `setdefault`, one step.  `read` may fall between two counts of one request: the window is
then one request short in one of them, and whole at the next look.  Leans on the GIL; there is a test that
hammers it.

Fork-safety: plain data; a child has its own copy.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Final

from attrs import evolve, field, frozen

from hotpatch_agent.rollout import sketch
from hotpatch_agent.rollout.sticky import BUCKETS

SEEN: Final = 1
"""It has entered; only the whole's scope has it of requests that were not answered yet."""
ERRED: Final = 2
SLOW: Final = (4, 8, 16)
"""A bucket's mark for each of `QUANTILES`."""
QUANTILES: Final = (0.50, 0.90, 0.99)
MAX_ROUTES: Final = 16
"""Routes counted by themselves: the first that are seen; the rest count in the whole alone."""
WHOLE: Final = ""
"""The scope of all requests together."""

Borders = tuple[int, int, int]
"""Sketch buckets, for each of QUANTILES, above which an answer counts as slow for this version."""
NEVER: Final[Borders] = (1 << 30, 1 << 30, 1 << 30)


class Scope:
    """The counts of one route, or of all.  Written by `Meter.note` alone."""

    __slots__ = ("borders", "counts", "errors", "marks", "requests")

    def __init__(self, borders: Borders, keyed: bool) -> None:
        self.requests = 0
        self.errors = 0
        self.counts = sketch.empty()
        self.borders = borders
        self.marks = bytearray(BUCKETS) if keyed else None


class Meter:
    """One version's window.  `keyed`: requests come with the bucket that decided their version.

    `borders`: per scope, when an answer counts as slow; a route without its own takes none.
    """

    def __init__(
        self, window: str, keyed: bool = False, borders: Mapping[str, Borders] | None = None
    ) -> None:
        self.window = window
        self.entered = 0
        self.began = monotonic()
        """Requests that came before are not counted; in the seconds of `time.monotonic`."""
        self._keyed = keyed
        self._borders = dict(borders or {})
        self.scopes: dict[str, Scope] = {WHOLE: Scope(self._borders.get(WHOLE, NEVER), keyed)}

    def enter(self, bucket: int | None) -> None:
        """A request has been given this version.  Any thread; no lock; a fraction of a microsecond.

        In a keyed meter a request without a bucket is not counted: no lot was drawn for it.
        """
        marks = self.scopes[WHOLE].marks
        if marks is None:
            self.entered += 1
        elif bucket is not None:
            self.entered += 1
            marks[bucket] |= SEEN

    def note(self, route: str, bucket: int | None, since: float, seconds: float, failed: bool) -> None:
        """A request that came at `since` was answered after so many seconds.  Any thread; no lock; about one
        microsecond."""
        if since < self.began or (bucket is None and self._keyed):
            return
        index = sketch.index_of(seconds)
        _count(self.scopes[WHOLE], bucket, index, failed)
        scope = self.scopes.get(route)
        if scope is None:
            if len(self.scopes) > MAX_ROUTES:
                return
            scope = self.scopes.setdefault(route, Scope(self._borders.get(route, NEVER), self._keyed))
        if route:
            _count(scope, bucket, index, failed)

    def fail(self, route: str, bucket: int | None, since: float) -> None:
        """An answer that `note` has counted as good failed after it had begun.  Any thread; no lock."""
        if since < self.began or (bucket is None and self._keyed):
            return
        for scope in (self.scopes[WHOLE], self.scopes.get(route) if route else None):
            if scope is not None:
                scope.errors += 1
                if bucket is not None and scope.marks is not None:
                    scope.marks[bucket] |= ERRED

    def read(self) -> Window:
        """A snapshot for the status file; any thread, any time."""
        scopes = {
            name: ScopeCounts(
                scope.requests,
                scope.errors,
                sketch.to_wire(scope.counts.copy()),
                _packed(scope.marks) if scope.marks is not None else "",
            )
            for name, scope in list(self.scopes.items())
        }
        return Window(self.window, scopes, self.entered)


def _count(scope: Scope, bucket: int | None, index: int, failed: bool) -> None:
    scope.requests += 1
    scope.counts[index] += 1
    marks = SEEN
    if failed:
        scope.errors += 1
        marks |= ERRED
    if bucket is not None and scope.marks is not None:
        middle, high, highest = scope.borders
        if index > middle:
            marks |= SLOW[0]
            if index > high:
                marks |= SLOW[1]
                if index > highest:
                    marks |= SLOW[2]
        scope.marks[bucket] |= marks


@frozen
class ScopeCounts:
    """What a scope came to, as it stands in a status file."""

    requests: int = 0
    errors: int = 0
    latency: Mapping[str, int] = field(factory=dict)
    """The sketch: `sketch.from_wire`."""
    marks: str = ""
    """For each bucket of keys the marks that it has, one byte each, compressed, base64; empty: not keyed."""


@frozen
class Window:
    """One version's counts in one worker since the step of this name began."""

    window: str
    scopes: Mapping[str, ScopeCounts] = field(factory=dict)
    entered: int = 0
    """Requests that were given this version, answered or not."""


@frozen
class Measured:
    """What a worker's status says of a rollout: both versions' counts in the round that it knows of."""

    new: Window
    old: Window


@frozen
class Units:
    """How many buckets of keys were seen, erred and were slow."""

    seen: int
    erred: int
    slow: tuple[int, int, int]


@frozen
class Total:
    """One version's counts in one scope over all workers."""

    requests: int = 0
    errors: int = 0
    latency: Mapping[int, int] = field(factory=dict)
    units: Units | None = None
    entered: int | None = None
    """Requests that were given this version; known for the whole alone.  None: those that were answered."""


def combine(windows: Iterable[Window], window: str | None) -> dict[str, Total]:
    """The sum over workers, by scope; windows of another name (a worker that is late) are left out.

    None takes all of them, whatever their name.
    """
    parts: dict[str, list[ScopeCounts]] = {}
    taken = [one for one in windows if window is None or one.window == window]
    for one in taken:
        for name, counts in one.scopes.items():
            parts.setdefault(name, []).append(counts)
    totals = {name: _sum(counts) for name, counts in parts.items()}
    if WHOLE in totals:
        totals[WHOLE] = evolve(totals[WHOLE], entered=sum(one.entered for one in taken))
    return totals


def _sum(parts: list[ScopeCounts]) -> Total:
    marks = [part.marks for part in parts if part.marks]
    return Total(
        sum(part.requests for part in parts),
        sum(part.errors for part in parts),
        sketch.merge(sketch.from_wire(part.latency) for part in parts),
        _units(marks) if marks else None,
    )


def _packed(marks: bytearray) -> str:
    return base64.b64encode(zlib.compress(bytes(marks), 1)).decode("ascii")


def _unpacked(text: str) -> bytes:
    """At most BUCKETS bytes, whatever the text claims to hold.  Raises ValueError if it is damaged."""
    try:
        return zlib.decompressobj().decompress(base64.b64decode(text, validate=True), BUCKETS)
    except zlib.error as error:
        raise ValueError(f"marks can't be read: {error}") from error


def _units(packed: list[str]) -> Units:
    """A bucket that two workers saw is one bucket: the marks are joined, then counted."""
    joined = 0
    for text in packed:
        joined |= int.from_bytes(_unpacked(text), "big")
    by_marks = joined.to_bytes(BUCKETS, "big")
    tally = [0] * 256
    for mark in set(by_marks):
        tally[mark] = by_marks.count(mark)

    def with_mark(bit: int) -> int:
        return sum(number for mark, number in enumerate(tally) if mark & bit)

    middle, high, highest = (with_mark(bit) for bit in SLOW)
    return Units(with_mark(SEEN), with_mark(ERRED), (middle, high, highest))

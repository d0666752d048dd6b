"""A rollout's progress as a fold over its records: two kinds, that it began and that it moved.

`Progress` is derived from the ledger and never written: whoever reads the same records has the same one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from hotpatch.errors import LedgerDamaged
from hotpatch_agent.clock import Instant
from hotpatch_agent.rollout.counters import Borders
from hotpatch_agent.rollout.states import ENDED, RETURNING, STOPPED, Event, Station, goes_to
from hotpatch_agent.rollout.strategy import Strategy

FOREVER: Final = 1e9
"""Seconds; what a clock shows after the machine was restarted under it."""


@frozen
class Began:
    """A release goes its way by this strategy; its workers are ready for it."""

    version: int
    digest: str
    strategy: Strategy
    name: str = ""
    """Of the bundle in the spool: the push that waits for it knows its own."""
    by_start: bool = False
    """Does a worker get it only by being started on it?"""


@frozen
class Moved:
    """An event has moved the rollout."""

    version: int
    event: Event
    reason: str = ""
    by: str = ""
    """The person, for a verb."""
    request: str = ""
    """The name of the person's request in the spool."""
    step: int | None = None
    """Which step it is at afterwards, where the event says so."""
    figures: Mapping[str, float] = field(factory=dict)
    borders: Mapping[str, Borders] = field(factory=dict)
    """Where it begins a round: above which latencies the old version counts as slow in it, by scope."""


@frozen
class Locked:
    """Nothing is pushed until the owner, or `--force`, unlocks: a deploy lock."""

    owner: str
    message: str
    request: str = ""


@frozen
class Unlocked:
    """The deploy lock is gone."""

    by: str
    request: str = ""


@frozen
class Progress:
    """Where a rollout stands, and since when."""

    version: int
    digest: str
    strategy: Strategy
    station: Station
    at: Instant
    """Of the record that brought it to this station."""
    name: str = ""
    step: int = -1
    """The step that it is at, or, when OPENING, that it asks for; -1 before the first."""
    back: Station | None = None
    """At which station it was stopped, when PAUSED or HELD."""
    attempt: int = 1
    round: int = -1
    """How often a step has been begun in this attempt: each has its own part of alpha, and its own counts."""
    used: float = 0.0
    """Seconds of the dead-man's switch at `at`; pauses by a person don't count."""
    spent: float = 0.0
    """Seconds of the present station at `at`, from before a pause."""
    alerted: int = -1
    """The round for which an alert was written down."""
    reason: str = ""
    """Of the last record; of the one that sent it back, once it has arrived there."""
    borders: Mapping[str, Borders] = field(factory=dict)
    """Of the present round."""
    returning: Event | None = None
    """What sent it back, once something has."""
    by_start: bool = False
    """Does a worker get the release only by being started on it?"""

    @property
    def ended(self) -> bool:
        """Is nothing in progress any more?"""
        return self.station in ENDED

    @property
    def window(self) -> str:
        """The name under which workers count for the present round (`counters.Meter.window`)."""
        return f"{self.version}.{self.attempt}.{self.round}"

    @property
    def acting(self) -> Station:
        """The station whose share of traffic holds: that at which it was stopped, if it was."""
        return self.back if self.station in STOPPED and self.back is not None else self.station

    def used_at(self, now: Instant) -> float:
        """Seconds that count for the dead-man's switch."""
        if self.station is Station.PAUSED or self.ended:
            return self.used
        return min(FOREVER, self.used + _between(self.at, now))

    def spent_at(self, now: Instant) -> float:
        """Seconds that it has been at this station, without pauses."""
        return min(FOREVER, self.spent + _between(self.at, now))


def begin(fact: Began, at: Instant) -> Progress:
    """The progress of a rollout that begins."""
    return Progress(
        fact.version, fact.digest, fact.strategy, Station.WAITING, at, fact.name, by_start=fact.by_start
    )


def advance(progress: Progress, fact: Moved, at: Instant) -> Progress:
    """The progress after this record.  Raises LedgerDamaged if the record can't follow."""
    to = goes_to(progress.station, progress.back, fact.event)
    if to is None or fact.version != progress.version:
        raise LedgerDamaged(
            f"the ledger says {fact.event.value!r} of release {fact.version}, which can't be while release "
            f"{progress.version} is {progress.station.value}: it was put together by hand, or by another "
            "hotpatch"
        )
    if fact.event is Event.ALERTED:
        return evolve(progress, alerted=progress.round, reason=fact.reason)
    moved = evolve(
        progress,
        station=to,
        at=at,
        used=progress.used_at(at),
        spent=0.0,
        back=None,
        reason=_reason(progress, fact),
        step=progress.step if fact.step is None else fact.step,
    )
    if fact.event is Event.RETRY:
        return evolve(moved, attempt=progress.attempt + 1, step=-1, round=-1, used=0.0, returning=None)
    if to in STOPPED:
        return _stopped(progress, moved, at)
    if progress.station is Station.PAUSED and to is progress.back:
        return evolve(moved, spent=progress.spent)
    if begins_round(progress, to):
        moved = evolve(moved, round=progress.round + 1, borders=fact.borders)
    if to in RETURNING and progress.station not in RETURNING:
        moved = evolve(moved, returning=fact.event)
    return moved


def _reason(progress: Progress, fact: Moved) -> str:
    """Of what has gone back it is asked why it did, not whether it has arrived."""
    arrived = fact.event is Event.REACHED and progress.station in RETURNING
    return progress.reason if arrived else fact.reason


def begins_round(progress: Progress, to: Station) -> bool:
    """Does going there begin a step, or begin it anew?"""
    return to is Station.MOVING or (progress.station is Station.HELD and to is Station.WATCHING)


def _stopped(before: Progress, moved: Progress, at: Instant) -> Progress:
    """Remember where to go on; a pause also remembers for how long the station had been going."""
    if before.station is Station.HELD:
        return evolve(moved, back=before.back)
    if moved.station is Station.PAUSED:
        return evolve(moved, back=before.station, spent=before.spent_at(at))
    return evolve(moved, back=before.station)


def _between(earlier: Instant, later: Instant) -> float:
    seconds = later.since(earlier)
    return FOREVER if math.isinf(seconds) else max(0.0, seconds)

"""A worker's hands on a release that is on trial: the share that gets it, and what its requests come to.

The share is set first, the counters of a round are made after it, since they are about that share.  Counting
costs the requests about a microsecond each, and only while a rollout compares.  Runs on the agent's thread,
but for `_Counter`, which is called by requests.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from hotpatch import epochs
from hotpatch_agent.home.status import Answered, Counters, Trial
from hotpatch_agent.rollout import sketch
from hotpatch_agent.rollout.counters import WHOLE, Measured, Meter, ScopeCounts, Window
from hotpatch_agent.rollout.observe import new_borders
from hotpatch_agent.rollout.picking import Draw, picker, route_of
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.strategy import By, Kind, Strategy, Target

BEFORE: Final = "before"
"""The window of what was known of the old version before the rollout."""


class Trials:
    """What this worker gives of a release.  Not thread-safe."""

    def __init__(self) -> None:
        self._epochs: tuple[int, ...] = ()
        self._meters: tuple[Meter, Meter] | None = None

    def give(self, version: epochs.Version | None, progress: Progress, trial: Trial) -> None:
        """From now on this part of the requests gets the version, and a new round is counted.

        Without a version to be had beside what runs, it is for the whole worker: what runs is the new one, or
        the old one, as the trial says.
        """
        self.end()
        if version is None:
            self._count_all(progress, trial)
            return
        strategy, salt = progress.strategy, progress.digest
        if trial.share or version.state is epochs.State.CANARY:
            draw = _draw(strategy, trial, salt)
            version.canary(draw.pick, draw.lot)
        keyed = _is_keyed(strategy)
        new = Meter(trial.window, keyed, new_borders(progress))
        old = Meter(trial.window, keyed, progress.borders)
        self._epochs, self._meters = (version.epoch, epochs.current()), (new, old)
        epochs.listen(version.epoch, _Counter(new))
        epochs.listen(epochs.current(), _Counter(old))

    def _count_all(self, progress: Progress, trial: Trial) -> None:
        new = Meter(trial.window, False, new_borders(progress))
        old = Meter(trial.window, False, progress.borders)
        self._epochs, self._meters = (epochs.current(),), (new, old)
        epochs.listen(epochs.current(), _Counter(new if trial.alone else old))

    def end(self) -> None:
        """Nobody is compared any more.  Harmless to repeat."""
        for epoch in self._epochs:
            epochs.listen(epoch, None)
        self._epochs, self._meters = (), None

    def measured(self) -> Measured | None:
        """Both versions' counts in this round; None if nothing is on trial."""
        if self._meters is None:
            return None
        new, old = self._meters
        return Measured(new.read(), old.read())


def before() -> Measured:
    """What is known of the version that runs, from before any round: how long its latest answers took."""
    counts = sketch.empty()
    for seconds in epochs.recent(epochs.current()):
        counts[sketch.index_of(seconds)] += 1
    scope = ScopeCounts(sum(counts.values()), 0, sketch.to_wire(counts))
    return Measured(Window(BEFORE), Window(BEFORE, {WHOLE: scope}))


def counters(before: Counters, release_of: Any) -> Counters:
    """A worker's counters as they are now."""
    totals = epochs.totals()
    return evolve(
        before,
        requests=totals.requests,
        errors=totals.errors,
        in_flight=len(epochs.requests_in_flight()),
        versions=_answered(release_of),
    )


def _answered(release_of: Any) -> tuple[Answered, ...]:
    """What each version's requests came to, oldest first; `release_of` gives the release of an epoch."""
    return tuple(
        Answered(
            one.epoch,
            release_of(one.epoch),
            one.requests,
            one.errors,
            _short(one.p50),
            _short(one.p90),
            _short(one.p99),
        )
        for one in epochs.counts()
    )


def _short(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _draw(strategy: Strategy, trial: Trial, salt: str) -> Draw:
    if trial.alone:
        return Draw(lambda request: True)
    if not trial.share:
        return Draw(lambda request: False)
    match = strategy.match if strategy.by is By.MATCH else None
    return picker(strategy, Target(share=trial.share, match=match), salt)


def _is_keyed(strategy: Strategy) -> bool:
    """Are lots drawn for keys?"""
    return bool(strategy.key) and strategy.kind is Kind.CANARY and strategy.by is By.SHARE


class _Counter:
    """What `epochs` tells of one version's requests, counted in a meter."""

    __slots__ = ("_meter",)

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def entered(self, request: Any, lot: int | None) -> int | None:
        self._meter.enter(lot)
        return lot

    def answered(self, request: Any, mark: int | None, since: float, seconds: float, failed: bool) -> None:
        self._meter.note(_route(request), mark, since, seconds, failed)

    def failed(self, request: Any, mark: int | None, since: float) -> None:
        self._meter.fail(_route(request), mark, since)


def _route(request: Any) -> str:
    try:
        return route_of(request)
    except Exception:  # noqa: BLE001  (whatever a request holds, it is served, and counted in the whole)
        return WHOLE

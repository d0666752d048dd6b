"""A rollout as people see it: where it stands and why, the share, new against old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotpatch_agent import clock
from hotpatch_agent.cli import tell
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.status import Answered, Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import STOPPED, Station
from hotpatch_agent.rollout.steps import target
from hotpatch_agent.rollout.strategy import By, Kind, Strategy

VERSIONS = ("version", "share", "requests", "errors", "p50", "p90", "p99")
"""The columns of `versions`."""


def sentence(progress: Progress | None) -> str:
    """Where it stands, in one sentence."""
    if progress is None:
        return "There is no rollout."
    reason = f": {progress.reason}" if progress.reason else ""
    where = f"{progress.station.value}{step(progress)}"
    if progress.station in STOPPED and progress.back is not None:
        where += f" at {progress.back.value}"
    return f"The rollout of release {progress.version} is {where}{reason}"


def step(progress: Progress) -> str:
    """`, step 2 of 3 (25 %)`, where it has steps."""
    steps = progress.strategy.steps
    if progress.step < 0 or progress.ended:
        return ""
    if progress.strategy.kind is Kind.CANARY and progress.step < len(steps):
        share: float = steps[progress.step].share
        return f", step {progress.step + 1} of {len(steps)} ({100 * share:.3g} %)"
    return f", step {progress.step + 1}"


def plan(strategy: Strategy) -> str:
    """The strategy in a line."""
    if strategy.kind is not Kind.CANARY:
        return str(strategy.kind.value)
    shares = ", ".join(f"{100 * one.share:.3g} %" for one in strategy.steps)
    by = f" by {strategy.key}" if strategy.key else ""
    if not by and strategy.by is not By.SHARE:
        by = f" by {strategy.by.value}"
    return f"canary: {shares}{by}" + (", by hand" if strategy.manual else "")


def clocks(progress: Progress) -> str:
    """What the dead-man's switch says."""
    if progress.ended or progress.station in (Station.KEEPING, Station.PROMOTING):
        return ""
    left = max(0.0, progress.strategy.deadline - progress.used_at(clock.now()))
    if progress.station is Station.PAUSED:
        return f"the clock stands: {tell.span(left)} left"
    return f"goes back by itself in {tell.span(left)}, if nothing promotes it"


def versions(state: State, alive: Sequence[Status]) -> list[dict[str, Any]]:
    """For each version that answers: its share, requests, errors and latency in seconds (of the worker that
    has the highest), summed over the workers."""
    found: dict[int, list[Answered]] = {}
    for status in alive:
        for one in status.counters.versions:
            found.setdefault(one.release, []).append(one)
    shares = _shares(state, alive)
    shown = [
        release for release in sorted(found) if release in shares or any(a.requests for a in found[release])
    ]
    return [
        {
            "release": release,
            "share": shares.get(release, 0.0),
            "requests": sum(one.requests for one in found[release]),
            "errors": sum(one.errors for one in found[release]),
            **{
                name: max(
                    (t for one in found[release] if (t := getattr(one, name)) is not None), default=None
                )
                for name in ("p50", "p90", "p99")
            },
        }
        for release in shown
    ]


def version_rows(state: State, alive: Sequence[Status]) -> list[tuple[str, ...]]:
    """The same for people."""
    return [
        (
            tell.release(one["release"]),
            f"{100 * one['share']:.3g} %",
            str(one["requests"]),
            str(one["errors"]),
            *(_time(one[name]) for name in ("p50", "p90", "p99")),
        )
        for one in versions(state, alive)
    ]


def data(progress: Progress | None, state: State) -> dict[str, Any]:
    """For scripts."""
    lock = {"owner": state.lock.owner, "reason": state.lock.message} if state.lock else None
    if progress is None:
        return {"rollout": None, "lock": lock}
    aim = target(progress, 1)
    return {
        "rollout": {
            "release": progress.version,
            "strategy": progress.strategy.kind.value,
            "station": progress.station.value,
            "step": progress.step + 1,
            "steps": [one.share for one in progress.strategy.steps],
            "share": aim.share,
            "attempt": progress.attempt,
            "reason": progress.reason,
            "ended": progress.ended,
        },
        "lock": lock,
    }


def _shares(state: State, alive: Sequence[Status]) -> dict[int, float]:
    """Of requests, over the workers that say what they give."""
    found: dict[int, float] = {}
    for status in alive:
        new = status.trial.share if status.trial is not None else 0.0
        if new and state.rollout is not None:
            found[state.rollout.version] = found.get(state.rollout.version, 0.0) + new / len(alive)
        if new < 1:
            found[status.release] = found.get(status.release, 0.0) + (1 - new) / len(alive)
    return found


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.3g} ms"

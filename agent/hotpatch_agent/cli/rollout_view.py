"""A rollout as people see it: where it stands and why, the share, new against old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotpatch_agent import clock
from hotpatch_agent.cli import tell
from hotpatch_agent.decision.showing import standing
from hotpatch_agent.decision.showing import versions as versions
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.status import Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import STOPPED, Station
from hotpatch_agent.rollout.strategy import By, Kind

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


def plan(progress: Progress) -> str:
    """The strategy in a line, with what it takes."""
    strategy = progress.strategy
    if strategy.kind is Kind.ROLLING and strategy.batch > 1:
        more = f", with up to {strategy.batch} workers more meanwhile" if progress.by_start else ""
        return f"rolling: {strategy.batch} workers at a time{more}"
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
    return {"rollout": None if progress is None else standing(progress), "lock": lock}


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.3g} ms"

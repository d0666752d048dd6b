"""A rollout as plain values: where it stands, and what each version's requests have come to.

For `status --json`, and for the program itself (`hotpatch_agent.running`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotpatch_agent.decision.states import State
from hotpatch_agent.home.status import Answered, Life, Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.steps import target


def standing(progress: Progress) -> dict[str, Any]:
    """Where a rollout stands, and why."""
    return {
        "release": progress.version,
        "strategy": progress.strategy.kind.value,
        "station": progress.station.value,
        "step": progress.step + 1,
        "steps": [one.share for one in progress.strategy.steps],
        "share": target(progress, 1).share,
        "attempt": progress.attempt,
        "reason": progress.reason,
        "ended": progress.ended,
    }


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


def _shares(state: State, alive: Sequence[Status]) -> dict[int, float]:
    """Of requests, over the workers that say what they give; one that waits gives nothing."""
    found: dict[int, float] = {}
    alive = [status for status in alive if status.life is not Life.WAITING]
    for status in alive:
        new = status.trial.share if status.trial is not None else 0.0
        if new and state.rollout is not None:
            found[state.rollout.version] = found.get(state.rollout.version, 0.0) + new / len(alive)
        if new < 1:
            found[status.release] = found.get(status.release, 0.0) + (1 - new) / len(alive)
    return found

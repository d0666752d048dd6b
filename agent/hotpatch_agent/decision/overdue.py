"""When a replacement has taken too long, and what is said of it.

A successor has the terms' `replace` seconds to serve.  The one in whose place it serves then has as long
again to go: the order takes its time, in a master that has just forked and in a worker that looks once a
second.  Once it is leaving, how long that takes is the server's `graceful_timeout` to say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hotpatch_agent.decision.states import Replacement, State
from hotpatch_agent.decision.view import View, listed
from hotpatch_agent.home.status import Status


def stacks(state: State, current: Replacement) -> Collection[tuple[int, ...]]:
    """What a successor may run."""
    return {state.versions, state.stack_on(current.on)}


def are_healthy(here: Sequence[Status], current: Replacement, may_run: Collection[tuple[int, ...]]) -> bool:
    """Do the newest of those that stay, as many as are replaced, run one of these stacks?"""
    staying = sorted(
        (one for one in here if one.worker not in current.workers), key=lambda one: one.started.tick
    )
    return all(_runs_one_of(one, may_run) for one in staying[-len(current.workers) :])


def _runs_one_of(status: Status, may_run: Collection[tuple[int, ...]]) -> bool:
    ours = tuple(tuple(version for version in stack if version not in status.absorbs) for stack in may_run)
    return status.stack in ours


def time_left(view: View, current: Replacement) -> float:
    """Seconds until this replacement has taken too long; below 0 if it has."""
    return _limit(view, _serve(view, current)) - view.now.since(current.since)


def why_overdue(view: View, current: Replacement) -> str:
    """What is missing after so long; empty as long as it has time."""
    serve = _serve(view, current)
    who, limit = listed(current.workers), _limit(view, serve)
    if view.now.since(current.since) <= limit:
        return ""
    if serve:
        return f"{who} did not go within {limit:g} s, though there are others in its place"
    return f"no successor of {who} was serving after {limit:g} s"


def _limit(view: View, serve: bool) -> float:
    return view.terms.replace * (2 if serve else 1)


def _serve(view: View, current: Replacement) -> bool:
    """Do all the successors?"""
    here = (*view.voters, *view.waiting)
    staying = [one for one in here if one.worker not in current.workers]
    enough = min(current.among, view.seen.wanted or current.among)
    return len(staying) >= enough and are_healthy(here, current, stacks(view.state, current))

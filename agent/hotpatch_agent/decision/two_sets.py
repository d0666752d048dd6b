"""Blue-green of a release that goes in by reload: two sets of workers under one master, one of which answers.

    the workers that run      before the commit        after it    taken back
    the head as it was        answer                   wait        answer
    the release               are started, and wait    answer      wait, until they have gone

To wait is to accept nothing (`Life.WAITING`); the kernel's queue of connections is one for all, so nothing is
lost by it.  Which set answers is not a fact of its own: those that run the ledger's head do.  So the record
of the commit is the flip, and that of the way back the flip back; each worker does its part by itself.

A worker waits only while another is seen to serve the head, so that the new ones are open before the old
ones shut, and so that no death, no signal and no missing leader ever leaves a service in which all wait.
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from hotpatch_agent.decision.states import Replacement, State
from hotpatch_agent.decision.view import runs_head
from hotpatch_agent.home.status import HERE, Life, Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.strategy import in_two_sets


def has_two(progress: Progress | None) -> bool:
    """Is this a rollout that has a second set of workers started?"""
    return progress is not None and in_two_sets(progress.strategy)


def are_up(state: State) -> bool:
    """Is such a rollout under way?"""
    return has_two(state.underway)


def brings_up(state: State, current: Replacement) -> bool:
    """Was this replacement begun to start the second set?"""
    progress = state.progress
    return progress is not None and has_two(progress) and current.on == progress.version


def is_to_wait(state: State, status: Status, alive: Sequence[Status]) -> bool:
    """Is this worker to accept nothing?  `alive`: all that live."""
    if runs_head(state, status) or not (are_up(state) or status.life is Life.WAITING):
        return False
    return any(one.life is Life.SERVING and runs_head(state, one) for one in _others(status, alive))


def gives_way(state: State, status: Status, alive: Sequence[Status]) -> bool:
    """Will this worker wait, or does it, since there are others that run the head?"""
    if runs_head(state, status) or not are_up(state):
        return False
    return any(one.life in HERE and runs_head(state, one) for one in _others(status, alive))


def staying(state: State, alive: Sequence[Status]) -> Sequence[Status]:
    """Those among whom it is chosen who stays, when there are more workers than there are to be: where some
    wait, the set that runs the head, though it may not have opened yet."""
    if not any(one.life is Life.WAITING for one in alive):
        return alive
    return [evolve(one, life=Life.SERVING) for one in alive if one.life in HERE and runs_head(state, one)]


def _others(status: Status, alive: Sequence[Status]) -> list[Status]:
    return [one for one in alive if one.worker != status.worker]

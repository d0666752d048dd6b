"""What each worker is to give of a release that is on trial, and whether all of them do.

Pure: from the ledger's state and the workers' statuses.  A release is on trial from the moment at which every
worker is ready for it until it is committed or has failed; `rollout.steps.target` says how much of it there
is to be, and this says what that means for one worker.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotpatch_agent.decision.states import Rollout, Stage, State
from hotpatch_agent.home.status import Life, Phase, Status, Trial
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import RETURNING, Station
from hotpatch_agent.rollout.steps import target
from hotpatch_agent.rollout.strategy import Kind, Strategy, chosen

NOBODY = Trial("")


def has_a_say(strategy: Strategy) -> bool:
    """Does anything come between `every worker is ready` and `it is committed`, or after that?"""
    return strategy.kind is not Kind.ALL_AT_ONCE or bool(strategy.keep or strategy.gates or strategy.checks)


def gives_shares(strategy: Strategy) -> bool:
    """Do both versions answer for a while, so that each has to be there beside the other?"""
    return strategy.kind in (Kind.CANARY, Kind.ROLLING)


def of_worker(state: State, status: Status, peers: Sequence[Status]) -> Trial | None:
    """What this worker is to give; None if there is no trial, or nothing is to be changed for now.

    `peers`: all living workers in the order of their start, this one among them; they matter only where whole
    workers are chosen.
    """
    progress, rollout = state.trying, state.rollout
    if progress is None or rollout is None or progress.ended or rollout.stage is not Stage.REHEARSED:
        return None
    able = [one for one in peers if _is_ready(state, rollout, one)]
    aim = target(progress, len(able))
    if aim.whole:
        return None  # it is about to be committed: the flip does the rest
    if aim.workers:
        new = [one.worker for one in able if one.trial is not None and one.trial.alone]
        alone = status.worker in chosen(aim, [one.worker for one in able], new)
        return Trial(progress.window, float(alone), alone)
    if progress.round < 0:
        return None  # what is known from before it began is what the first step goes by
    return Trial(progress.window, aim.share)


def reached(state: State, alive: Sequence[Status]) -> bool:
    """Does every worker run what it should, as far as it can be seen?"""
    progress = state.progress
    assert progress is not None
    if progress.version in state.versions:
        return state.stage is Stage.IDLE and progress.station not in RETURNING
    if state.trying is None:
        return state.stage is Stage.IDLE and progress.station is not Station.PROMOTING
    serving = [one for one in alive if one.life is Life.SERVING]
    if progress.station in RETURNING:
        return not any(one.trial is not None and one.trial.share for one in serving)
    return bool(serving) and all(_is_there(state, progress, one, alive) for one in serving)


def _is_there(state: State, progress: Progress, status: Status, peers: Sequence[Status]) -> bool:
    assert state.rollout is not None
    if status.phase_for(state.errand, state.rollout.digest) is Phase.UNABLE:
        return True  # it gets the release by being replaced, once that is committed
    wanted = of_worker(state, status, peers)
    return wanted is None or (_is_ready(state, state.rollout, status) and status.trial == wanted)


def _is_ready(state: State, rollout: Rollout, status: Status) -> bool:
    return status.life is Life.SERVING and status.phase_for(state.errand, rollout.digest) is Phase.READY

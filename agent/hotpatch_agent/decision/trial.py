"""What each worker is to give of a release that is on trial, and whether all of them do.

Pure: from the ledger's state and the workers' statuses.  A release is on trial from the moment at which every
worker is ready for it until it is committed or has failed; `rollout.steps.target` says how much of it there
is to be, and this says what that means for one worker.  There are three ways in which a worker gives it:

    beside      both versions are in it; lots are drawn, or it is one of the workers that were chosen
    in it       the release has gone into this worker alone, in one step, and can be taken back there
    by start    the worker was started on it, in the place of one that was not (`Progress.by_start`)

In the first two each worker looks at its peers and does its part by itself.  In the last the leader has the
workers replaced, one at a time (`replacing`), and a worker only says which version it was started on; or has
a second set of them started, which waits (`two_sets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hotpatch_agent.decision.states import Rollout, Stage, State
from hotpatch_agent.decision.two_sets import has_two
from hotpatch_agent.home.status import HERE, Life, Phase, Status, Trial
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import RETURNING, Station
from hotpatch_agent.rollout.steps import target
from hotpatch_agent.rollout.strategy import By, Kind, Strategy, chosen, whole_workers

NEVER_STARTED: Final = "never started"
"""The phase of a worker that died, or gave up, while it was started on a release."""


def could_not_start(state: State, version: int, digest: str) -> str:
    """The workers that could not be started on this release, and why, in one sentence; empty: none is known.

    However many there are by the time the release is taken back, and whoever takes it back, it says the same.
    """
    failed = [one for one in state.crashes if one.digest == digest and one.phase == NEVER_STARTED]
    if not failed:
        return ""
    who = "a new worker" if len(failed) == 1 else f"{len(failed)} new workers"
    why = next((f": {one.reason}" for one in failed if one.reason), "")
    return f"{who} could not start on release {version} ({', '.join(one.worker for one in failed)}){why}"


def has_a_say(strategy: Strategy) -> bool:
    """Does anything come between `every worker is ready` and `it is committed`, or after that?"""
    return strategy.kind is not Kind.ALL_AT_ONCE or bool(strategy.keep or strategy.gates or strategy.checks)


def gives_shares(strategy: Strategy) -> bool:
    """Do both versions answer for a while?"""
    return strategy.kind in (Kind.CANARY, Kind.ROLLING)


def needs_company(strategy: Strategy) -> bool:
    """Does it compare whole workers, so that one worker alone is nothing to go by?"""
    return strategy.kind is Kind.CANARY and strategy.by is By.WORKERS


def on_trial(state: State, status: Status) -> bool:
    """Does this worker run the release that is on trial, for every request?"""
    progress = state.trying
    return progress is not None and bool(status.stack) and status.digest == progress.digest


def of_worker(state: State, status: Status, peers: Sequence[Status]) -> Trial | None:
    """What this worker is to give; None if there is no trial, or nothing is to be changed for now.

    `peers`: all living workers in the order of their start, this one among them; they matter only where whole
    workers are chosen.
    """
    progress, rollout = state.trying, state.rollout
    if progress is None or rollout is None or progress.ended or rollout.stage is not Stage.REHEARSED:
        return None
    has = on_trial(state, status)
    if progress.by_start:
        return None if progress.round < 0 else Trial(progress.window, float(has), has)
    able = [one for one in peers if _is_able(state, rollout, one)]
    aim = target(progress, _number(state, able))
    if aim.whole:
        return None  # it is about to be committed: the flip does the rest
    if aim.workers:
        new = [one.worker for one in able if _gives_it_alone(state, one)]
        alone = has or status.worker in chosen(aim, [one.worker for one in able], new)
        return Trial(progress.window, float(alone), alone)
    gives = status.trial is not None and status.trial.share
    if progress.round < 0 and not gives:
        return None  # what is known from before it began is what the first step goes by
    return Trial(progress.window, aim.share)


def missing(state: State, alive: Sequence[Status]) -> int:
    """How many workers more are to be started on the release on trial; below 0: that many are to lose it.

    A number that has shrunk because workers died takes it from nobody: only the way back does.
    """
    progress = state.trying
    if progress is None or not progress.by_start:
        return 0
    if state.stage is not Stage.REHEARSED and progress.station not in RETURNING:
        return 0
    staying = [one for one in alive if one.life in HERE or one.life is Life.BOOTING]
    has = sum(on_trial(state, one) for one in staying)
    aim = target(progress, _number(state, [one for one in staying if one.life is Life.SERVING]))
    if aim.whole:
        return 0  # it is about to be committed, and the rest follow then
    return max(0, whole_workers(aim) - has) if aim.workers else -has


def reached(state: State, alive: Sequence[Status]) -> bool:
    """Does every worker run what it should, as far as it can be seen?"""
    progress = state.progress
    assert progress is not None
    if progress.version in state.versions:
        return state.stage is Stage.IDLE and progress.station not in RETURNING
    if state.trying is None:
        return state.stage is Stage.IDLE and progress.station is not Station.PROMOTING
    two = has_two(progress)
    if state.replacement is not None and (progress.station in RETURNING or not two):
        return False
    serving = [one for one in alive if one.life is Life.SERVING]
    if progress.station in RETURNING:
        if any(one.seq < state.seq for one in serving):
            return False  # it may be about to give what was asked for before the way back
        gives = any(one.trial is not None and one.trial.share for one in serving)
        return not gives and not any(on_trial(state, one) for one in alive if one.life is not Life.LEAVING)
    if missing(state, alive):
        return False
    if two:
        return bool(serving) and not any(one.life is Life.BOOTING and on_trial(state, one) for one in alive)
    return bool(serving) and all(_is_there(state, progress, one, alive) for one in serving)


def _is_there(state: State, progress: Progress, status: Status, peers: Sequence[Status]) -> bool:
    assert state.rollout is not None
    unable = status.phase_for(state.errand, state.rollout.digest) is Phase.UNABLE
    if unable and not progress.by_start:
        return True  # it gets the release by being replaced, once that is committed
    wanted = of_worker(state, status, peers)
    ready = progress.by_start or _is_ready(state, state.rollout, status)
    return wanted is None or (ready and status.trial == wanted)


def _number(state: State, able: Sequence[Status]) -> int:
    """Of how many workers a share is meant: one that has come for another is no worker more."""
    return min(len(able), state.replacement.among) if state.replacement is not None else len(able)


def _gives_it_alone(state: State, status: Status) -> bool:
    return on_trial(state, status) or (status.trial is not None and status.trial.alone)


def _is_able(state: State, rollout: Rollout, status: Status) -> bool:
    """Has it built the release, or is it on its way into it, or does it run it?"""
    on_the_way = status.phase_for(state.errand, rollout.digest) in (Phase.COMMITTING, Phase.HELD)
    return status.life is Life.SERVING and (_is_ready(state, rollout, status) or on_the_way)


def _is_ready(state: State, rollout: Rollout, status: Status) -> bool:
    phase = status.phase_for(state.errand, rollout.digest)
    ready = phase is Phase.READY or (phase is Phase.LIVE and on_trial(state, status))
    return status.life is Life.SERVING and ready

"""What one worker does for its part: a pure look at the ledger's state and at its own status.

The worker does the duty, writes its new status, and looks again.  It asks nobody, and it remembers nothing
that its status does not say; so a worker that comes late, or back, does the same as the others.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.transition import is_forced
from hotpatch_agent.decision.trial import of_worker, on_trial
from hotpatch_agent.decision.two_sets import gives_way
from hotpatch_agent.decision.view import needs_reload, runs_head
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Status, Trial
from hotpatch_agent.rollout.states import RETURNING


class Task(enum.Enum):
    """The one thing to do next."""

    NOTHING = "nothing"
    VERIFY = "verify"
    """Accept the bundle of this digest, or say why not: end as VERIFIED or REFUSED."""
    STAGE = "stage"
    """Build it beside the old: end as READY, as UNABLE (only a new worker can run it) or REFUSED."""
    ADOPT = "adopt"
    """Go from the own stack to the head's: end as LIVE, HELD (try again later) or UNABLE."""
    TRY = "try"
    """Give it to a part of the requests, to all of them, or to none any more: end as READY with this trial,
    as HELD (try again later) or UNABLE."""
    FORCE = "force"
    """As a person asks: leave no request on old code, whatever that mixes; end as LIVE."""
    WITHDRAW = "withdraw"
    """Throw away what was built for a release that won't come: end with no adoption."""


@frozen
class Duty:
    """A task and the release that it is about; for ADOPT, the whole stack to arrive at."""

    task: Task
    version: int = 0
    digest: str = ""
    errand: int = 0
    """For the worker's `Adoption`."""
    stack: tuple[int, ...] = ()
    trial: Trial | None = None
    """For TRY."""
    force: bool = False
    """For ADOPT: do not wait for requests to end."""


NOTHING = Duty(Task.NOTHING)
_CAN_TRY: Final = (Phase.READY, Phase.COMMITTING, Phase.HELD, Phase.LIVE)
"""COMMITTING: a full disk has stopped it there, and it begins again."""


def duty(state: State, status: Status, peers: Sequence[Status] = ()) -> Duty:
    """What this worker has to do now; `peers` are all that live, if whole workers are chosen for a trial."""
    if status.life is not Life.SERVING:
        return NOTHING
    if gives_way(state, status, peers):
        return NOTHING
    if not runs_head(state, status) and not on_trial(state, status):
        return _towards_head(state, status)
    rollout = state.rollout
    if rollout is not None and rollout.stage in (Stage.OFFERED, Stage.REHEARSED):
        return _before_commit(state, status, peers)
    adoption = status.adoption
    if adoption is not None and (adoption.phase is not Phase.LIVE or status.trial is not None):
        return Duty(Task.WITHDRAW, adoption.version, adoption.digest, adoption.errand)
    lingers = adoption is not None and adoption.errand == state.errand and bool(status.blockers)
    if adoption is not None and lingers and is_forced(state, status):
        return Duty(Task.FORCE, adoption.version, adoption.digest, adoption.errand)
    return NOTHING


def _before_commit(state: State, status: Status, peers: Sequence[Status]) -> Duty:
    rollout = state.rollout
    assert rollout is not None
    phase = status.phase_for(state.errand, rollout.digest)
    if phase is None:
        return Duty(Task.VERIFY, rollout.version, rollout.digest, state.errand)
    progress = state.trying
    goes_back = progress is not None and progress.station in RETURNING
    live = rollout.how is How.LIVE and not goes_back
    if phase is Phase.VERIFIED and rollout.stage is Stage.REHEARSED and live:
        return Duty(Task.STAGE, rollout.version, rollout.digest, state.errand)
    says = progress is not None and progress.by_start
    if says or phase in _CAN_TRY:
        wanted = of_worker(state, status, peers)
        if wanted is not None and wanted != status.trial:
            return Duty(Task.TRY, rollout.version, rollout.digest, state.errand, trial=wanted)
    return NOTHING


def _towards_head(state: State, status: Status) -> Duty:
    """A worker that can't get there says so once, and then waits to be replaced."""
    top = state.top
    digest = top.digest if top else ""
    if status.phase_for(state.errand, digest) in (Phase.UNABLE, Phase.FELL_BACK) or needs_reload(
        state, status
    ):
        return NOTHING
    forced = is_forced(state, status)
    return Duty(Task.ADOPT, top.version if top else 0, digest, state.errand, state.versions, force=forced)

"""What a worker that is started now runs: the ledger's head, what is left of it, or a release on trial.

Pure but for `open_`, which gives a bundle's release by digest and time of its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotpatch.errors import HotpatchError, PatchInvalid
from hotpatch.release import Release
from hotpatch_agent.decision.crashes import LIMIT, died_starting
from hotpatch_agent.decision.states import Entry, State
from hotpatch_agent.home.status import HERE, Life, Problem, Roll, Status
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import RETURNING


def choose(
    state: State, roll: Roll, open_: Callable[[str, float], Release]
) -> tuple[Sequence[Release], Problem | None]:
    """The releases to start on, lowest first: the head, or what is left of it without those that don't start;
    and why it isn't the head.  `open_` gives a bundle's release by digest and time of its commit."""
    stack = state.head
    first: Problem | None = None
    while stack:
        problem = why_not(state, roll, stack[-1])
        releases: list[Release] = []
        try:
            releases += [open_(entry.digest, entry.at.time) for entry in stack if problem is None]
        except HotpatchError as error:
            problem = Problem.of(error)
        if problem is None:
            return releases, first
        first = first or problem
        stack = state.before(stack[-1])
    return (), first


def place_on_trial(state: State, roll: Roll) -> Progress | None:
    """The release on trial that a worker which is started now is to run: the leader has asked for one or a
    few, and not as many that were started since have taken the places."""
    progress, replacement = state.trying, state.replacement
    if progress is None or replacement is None or replacement.on != progress.version:
        return None
    if progress.ended or progress.station in RETURNING:
        return None
    here = {Life.BOOTING, *HERE}
    taken = sum(
        one.digest == progress.digest and one.life in here and one.started.since(replacement.since) >= 0
        for one in roll.alive
    )
    return progress if taken < len(replacement.workers) else None


def open_trial(
    state: State, roll: Roll, open_: Callable[[str, float], Release]
) -> tuple[Release | None, Problem | None]:
    """The release on trial, to be started on; or why not, as one that was started on it before has found."""
    assert state.rollout is not None
    digest = state.rollout.digest
    victims = died_starting(state, roll.dead, digest)
    if victims:
        died = Problem.of(PatchInvalid(f"worker {victims[-1].pid} died while it was started on it"))
        return None, _last_word(victims) or died
    try:
        return open_(digest, state.rollout.since.time), None
    except HotpatchError as error:
        return None, Problem.of(error)


def why_not(state: State, roll: Roll, entry: Entry) -> Problem | None:
    """Why a worker should not be started on this release: as many before it could not as put a release into
    quarantine, and no leader was there to do that."""
    victims = died_starting(state, roll.dead, entry.digest)
    if len(victims) < LIMIT:
        return None
    told = ", ".join(one.worker for one in victims)
    died = Problem.of(PatchInvalid(f"{len(victims)} workers died while they were started on it: {told}"))
    return _last_word(victims) or died


def _last_word(victims: Sequence[Status]) -> Problem | None:
    """What the last of those that died said of why, if one did."""
    words = [one.adoption.problem for one in victims if one.adoption and one.adoption.problem]
    return words[-1] if words else None

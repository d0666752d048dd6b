"""Deaths that a release must answer for, and what follows from them.

A worker that ends in good order takes its status file with it.  One that is found dead, with the lock gone
and the file still there, counts against a release if the release's code was at work in it: while it was
rehearsed, built, committed or started on, or for a probation time after the commit.  The second such death
puts the release into quarantine.
"""

from __future__ import annotations

import math
from typing import Final

from hotpatch import errors
from hotpatch_agent.decision.acts import Append, Decision, Forget
from hotpatch_agent.decision.reloading import died_of_disk
from hotpatch_agent.decision.states import Crash, Stage, State
from hotpatch_agent.decision.trial import NEVER_STARTED, could_not_start, on_trial
from hotpatch_agent.decision.view import View
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import HERE, Life, Phase, Problem, Status

LIMIT: Final = 2
"""The crash that is one too many."""
_AT_WORK: Final = frozenset({Phase.REHEARSING, Phase.STAGING, Phase.COMMITTING})
ON_TRIAL: Final = "on trial"
"""It gave a release to a part of its requests."""


def deaths(view: View) -> tuple[Decision, ...]:
    """Record the deaths that count, one a round; forget the dead that are accounted for."""
    done: list[Decision] = []
    for status in view.seen.dead:
        found = _charge(view, status)
        if found is not None and not _is_recorded(view.state, found):
            return (*done, Append(found))
        if not died_of_disk(view.state, status):  # the reload goes by it
            done.append(Forget(status.worker))
    return tuple(done)


def failed_starts(view: View) -> tuple[Decision, ...]:
    """Record the workers that could not start on the head and were started on an older release."""
    for status in view.seen.alive:
        adoption = status.adoption
        if (
            adoption is None
            or adoption.phase is not Phase.FELL_BACK
            or adoption.digest not in _on_head(view.state)
        ):
            continue
        reason = adoption.problem.text if adoption.problem else adoption.reason
        crash = facts.Crashed(adoption.version, adoption.digest, status.worker, NEVER_STARTED, reason)
        if not _is_recorded(view.state, crash):
            return (Append(crash),)
    return ()


def died_starting(state: State, dead: tuple[Status, ...], digest: str) -> tuple[Status, ...]:
    """Workers of this master that died, with a word or without, while they were started on this release.

    Where every worker dies like this there is no leader to count them: a worker that is being started asks.
    """
    return tuple(
        one
        for one in dead
        if one.life is Life.BOOTING
        and one.adoption is not None
        and one.adoption.digest == digest
        and state.started is not None
        and 0 <= one.started.since(state.started) < math.inf
    )


def judge(view: View) -> tuple[Decision, ...]:
    """Quarantine what crashed twice; stop a reload whose first new worker can't start."""
    state, rollout = view.state, view.state.rollout
    for digest in dict.fromkeys(one.digest for one in state.crashes):
        crashes = [one for one in state.crashes if one.digest == digest]
        version = _version(state, digest)
        if version is not None and len(crashes) >= LIMIT:
            return (Append(_quarantine(state, version, digest, crashes)),)
    if rollout is None or rollout.stage is not Stage.COMMITTED or rollout.how is not How.RELOAD:
        return ()
    if reason := could_not_start(state, rollout.version, rollout.digest):
        return (Append(facts.RolledBack(rollout.version, state.way_back, reason)),)
    return ()


def _quarantine(state: State, version: int, digest: str, crashes: list[Crash]) -> facts.Fact:
    told = ", ".join(f"{one.worker} ({one.phase})" for one in crashes)
    reason = f"{len(crashes)} workers crashed under release {version}: {told}"
    if all(one.phase == NEVER_STARTED for one in crashes):
        reason = could_not_start(state, version, digest)
    rollout = state.rollout
    if rollout is not None and rollout.stage in (Stage.OFFERED, Stage.REHEARSED) and rollout.digest != digest:
        # The release in progress was built on the one that has to go.
        text = f"release {version}, on which release {rollout.version} was built, is quarantined"
        return facts.Failed(rollout.version, rollout.digest, Problem.of(errors.ReleaseFailed(text)))
    return facts.Quarantined(version, digest, reason)


def _charge(view: View, dead: Status) -> facts.Crashed | None:
    """The release that this death counts against, if any."""
    state, adoption = view.state, dead.adoption
    if dead.started.boot != view.now.boot or (state.started and dead.started.tick < state.started.tick):
        return None  # it went down with the machine, or with a former master
    if adoption is not None and adoption.phase in _AT_WORK and _version(state, adoption.digest) is not None:
        phase = NEVER_STARTED if dead.life is Life.BOOTING else adoption.phase.value
        reason = adoption.problem.text if adoption.problem else ""
        return facts.Crashed(adoption.version, adoption.digest, dead.worker, phase, reason)
    going = adoption is not None and state.rollout is not None and state.rollout.digest == adoption.digest
    gave = going and dead.trial is not None and dead.trial.share > 0
    if adoption is not None and (gave or (dead.life in HERE and on_trial(state, dead))):
        return facts.Crashed(adoption.version, adoption.digest, dead.worker, ON_TRIAL)
    top = state.top
    if (
        top is not None
        and dead.life is Life.SERVING
        and dead.digest == top.digest
        and view.now.since(top.at) <= top.terms.probation
    ):
        return facts.Crashed(top.version, top.digest, dead.worker, Phase.LIVE.value)
    return None


def _is_recorded(state: State, crash: facts.Crashed) -> bool:
    return any(one.digest == crash.digest and one.worker == crash.worker for one in state.crashes)


def _on_head(state: State) -> set[str]:
    return {entry.digest for entry in state.head}


def _version(state: State, digest: str) -> int | None:
    """Of a release that can still be judged: on the head, or in progress."""
    rollout = state.rollout
    if rollout is not None and rollout.digest == digest and rollout.stage is not Stage.REVERTING:
        return rollout.version
    return next((entry.version for entry in state.head if entry.digest == digest), None)

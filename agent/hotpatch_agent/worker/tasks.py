"""What a worker does for its part in a release: verify it, stage it, adopt it, or throw it away.

Each task takes a status and gives the next one; while it works, it tells the status that it is in through
`tell`, so that whoever waits can see it and a death in the middle is known for what it was.  Runs on the
agent's thread.  Raises nothing for a bad release: what is wrong with it is in the status.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from hotpatch import epochs
from hotpatch.errors import BaseDiffers, HotpatchError, PatchRefused
from hotpatch.release import Release
from hotpatch_agent.clock import now
from hotpatch_agent.decision.duty import Duty, Task
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.trial import on_trial
from hotpatch_agent.decision.view import plural
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import Adoption, Blocker, Phase, Problem, Status
from hotpatch_agent.process import adopt
from hotpatch_agent.process.layers import fits
from hotpatch_agent.process.memory import give_back, used
from hotpatch_agent.process.program import Program
from hotpatch_agent.process.trials import Trials
from hotpatch_agent.running import note_epoch
from hotpatch_agent.worker.remains import TEND, Remains

Tell = Callable[[Status], None]
Stack = Sequence[tuple[str, float]]
"""Releases, lowest first: digest, and when it was committed."""


class Tasks:
    """The hands of one worker.  Holds what is staged; not thread-safe.

    `stands` looks into the ledger whether it still asks for this duty.  Where it doesn't, a failure is
    nothing to be told: the bundle of a release that is taken out of service goes at once.
    """

    def __init__(
        self, program: Program, app: Any, shelf: Shelf, log: Any, stands: Callable[[Duty], bool]
    ) -> None:
        self._program = program
        self._app = app
        self._shelf = shelf
        self._log = log
        self._stands = stands
        self._remains = Remains(program)
        self._prepared: adopt.Prepared | None = None
        self.trials = Trials()
        self.offered: Release | None = None
        """The release in progress, once it has been verified here."""

    def do(self, duty: Duty, state: State, status: Status, tell: Tell) -> Status:
        """Does one duty; gives the status afterwards, which is not told yet."""
        if duty.task is Task.VERIFY:
            return self._verify(duty, state, status)
        if duty.task is Task.STAGE:
            if self._program.layers and state.rollout is not None and state.rollout.terms.cumulative:
                return self._stage_instead(duty, status)
            return self._stage(duty, status, tell)
        if duty.task is Task.TRY:
            return self._try(duty, state, status, tell)
        if duty.task is Task.ADOPT:
            return self._adopt(duty, state, status, tell)
        if duty.task is Task.FORCE:
            return self._force(duty, state, status)
        self._withdraw()
        return evolve(status, adoption=None, beside=False, trial=None)

    # -- before the commit -----------------------------------------------------------------------

    def _verify(self, duty: Duty, state: State, status: Status) -> Status:
        self._withdraw()
        status = evolve(status, beside=False, trial=None)
        try:
            self.offered = self._shelf.offered(
                duty.digest, state.floor, self._program.running_digest, self._program.base_digest
            )
        except HotpatchError as error:
            return self._refused(duty, status, error)
        return self._in_phase(duty, status, Phase.VERIFIED)

    def _stage(self, duty: Duty, status: Status, tell: Tell) -> Status:
        release = self.offered
        if release is None or release.digest != duty.digest:
            return evolve(status, adoption=None)  # verified by a life before this one: begin anew
        tell(self._in_phase(duty, status, Phase.STAGING))
        try:
            self._prepared = adopt.prepare(self._program, release, self._app)
        except PatchRefused as error:
            return self._in_phase(duty, status, Phase.UNABLE, str(error))
        except HotpatchError as error:
            return self._refused(duty, status, error)
        except Exception as error:  # noqa: BLE001  (whatever the program's objects raise: it can't be built here)
            return self._in_phase(duty, status, Phase.UNABLE, self._unexpected(duty, error))
        blockers = tuple(Blocker("code", str(blocker)) for blocker in self._prepared.staged.blockers)
        beside = self._prepared.version is not None
        because = self._prepared.because
        ready = evolve(self._in_phase(duty, status, Phase.READY, because), blockers=blockers)
        return evolve(ready, beside=beside, trial=None)

    def _stage_instead(self, duty: Duty, status: Status) -> Status:
        """A cumulative release stands on the disk's code, so it is built once the others are out."""
        for layer in self._program.layers:
            if not isinstance(layer.running, adopt.Running):
                reason = (
                    f"the worker was started on release {layer.release.version}, which can't be taken out"
                )
                return self._in_phase(duty, status, Phase.UNABLE, reason)
        return evolve(self._in_phase(duty, status, Phase.READY), blockers=(), beside=False, trial=None)

    def _try(self, duty: Duty, state: State, status: Status, tell: Tell) -> Status:
        """The part of the requests that the rollout asks for; its counts begin anew with it."""
        prepared, progress, trial = self._prepared, state.trying, duty.trial
        if progress is None or trial is None:
            return evolve(status, adoption=None, trial=None)  # as above
        whole = progress.by_start or on_trial(state, status)
        if not whole and (prepared is None or prepared.release.digest != duty.digest):
            return evolve(status, adoption=None, trial=None)  # as above
        beside = prepared.version if prepared is not None and not whole else None
        if beside is None and trial.alone != on_trial(state, status):
            status = self._go_in_or_out(duty, status, trial.alone, tell)
            phase = status.phase_for(duty.errand, duty.digest)
            if phase not in (Phase.READY, Phase.VERIFIED):
                return status
        self.trials.give(beside, progress, trial)
        return evolve(status, trial=trial)

    def _go_in_or_out(self, duty: Duty, status: Status, into: bool, tell: Tell) -> Status:
        """The release on trial in one step for this worker alone, or out of it again."""
        tell(self._in_phase(duty, status, Phase.COMMITTING))
        held = status.phase_for(duty.errand, duty.digest) is Phase.HELD
        since = status.adoption.since if held and status.adoption is not None else now()
        try:
            if into:
                assert self._prepared is not None
                adopt.commit(self._program, self._prepared, self._app, stands=lambda: self._stands(duty))
            else:
                adopt.take_back(self._program)
        except adopt.CalledOff:
            return evolve(status, adoption=None)
        except adopt.Held as still:
            after = self._in_phase(duty, status, Phase.HELD, str(still))
            assert after.adoption is not None
            waiting = requests(still.hold.waited_for)
            return evolve(after, adoption=evolve(after.adoption, since=since), blockers=waiting)
        except HotpatchError as error:
            return self._in_phase(duty, self._running(status), Phase.UNABLE, str(error))
        except Exception as error:  # noqa: BLE001  (as above; a commit is all or nothing)
            return self._in_phase(duty, self._running(status), Phase.UNABLE, self._unexpected(duty, error))
        self._prepared = self._prepared if into else None  # what was taken back has to be built anew
        phase = Phase.READY if into else Phase.VERIFIED
        return evolve(self._in_phase(duty, self._running(status), phase), blockers=())

    def _withdraw(self) -> None:
        self.trials.end()
        if self._prepared is not None:
            adopt.discard(self._prepared)
            top = self._program.top
            note_epoch(epochs.current(), top.version if top else 0)
            self._prepared = None
            give_back()
        self.offered = None

    # -- after it --------------------------------------------------------------------------------

    def _adopt(self, duty: Duty, state: State, status: Status, tell: Tell) -> Status:
        held = status.phase_for(duty.errand, duty.digest) is Phase.HELD
        held_since = status.adoption if held else None
        tell(self._in_phase(duty, status, Phase.COMMITTING))
        try:
            in_flight = len(epochs.requests_in_flight())
            self._walk(state, status, duty.force)
        except adopt.Held as still:
            after = self._in_phase(duty, self._running(status), Phase.HELD, str(still))
            if held_since is not None and after.adoption is not None:
                after = evolve(after, adoption=evolve(after.adoption, since=held_since.since))
            return evolve(after, blockers=self._remains.requests(still.hold.seconds))
        except HotpatchError as error:
            if not self._stands(duty):
                return evolve(self._running(status), adoption=None, blockers=())
            self._log.error("hotpatch: can't go to %s in this worker: %s", _named(duty), error)
            after = self._in_phase(duty, self._running(status), Phase.UNABLE, str(error))
            return evolve(after, blockers=())
        except Exception as error:  # noqa: BLE001  (as above; a commit is all or nothing)
            reason = self._unexpected(duty, error)
            return self._in_phase(duty, self._running(status), Phase.UNABLE, reason)
        self._withdraw()
        self._log.info("hotpatch: %s is live in this worker", _named(duty))
        after = self._in_phase(duty, self._running(status), Phase.LIVE)
        self._remains.begin()
        if duty.force:
            after = _forced(after, duty, state, in_flight)
        return evolve(after, blockers=(), memory=used(), beside=False, trial=None)

    def _force(self, duty: Duty, state: State, status: Status) -> Status:
        """It is live already, and requests on old code are not waited for any longer."""
        return evolve(_forced(status, duty, state, epochs.force()), blockers=self._remains.look())

    def _walk(self, state: State, status: Status, force: bool) -> None:
        """From the stack that runs to the head's, in one step for every request, however many there are."""
        target = [
            (entry.digest, entry.at.time) for entry in state.head if entry.version not in status.absorbs
        ]
        times = {entry.digest: entry.at.time for entry in state.known}
        was = [(one, times.get(one, time.time())) for one in self._program.digests]
        if self._steps(target) <= 1:
            self._go(target, force)
            return
        with epochs.together():
            try:
                self._go(target, force)
            except BaseException:
                with contextlib.suppress(adopt.Held, HotpatchError):
                    self._go(was)  # half-way is nowhere
                raise

    def _steps(self, target: Stack) -> int:
        common = self._common(target)
        return len(self._program.layers) + len(target) - 2 * common

    def _common(self, target: Stack) -> int:
        common = 0
        for layer, (digest, _) in zip(self._program.layers, target, strict=False):
            if layer.release.digest != digest:
                break
            common += 1
        return common

    def _go(self, target: Stack, force: bool = False) -> None:
        """Back to where the stacks part, then forward."""
        program, common = self._program, self._common(target)
        onward, prepared = target[common:], self._prepared
        next_up = onward[0][0] if onward and len(program.layers) == common else ""
        if prepared is not None and prepared.release.digest != next_up:
            self._withdraw()  # it was built for what does not come, or on what is taken out now
        while len(program.layers) > common:
            adopt.take_back(program, force)
        for digest, committed in onward:
            prepared = self._prepare(digest, committed)
            adopt.commit(program, prepared, self._app, force=force)
            self._prepared = None

    def _prepare(self, digest: str, committed: float) -> adopt.Prepared:
        if self._prepared is not None and self._prepared.release.digest == digest:
            return self._prepared
        release = self._shelf.committed(digest, committed)
        if not fits(release, self._program.running_digest):
            raise BaseDiffers(f"release {release.version} was not built against what runs in this worker")
        former = self._program.former.get(digest)
        prepared = adopt.again(self._program, former) if former is not None else None
        self._prepared = prepared or adopt.prepare(self._program, release, self._app)
        return self._prepared

    # -- the transition --------------------------------------------------------------------------

    def tend(self, status: Status) -> tuple[Status, float]:
        """Takes out what no request needs any more; the status, which names those that still need it and
        whatever else runs old code, and the seconds until the next look (infinite once there is none)."""
        if not epochs.is_plain():
            epochs.tend()
        adoption = status.adoption
        held = adoption is not None and adoption.phase is Phase.HELD
        if not held and (remains := self._remains.look()):
            return evolve(status, blockers=remains), self._remains.wait
        if not epochs.is_plain():
            return (status if held else evolve(status, blockers=())), TEND
        for layer in self._program.layers:
            if isinstance(layer.running, adopt.Running):
                layer.running.settle()
        over = adoption is not None and adoption.phase is Phase.LIVE and status.blockers
        return (evolve(status, blockers=()) if over else status), math.inf

    # -- statuses --------------------------------------------------------------------------------

    def _running(self, status: Status) -> Status:
        """The status with what runs now, as the program itself has it."""
        program = self._program
        undoable = tuple(layer.release.version for layer in program.layers if layer.running is not None)
        moved = len(program.stack) - len(status.stack)
        counters = status.counters
        if moved > 0:
            counters = evolve(counters, commits=counters.commits + moved)
        elif moved < 0:
            counters = evolve(counters, undos=counters.undos - moved)
        return evolve(
            status,
            stack=program.stack,
            digest=program.top.digest if program.top else "",
            undoable=undoable,
            epoch=epochs.current(),
            counters=counters,
        )

    def _unexpected(self, duty: Duty, error: Exception) -> str:
        said = f"{type(error).__name__}: {error}"
        self._log.error("hotpatch: %s could not be built here: %s", _named(duty), said, exc_info=True)
        return f"it could not be built in this worker ({said})"

    def _in_phase(self, duty: Duty, status: Status, phase: Phase, reason: str = "") -> Status:
        return evolve(status, adoption=_adoption(duty, phase, None, reason))

    def _refused(self, duty: Duty, status: Status, error: HotpatchError) -> Status:
        if not self._stands(duty):
            return evolve(status, adoption=None)
        self._log.error("hotpatch: release %s is refused: %s", duty.version, error)
        return evolve(status, adoption=_adoption(duty, Phase.REFUSED, Problem.of(error), str(error)))


def _adoption(duty: Duty, phase: Phase, problem: Problem | None, reason: str) -> Adoption:
    return Adoption(duty.errand, duty.digest, duty.version, phase, now(), problem, reason)


def requests(flights: Sequence[epochs.InFlight]) -> tuple[Blocker, ...]:
    moment = time.time()
    return tuple(
        Blocker("request", "", flight.what, round(moment - flight.seconds, 2)) for flight in flights[:20]
    )


def _forced(status: Status, duty: Duty, state: State, requests: int) -> Status:
    note = f"{_named(duty)} was forced into it, in the middle of {plural(requests, 'request')}"
    return evolve(status, forced=state.errand, note="; ".join(filter(None, (status.note, note))))


def _named(duty: Duty) -> str:
    return f"release {duty.version}" if duty.version else "the code as on disk"

"""A worker of the simulated service: the real history, leader, lookout and duties, around made-up code.

A release's bundle is `<version> <kind> <settings>`; the kind says what its code does to whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from attrs import evolve
from hotpatch_agent.decision.acts import Rehearse, Replace
from hotpatch_agent.decision.duty import Duty, Task, duty
from hotpatch_agent.decision.observe import Observations, Rehearsal
from hotpatch_agent.decision.trial import on_trial
from hotpatch_agent.decision.two_sets import are_up, is_to_wait, staying
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import HERE, Adoption, Blocker, Board, Life, Phase, Problem, Status
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.lookout import Lookout
from hotpatch_agent.leader.replace import Replacer
from hotpatch_agent.worker.proving import Proving

from hotpatch.errors import CheckFailed, DiskFull, HotpatchError, NotABundle, OldVersion
from hotpatch.release import Release
from tests.simulation.bundles import parse
from tests.simulation.machine import Killed, Process
from tests.simulation.master import LOG, SimLevers
from tests.simulation.noted import Noted
from tests.simulation.starting import Starting

MOMENT: Final = 1e-6
"""Seconds by which whoever leads next does so later than all that was decided before."""
STREAM: Final = Blocker("request", "ticks (shop.py, line 7)", "GET /ticks", 1.0)


class SimWorker(Starting):
    """One worker; `body` is its life."""

    # -- its life ----------------------------------------------------------------------------------

    def body(self, process: Process) -> None:
        files, locks = process.files, process.locks
        self.history = Noted(self.home.ledger, files)
        self.history.promised = self.service.note_promise
        self.board = Board(self.home.workers, self.me, files, locks)
        self.leader = Leader(self.home, self.history, self.me, self.machine.now, files, locks)
        self.lookout = Lookout(self.home, self.me, self._accept, files, locks, self.machine.now)
        levers = SimLevers(self.master, process, lambda: self.service.quiet)
        self.replacer = Replacer(self.home.path, levers, LOG, self.master.name, files, self.machine.now)
        self.proving = Proving(
            SimpleNamespace(log=LOG), None, self.home.service.settings, self._unready, self._prove
        )
        while not self._guarded(self._boot):
            process.rest()
        process.rest()  # it is seen to serve before it does anything else
        while not self.asked_to_go:
            self._guarded(self._round)
            process.rest()
        while not self._guarded(self._leave):
            process.rest()

    def _guarded(self, act: Callable[[], None]) -> bool:
        """As the agent does: an error ends the round, never the worker."""
        try:
            act()
        except (DiskFull, FileNotFoundError):
            return False
        return True

    def _round(self) -> None:
        assert self.status is not None
        self._write()
        self.history.refresh()
        if self.status.blockers and self.service.patience <= 0:
            self._tell(evolve(self.status, blockers=()))
        heard = self.history.state.seq
        self._mind_doors()
        for _ in range(4):
            to = duty(self.history.state, self.status, self._peers())
            if to.task is not Task.NOTHING:
                self._do(to)
            held = self.status.adoption is not None and self.status.adoption.phase is Phase.HELD
            if held or to.task is Task.NOTHING:
                if self.status.seq != heard:
                    self._tell(evolve(self.status, seq=heard))
                break
        if self.lock is None:
            self.lock = self.process.locks.try_take(self.home.leader_lock)
            self.begun = False
        if self.lock is not None or self.service.anarchy:
            self._lead()

    def _leave(self) -> None:
        if self.status is not None and self.status.life is not Life.LEAVING:
            self._tell(evolve(self.status, life=Life.LEAVING))
        if self.lock is not None:
            self.lock.release()
            self.lock = None
        self.board.leave()

    # -- a worker's part ---------------------------------------------------------------------------

    def _mind_doors(self) -> None:
        """As `worker.doorkeeper` does it."""
        assert self.status is not None
        state, life = self.history.state, self.status.life
        if life in HERE and (are_up(state) or life is Life.WAITING):
            waits = is_to_wait(state, self.status, self._alive())
            if waits is not (life is Life.WAITING):
                self._tell(evolve(self.status, life=Life.WAITING if waits else Life.SERVING))

    def _do(self, to: Duty) -> None:
        assert self.status is not None
        kind = self.service.kind(to.digest)
        match to.task:
            case Task.VERIFY:
                self._verify(to, kind)
            case Task.STAGE:
                self._stage(to, kind)
            case Task.TRY:
                self._try(to, kind)
            case Task.ADOPT:
                self._adopt(to, kind)
            case Task.FORCE:
                errand = self.history.state.errand
                self._tell(evolve(self.status, forced=errand, blockers=()))
            case Task.WITHDRAW:
                self.prepared = ""
                self._tell(evolve(self.status, adoption=None, beside=False, trial=None))

    def _stage(self, to: Duty, kind: str) -> None:
        assert self.status is not None
        self._report(to, Phase.STAGING)
        if kind == "unable" and self.wayward:
            self._report(to, Phase.UNABLE, "it can't be built here")
            return
        self.prepared = to.digest
        rollout = self.history.state.rollout
        cumulative = rollout is not None and rollout.terms.cumulative and bool(self.running)
        self.status = evolve(self.status, beside=kind != "apart" and not cumulative, trial=None)
        self._report(to, Phase.READY)

    def _try(self, to: Duty, kind: str) -> None:
        """As `worker.tasks` does it."""
        assert self.status is not None
        state, trial = self.history.state, to.trial
        progress = state.trying
        if progress is None or trial is None:
            self._tell(evolve(self.status, adoption=None, trial=None))
            return
        whole = progress.by_start or on_trial(state, self.status)
        if not whole and self.prepared != to.digest:
            self._tell(evolve(self.status, adoption=None, trial=None))
            return
        beside = self.status.beside and not whole
        if not beside and trial.alone != on_trial(state, self.status):
            self._report(to, Phase.COMMITTING)
            if kind == "held" and self.wayward and self.service.patience > 0:
                self._report(to, Phase.HELD, "a stream")
                return
            if kind == "breaks" and self.wayward and trial.alone:
                self.process.kill()
                raise Killed
            self.history.refresh()
            if trial.alone and duty(self.history.state, self.status, self._peers()) != to:
                self._tell(evolve(self.status, adoption=None))  # called off meanwhile
                return
            stack = state.stack_on(to.version) if trial.alone else state.versions
            self.running = self._without_absorbed(stack)
            self.service.watcher.note_flip(self)
            digest = to.digest if trial.alone else (state.top.digest if state.top else "")
            self.prepared = to.digest if trial.alone else ""
            self.status = evolve(self.status, stack=self.running, digest=digest)
            self._report(to, Phase.READY if trial.alone else Phase.VERIFIED)
        self._tell(evolve(self.status, trial=trial))

    def _without_absorbed(self, stack: tuple[int, ...]) -> tuple[int, ...]:
        assert self.status is not None
        return tuple(version for version in stack if version not in self.status.absorbs)

    def _peers(self) -> tuple[Status, ...]:
        assert self.status is not None
        state = self.history.state
        return self._alive() if state.trying is not None or are_up(state) else ()

    def _verify(self, to: Duty, kind: str) -> None:
        assert self.status is not None
        try:
            release = self._accept(self.process.files.read(str(self.home.bundle(to.digest))))
            if kind == "refused" and self.wayward:
                raise OldVersion("it was not built against this")
            if self.service.is_on_disk_for_good(self.history.state.quarantined, self.status.absorbs):
                raise OldVersion("it was built without what is on disk here")
        except FileNotFoundError:
            self._report(to, Phase.REFUSED, problem=Problem.of(NotABundle("the bundle is gone")))
        except HotpatchError as error:
            self._report(to, Phase.REFUSED, problem=Problem.of(error))
        else:
            assert release.version == to.version
            self.prepared = ""
            self.status = evolve(self.status, beside=False, trial=None)
            self._report(to, Phase.VERIFIED)

    def _adopt(self, to: Duty, kind: str) -> None:
        assert self.status is not None
        held = self.status.phase_for(to.errand, to.digest) is Phase.HELD
        since = self.status.adoption.since if held and self.status.adoption else self.machine.now()
        self._report(to, Phase.COMMITTING)
        forward = len(to.stack) > len(self.running)
        if kind == "breaks" and self.wayward and forward:
            self.process.kill()
            raise Killed
        keeps = self.wayward and self.service.patience > 0
        if not forward and self.running:
            kind = self.service.kind_of(self.running[-1])  # what keeps it out, or in, is the release's own
        if kind == "held" and keeps and not to.force:
            self.status = evolve(self.status, blockers=(STREAM,))
            self._report(to, Phase.HELD, "a stream", since=since)
            return
        self.prepared = ""
        self.running = self._without_absorbed(to.stack)
        self.service.watcher.note_flip(self)
        lingers = kind == "lingers" and keeps and not to.force
        self.status = evolve(
            self.status,
            stack=self.running,
            digest=to.digest if self.running else "",
            beside=False,
            trial=None,
            blockers=(STREAM,) if lingers else (),
            forced=self.history.state.errand if to.force else self.status.forced,
        )
        self._report(to, Phase.LIVE)

    def _report(self, to: Duty, phase: Phase, reason: str = "", **more: Any) -> None:
        assert self.status is not None
        since = more.pop("since", self.machine.now())
        adoption = Adoption(to.errand, to.digest, to.version, phase, since, reason=reason, **more)
        self._tell(evolve(self.status, adoption=adoption))

    def _accept(self, data: bytes) -> Release:
        release = parse(data)
        if release.version <= self.history.state.floor:
            raise OldVersion("it is not newer than what has run")
        return release

    # -- the leader's ------------------------------------------------------------------------------

    def _lead(self) -> None:
        self.leads = True
        if not self.begun:
            self.leader.begin()
            self.machine.pass_time(MOMENT)
            self.history.refresh()
            self.service.note_leader(self)
            self.replacer.begin()
            self.begun = True
        seen = self.service.blur(self.lookout.look(self.rehearsal))
        found = self.service.judge(self.history.state.underway)
        seen = evolve(seen, rollout=found) if found is not None else seen
        for act in self.leader.turn(seen):
            match act:
                case Rehearse():
                    self._rehearse(act)
                case Replace():
                    self._replace(act, seen)
        state = self.history.state
        replaces = state.replacement is not None
        self.leads = replaces or self.replacer.give_up(staying(state, seen.alive))

    def _rehearse(self, act: Rehearse) -> None:
        assert self.status is not None
        kind = self.service.kind(act.digest)
        to = Duty(Task.VERIFY, act.version, act.digest, act.errand)
        if kind == "endless":
            return
        self._report(to, Phase.REHEARSING)
        if kind == "murders":
            self.process.kill()
            raise Killed
        if kind == "failing":
            self.rehearsal = Rehearsal(act.errand, None, Problem.of(CheckFailed("the check said no")))
        else:
            reload = kind in ("rude", "poisons", "unbootable", "unready")
            self.rehearsal = Rehearsal(act.errand, How.RELOAD if reload else How.LIVE)
        self._report(to, Phase.VERIFIED)

    def _replace(self, act: Replace, seen: Observations) -> None:
        state = self.history.state
        if state.replacement is not None:
            stacks = {state.versions, state.stack_on(state.replacement.on)}
            self.replacer.replace(act, state.replacement, seen.alive, stacks)

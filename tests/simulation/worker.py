"""A worker of the simulated service: the real history, leader, lookout and duties, around made-up code.

A release's bundle is `<version> <kind> <settings>`; the kind says what its code does to whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve, frozen
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Rehearse, Replace
from hotpatch_agent.decision.duty import Duty, Task, duty
from hotpatch_agent.decision.observe import Observations, Rehearsal
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.trial import on_trial
from hotpatch_agent.decision.two_sets import are_up, is_to_wait, staying
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import NameTaken
from hotpatch_agent.home.status import HERE, Adoption, Blocker, Board, Life, Phase, Problem, Status, read_roll
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.lookout import Lookout
from hotpatch_agent.worker.choice import choose, open_trial, place_on_trial
from hotpatch_agent.worker.start import is_new_master

from hotpatch.errors import CheckFailed, DiskFull, HotpatchError, NotABundle, OldVersion
from hotpatch.release import Release
from tests.simulation.bundles import parse
from tests.simulation.machine import Killed, Machine, Process
from tests.simulation.noted import Noted

STREAM: Final = Blocker("request", "ticks (shop.py, line 7)", "GET /ticks", 1.0)


@frozen
class Chosen:
    """What a worker starts on."""

    stack: tuple[int, ...]
    digest: str
    absorbs: tuple[int, ...]
    problem: Problem | None
    meant: tuple[int, str]
    """Version and digest of what it was to be started on."""


class SimWorker:
    """One worker; `body` is its life."""

    def __init__(self, service: Any, machine: Machine, home: Home, pid: int, wayward: bool) -> None:
        self.service, self.machine, self.home = service, machine, home
        self.pid, self.me = pid, f"{pid}-{int(machine.tick * 100)}"
        self.wayward = wayward
        """Is it one of those workers in which things go wrong?"""
        self.running: tuple[int, ...] = ()
        self.status: Status | None = None
        self.written: Status | None = None
        self.asked_to_go = False
        self.rehearsal: Rehearsal | None = None
        self.rehearsing = 0
        self.grown: Instant | None = None
        self.lock: Any = None
        self.begun = False
        """Has it begun to lead?"""
        self.prepared = ""
        """Digest of the release that is built here."""
        self.loads: Instant | None = None
        """When it began to read the sources on disk: after its status was there for all to see."""
        self.process = machine.spawn(self.me, self.body)

    # -- its life ----------------------------------------------------------------------------------

    def body(self, process: Process) -> None:
        files, locks = process.files, process.locks
        self.history = Noted(self.home.ledger, files)
        self.history.promised = self.service.note_promise
        self.board = Board(self.home.workers, self.me, files, locks)
        self.leader = Leader(self.home, self.history, self.me, self.machine.now, files, locks)
        self.lookout = Lookout(self.home, self.me, self._accept, files, locks, self.machine.now)
        while not self._guarded(self._boot):
            process.rest()
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

    def _boot(self) -> None:
        self.history.refresh()
        while is_new_master(self.history.state, self.machine.now(), self.service.master_tick):
            try:
                self.history.append(facts.Started(str(self.service.master_tick)), self.me, self.machine.now())
            except NameTaken:
                self.history.refresh()
        found = self._place(self.history.state)
        while self.history.refresh():  # decided before it could be seen, and so without it
            found = self._place(self.history.state)
        assert self.status is not None
        adoption, errand, moment = self.status.adoption, self.history.state.errand, self.status.started
        stack, problem = found.stack, found.problem
        kinds = {self.service.kind_of(version) for version in stack}
        if "poisons" in kinds:
            self.process.kill()
            raise Killed
        if "unbootable" in kinds and adoption is not None:
            why = Problem.of(NotABundle("it does not start"))
            self._tell(evolve(self.status, adoption=evolve(adoption, problem=why)))
            self.process.kill()
            raise Killed
        self.running = stack
        if adoption is not None:
            adoption = evolve(adoption, phase=Phase.LIVE)
        if problem is not None and found.meant[0]:
            version, digest = found.meant
            adoption = Adoption(errand, digest, version, Phase.FELL_BACK, moment, problem, "fell back")
        status = evolve(self.status, adoption=adoption)
        life = Life.WAITING if is_to_wait(self.history.state, status, self._alive()) else Life.SERVING
        self._tell(evolve(status, life=life))

    def _place(self, state: State) -> Chosen:
        """Chooses what to start on, where others see it."""
        lock = self.process.locks.take(self.home.start_lock) if state.replacement else None
        try:
            found = self._choose(state)
            moment = self.machine.now()
            adoption = None
            if found.stack:
                adoption = Adoption(state.errand, found.digest, found.stack[-1], Phase.COMMITTING, moment)
            self.status = Status(
                self.me,
                self.pid,
                moment,
                "sim",
                "a:a",
                "3",
                life=Life.BOOTING,
                stack=found.stack,
                digest=found.digest,
                adoption=adoption,
                absorbs=found.absorbs,
                seq=state.seq,
            )
            self._write()
            self.loads = self.machine.now()
        finally:
            if lock is not None:
                lock.release()
        return found

    def _choose(self, state: State) -> Chosen:
        """What it starts on, as the agent's own start does it."""
        roll = read_roll(self.home.workers, self.process.files, self.process.locks)
        releases, problem = choose(state, roll, self._committed)
        versions = tuple(release.version for release in releases)
        absorbs = self.service.absorbed(state.versions)
        stack = tuple(version for version in versions if version not in absorbs)
        top = state.entry(stack[-1]) if stack else None
        meant = (state.top.version, state.top.digest) if state.top else (0, "")
        on_head = Chosen(stack, top.digest if top else "", absorbs, problem, meant)
        trial = place_on_trial(state, roll)
        if trial is None or problem is not None:
            return on_head
        release, problem = open_trial(state, roll, self._committed)
        meant = trial.version, trial.digest
        if release is None:
            return evolve(on_head, problem=problem, meant=meant)
        beyond = tuple(version for version in state.stack_on(trial.version) if version not in absorbs)
        return Chosen(beyond, trial.digest, absorbs, None, meant)

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

    def _alive(self) -> tuple[Status, ...]:
        assert self.status is not None
        roll = read_roll(self.home.workers, self.process.files, self.process.locks)
        return tuple(self.status if one.worker == self.me else one for one in roll.alive)

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

    def _tell(self, status: Status) -> None:
        self.status = status
        self._write()

    def _write(self) -> None:
        assert self.status is not None
        self.board.write(self.status)
        if self.written is not None:
            self.service.note_old_status(self.written)
        self.written = self.status

    def _accept(self, data: bytes) -> Release:
        release = parse(data)
        if release.version <= self.history.state.floor:
            raise OldVersion("it is not newer than what has run")
        return release

    def _committed(self, digest: str, at: float) -> Release:
        try:
            return parse(self.process.files.read(str(self.home.bundle(digest))))
        except FileNotFoundError as error:
            raise NotABundle("the bundle is gone") from error

    # -- the leader's ------------------------------------------------------------------------------

    def _lead(self) -> None:
        if not self.begun:
            self.leader.begin()
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
        if self.history.state.replacement is None:
            here = [one for one in staying(self.history.state, seen.alive) if one.life is Life.SERVING]
            here.sort(key=lambda one: one.started.tick)
            self.service.give_up([one.worker for one in here])

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
            reload = kind in ("rude", "poisons", "unbootable")
            self.rehearsal = Rehearsal(act.errand, How.RELOAD if reload else How.LIVE)
        self._report(to, Phase.VERIFIED)

    def _replace(self, act: Replace, seen: Observations) -> None:
        here = [one for one in seen.alive if one.life in HERE]
        coming = [one for one in seen.alive if one.life is Life.BOOTING]
        if len(here) + len(coming) < act.among + act.beside:
            begun = self.history.state.replacement
            if begun is not None and self.grown != begun.since:
                self.grown = begun.since
                self.service.grow(act.among + act.beside)
        elif not coming and not act.keep:
            self.service.retire(act.worker, act.among)

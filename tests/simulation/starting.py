"""How a simulated worker is started: on what the ledger says, by the agent's choice, and proving itself."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.observe import Rehearsal
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.two_sets import is_to_wait
from hotpatch_agent.home import facts
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import NameTaken
from hotpatch_agent.home.status import Adoption, Life, Phase, Problem, Status, read_roll
from hotpatch_agent.worker.choice import choose, open_trial, place_on_trial
from hotpatch_agent.worker.start import SEEN, is_new_master

from hotpatch.errors import CheckFailed, NotABundle
from hotpatch.release import Release
from tests.simulation.bundles import parse
from tests.simulation.machine import Killed, Machine, Process


@frozen
class Chosen:
    """What a worker starts on."""

    stack: tuple[int, ...]
    digest: str
    absorbs: tuple[int, ...]
    problem: Problem | None
    meant: tuple[int, str]
    """Version and digest of what it was to be started on."""


class Starting:
    """What a worker is, and how it is started; its life is `worker.SimWorker.body`."""

    def __init__(self, service: Any, machine: Machine, home: Home, pid: int, wayward: bool) -> None:
        self.service, self.machine, self.home = service, machine, home
        self.master = service.master
        self.pid, self.me = pid, f"{pid}-{int(machine.tick * 100)}"
        self.file = f"{self.me}.json"
        self.wayward = wayward
        """Is it one of those workers in which things go wrong?"""
        self.running: tuple[int, ...] = ()
        self.status: Status | None = None
        self.written: Status | None = None
        self.asked_to_go = False
        self.rehearsal: Rehearsal | None = None
        self.rehearsing = 0
        self.lock: Any = None
        self.begun = False
        """Has it begun to lead?"""
        self.leads = False
        """Does it go by what it has seen of the others, or has levers out that it has to see to?"""
        self.age = 0
        """As its master counts it."""
        self.prepared = ""
        """Digest of the release that is built here."""
        self.loads: Instant | None = None
        """When it began to read the sources on disk: after its status was there for all to see."""
        self.process = machine.spawn(self.me, self.body)

    def body(self, process: Process) -> None:
        raise NotImplementedError

    def _boot(self) -> None:
        self.history.refresh()
        while is_new_master(self.history.state, self.machine.now(), self.service.master.tick):
            try:
                self.history.append(facts.Started(str(self.service.master.tick)), self.me, self.machine.now())
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
        self._prove_itself()
        status = evolve(self.status, adoption=adoption)
        life = Life.WAITING if is_to_wait(self.history.state, status, self._alive()) else Life.SERVING
        self._tell(evolve(status, life=life))

    def _prove_itself(self) -> None:
        """As `worker.doorkeeper` has it done."""
        if self.proving.begin(self.history.state, self._alive()):
            self.process.rest()
            self.history.refresh()
            self.proving.passes(self.history.state, self._alive())

    def _prove(self, *_: object) -> None:
        if "unready" in {self.service.kind_of(version) for version in self.running}:
            raise CheckFailed("it is not ready")

    def _unready(self, error: CheckFailed, charged: bool) -> None:
        """As `worker.start` does it."""
        assert self.status is not None
        if charged and self.status.adoption is not None:
            adoption = evolve(self.status.adoption, problem=Problem.of(error))
            self._tell(evolve(self.status, adoption=adoption))
        else:
            self._tell(evolve(self.status, life=Life.FAILED, note=str(error)))
            end = self.machine.tick + SEEN
            while self.machine.tick < end and not self.asked_to_go:
                self.process.rest()
        self.process.kill()
        raise Killed

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

    def _alive(self) -> tuple[Status, ...]:
        assert self.status is not None
        roll = read_roll(self.home.workers, self.process.files, self.process.locks)
        return tuple(self.status if one.worker == self.me else one for one in roll.alive)

    def _tell(self, status: Status) -> None:
        self.status = status
        self._write()

    def _write(self) -> None:
        assert self.status is not None
        self.board.write(self.status)
        if self.written is not None:
            self.service.note_old_status(self.written)
        self.written = self.status

    def _committed(self, digest: str, at: float) -> Release:
        try:
            return parse(self.process.files.read(str(self.home.bundle(digest))))
        except FileNotFoundError as error:
            raise NotABundle("the bundle is gone") from error

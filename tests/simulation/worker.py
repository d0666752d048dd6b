"""A worker of the simulated service: the real history, leader, lookout and duties, around made-up code.

A release's bundle is `<version> <kind> <settings>`; the kind says what its code does to whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Rehearse, Replace
from hotpatch_agent.decision.duty import Duty, Task, duty
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import Observations, Rehearsal
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import NameTaken, Record
from hotpatch_agent.home.status import Adoption, Board, Life, Phase, Status, read_roll
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.lookout import Lookout, described
from hotpatch_agent.worker.choice import choose
from hotpatch_agent.worker.start import is_new_master

from hotpatch.errors import CheckFailed, DiskFull, HotpatchError, NotABundle, OldVersion
from hotpatch.plan import Plan
from hotpatch.release import Release
from tests.simulation.machine import Killed, Machine, Process

EPOCH: Final = datetime(2030, 1, 1, tzinfo=UTC)
KINDS: Final = {
    "good": 10,
    "rude": 4,
    "failing": 2,
    "refused": 2,
    "endless": 1,
    "unable": 2,
    "held": 2,
    "breaks": 2,
    "murders": 1,
    "poisons": 2,
    "unbootable": 2,
}
"""What becomes of a release of this kind, and how often it is drawn.

good goes live.  rude goes in by reload.  failing fails its check.  refused is refused by some workers.
endless never ends its rehearsal.  unable can't be built in some workers.  held has to wait in some.
breaks kills some workers when it is committed.  murders kills the worker that rehearses it.  poisons goes in
by reload and kills whoever starts on it.  unbootable goes in by reload and fails in whoever starts on it.
"""


def parse(data: bytes) -> Release:
    """The release of a simulated bundle; NotABundle if it is cut short."""
    parts = data.decode(errors="replace").split(" ")
    if len(parts) != 4 or parts[1] not in KINDS or parts[3] != "end":
        raise NotABundle("it is no bundle")
    settings = dict(pair.split("=") for pair in parts[2].split(",") if pair)
    return Release(
        "shop",
        "test",
        int(parts[0]),
        EPOCH,
        EPOCH,
        parts[1],
        "",
        "a:a",
        {},
        {},
        b"",
        Plan(()),
        (),
        "",
        settings,
    )


class Noted(History):
    """A history that tells what its owner was promised to be durable."""

    promised: Callable[[Record], None]

    def append(self, fact: facts.Fact, who: str, at: Any) -> Record:
        record = super().append(fact, who, at)
        self.promised(record)
        return record

    def compact(self, who: str, at: Any, after: int = 12, keep: int = 3) -> bool:
        """Often, so that schedules see it."""
        return super().compact(who, at, after, keep)


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
        self.process = machine.spawn(self.me, self.body)

    # -- its life ----------------------------------------------------------------------------------

    def body(self, process: Process) -> None:
        files, locks = process.files, process.locks
        self.history = Noted(self.home.ledger, files)
        self.history.promised = self.service.note_promise
        self.board = Board(self.home.workers, self.me, files, locks)
        self.leader = Leader(self.home, self.history, self.me, self.machine.now, files, locks)
        self.lookout = Lookout(self.home, self.me, self._accept, files, locks)
        self.lock: Any = None
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
        state = self.history.state
        roll = read_roll(self.home.workers, self.process.files, self.process.locks)
        releases, problem = choose(state, roll, self._committed)
        stack = tuple(release.version for release in releases)
        entry = state.entry(stack[-1]) if stack else None
        errand, moment = state.errand, self.machine.now()
        adoption = Adoption(errand, entry.digest, entry.version, Phase.COMMITTING, moment) if entry else None
        self.status = Status(
            self.me,
            self.pid,
            moment,
            "sim",
            "a:a",
            "3",
            life=Life.BOOTING,
            stack=stack,
            digest=entry.digest if entry else "",
            adoption=adoption,
        )
        self._write()
        kinds = {release.message for release in releases}
        if "poisons" in kinds:
            self.process.kill()
            raise Killed
        if "unbootable" in kinds and adoption is not None:
            why = described(NotABundle("it does not start"))
            self._tell(evolve(self.status, adoption=evolve(adoption, problem=why)))
            self.process.kill()
            raise Killed
        self.running = stack
        if adoption is not None:
            adoption = evolve(adoption, phase=Phase.LIVE)
        if problem is not None and state.top is not None:
            top = state.top
            adoption = Adoption(
                errand, top.digest, top.version, Phase.FELL_BACK, moment, problem, "fell back"
            )
        self._tell(evolve(self.status, adoption=adoption, life=Life.SERVING))

    def _round(self) -> None:
        assert self.status is not None
        self._write()
        self.history.refresh()
        for _ in range(4):
            to = duty(self.history.state, self.status)
            if to.task is Task.NOTHING:
                break
            self._do(to)
            if self.status.adoption is not None and self.status.adoption.phase is Phase.HELD:
                break
        self.lock = self.lock or self.process.locks.try_take(self.home.leader_lock)
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

    def _do(self, to: Duty) -> None:
        assert self.status is not None
        kind = self.service.kind(to.digest)
        match to.task:
            case Task.VERIFY:
                self._verify(to, kind)
            case Task.STAGE:
                self._report(to, Phase.STAGING)
                stuck = kind == "unable" and self.wayward
                self._report(
                    to, Phase.UNABLE if stuck else Phase.READY, "it can't be built here" if stuck else ""
                )
            case Task.ADOPT:
                self._adopt(to, kind)
            case Task.WITHDRAW:
                self._tell(evolve(self.status, adoption=None))

    def _verify(self, to: Duty, kind: str) -> None:
        try:
            release = self._accept(self.process.files.read(str(self.home.bundle(to.digest))))
            if kind == "refused" and self.wayward:
                raise OldVersion("it was not built against this")
        except FileNotFoundError:
            self._report(to, Phase.REFUSED, problem=described(NotABundle("the bundle is gone")))
        except HotpatchError as error:
            self._report(to, Phase.REFUSED, problem=described(error))
        else:
            assert release.version == to.version
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
        if kind == "held" and forward and self.wayward and self.service.patience > 0:
            self._report(to, Phase.HELD, "a stream", since=since)
            return
        self.running = to.stack
        self.status = evolve(self.status, stack=to.stack, digest=to.digest)
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
        self.leader.begin()
        seen = self.service.blur(self.lookout.look(self.rehearsal))
        for act in self.leader.turn(seen):
            match act:
                case Rehearse():
                    self._rehearse(act)
                case Replace():
                    self._replace(act, seen)
        if self.history.state.replacement is None:
            self.service.give_up()

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
            self.rehearsal = Rehearsal(act.errand, None, described(CheckFailed("the check said no")))
        else:
            reload = kind in ("rude", "poisons", "unbootable")
            self.rehearsal = Rehearsal(act.errand, How.RELOAD if reload else How.LIVE)
        self._report(to, Phase.VERIFIED)

    def _replace(self, act: Replace, seen: Observations) -> None:
        serving = [one for one in seen.alive if one.life is Life.SERVING]
        coming = [one for one in seen.alive if one.life is Life.BOOTING]
        if len(serving) + len(coming) <= act.among:
            begun = self.history.state.replacement
            if begun is not None and self.grown != begun.since:
                self.grown = begun.since
                self.service.grow(act.among)
        elif not coming:
            self.service.retire(act.worker, act.among)

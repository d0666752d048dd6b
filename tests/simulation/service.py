"""The simulated service: its master, its people, what goes wrong, and what must be true all the time.

A schedule is a seed.  Things go wrong for a while, in whatever order chance has it; then nothing goes wrong
any more, and the service has to come to rest where its ledger says.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from attrs import evolve
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.folder import Home, Service
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Status

from hotpatch.errors import DiskFull
from tests.simulation.invariants import Watcher
from tests.simulation.machine import Machine, Process
from tests.simulation.worker import KINDS, SimWorker

HOME: Final = Home(Path("/home"), Service("shop", "test", "a:a"))
FOLDERS: Final = [f"/home/{name}" for name in ("ledger", "spool", "bundles", "workers")]
EVENTS: Final = {
    "step": 100,
    "pass": 8,
    "push": 5,
    "rollback": 3,
    "kill": 3,
    "fuse": 4,
    "term": 2,
    "wait": 2,
    "jump": 1,
    "fill": 1,
    "empty": 2,
    "restart": 1,
    "cut": 1,
    "anarchy": 1,
}
"""What may happen next, and how often."""


class SimService:
    """One schedule.  `run` goes through it; an AssertionError is a broken promise."""

    def __init__(self, seed: int, events: int = 120) -> None:
        self.machine = Machine(seed, FOLDERS)
        self.rng = self.machine.rng
        self.events = events
        self.workers: list[SimWorker] = []
        self.wanted = self.count = self.rng.choice([1, 2, 2, 3])
        self.master_tick = self.machine.tick
        self.pids = iter(range(100, 100_000))
        self.versions = 0
        self.kinds: dict[str, str] = {"": "good"}
        self.anarchy = False
        self.blurred = self.rng.random() < 0.3
        self.patience = 3
        self.old: dict[str, Status] = {}
        self.quiet = False
        self.watcher = Watcher(self.machine, HOME, self.kinds)

    # -- what workers ask of it --------------------------------------------------------------------

    def kind(self, digest: str) -> str:
        return self.kinds[digest]

    def note_promise(self, record: Record) -> None:
        self.watcher.note_promise(record)

    def note_old_status(self, status: Status) -> None:
        self.old[status.worker] = status

    def blur(self, seen: Observations) -> Observations:
        """Observations may be late: some workers are seen as they were a while ago."""
        if not self.blurred or self.quiet:
            return seen
        late = tuple(
            self.old[one.worker] if one.worker in self.old and self.rng.random() < 0.3 else one
            for one in seen.alive
        )
        return evolve(seen, alive=late)

    def grow(self, among: int) -> None:
        self.wanted = max(self.wanted, among + 1)

    def give_up(self) -> None:
        self.wanted = self.count

    def retire(self, worker: str, among: int) -> None:
        for one in self.alive():
            if one.me == worker and not one.asked_to_go:
                one.asked_to_go = True
                self.wanted = max(self.count, self.wanted - 1)

    def alive(self) -> list[SimWorker]:
        return [one for one in self.workers if one.process.alive]

    # -- what happens ------------------------------------------------------------------------------

    def run(self) -> None:
        names, weights = list(EVENTS), list(EVENTS.values())
        for event in self.rng.choices(names, weights, k=self.events):
            getattr(self, f"_{event}")()
            self._master()
            self.watcher.look(self.alive())
        self._come_to_rest()

    def _master(self) -> None:
        """gunicorn's arbiter: as many workers as wanted, new ones for those that are gone."""
        self.workers = self.alive()
        staying = [one for one in self.workers if not one.asked_to_go]
        for surplus in staying[: max(0, len(staying) - self.wanted)]:
            surplus.asked_to_go = True
        if len(staying) < self.wanted and self.rng.random() < 0.5:
            wayward = not self.quiet and self.rng.random() < 0.5
            self.workers.append(SimWorker(self, self.machine, HOME, next(self.pids), wayward))

    def _step(self) -> None:
        runnable = [one for one in self.machine.processes if one.alive]
        if runnable:
            self.rng.choice(runnable).step()
        self.machine.processes = [one for one in self.machine.processes if one.alive]

    def _pass(self) -> None:
        self.machine.pass_time(self.rng.uniform(0.01, 2.0))
        self.patience -= 1

    def _wait(self) -> None:
        self.machine.pass_time(self.rng.uniform(10.0, 130.0))

    def _jump(self) -> None:
        self.machine.time += self.rng.uniform(-1e7, 1e7)

    def _push(self) -> None:
        if self.versions == 0 or self.rng.random() < 0.8:
            self.versions += 1
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        extra = self.rng.choice(["", "", "permanent=no", "cumulative=yes", "past_hold=reload,hold=5"])
        data = f"{self.versions} {kind} {extra} end".encode()
        self.kinds[hashlib.sha256(data).hexdigest()] = kind
        self.patience = 3
        name = f"{len(self.watcher.pushed):04d}"

        def push(process: Process) -> None:
            try:
                self.watcher.pushed.append(spool.offer(HOME.spool, data, name, process.files))
            except DiskFull:
                return

        self.watcher.pushed.append("")
        self.machine.spawn(f"push {name}", push)

    def _rollback(self) -> None:
        to = self.rng.choice([None, None, 0, *range(1, self.versions + 1)])
        name = f"{len(self.watcher.pushed):04d}"

        def ask(process: Process) -> None:
            try:
                request = spool.Request("rollback", to, "ann")
                self.watcher.pushed.append(spool.ask(HOME.spool, request, name, process.files))
            except DiskFull:
                return

        self.watcher.pushed.append("")
        self.machine.spawn(f"ask {name}", ask)

    def _kill(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).kill()

    def _fuse(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).fuse = self.rng.randrange(40)

    def _term(self) -> None:
        if self.workers:
            self.rng.choice(self.workers).asked_to_go = True

    def _fill(self) -> None:
        self.machine.disk.full = True

    def _empty(self) -> None:
        self.machine.disk.full = False

    def _restart(self) -> None:
        for one in self.workers:
            one.process.kill()
        self.machine.pass_time(1.0)
        self.master_tick = self.machine.tick

    def _cut(self) -> None:
        self.machine.power_cut()
        self.watcher.after_power_cut()
        self.master_tick = self.machine.tick
        self.old = {}

    def _anarchy(self) -> None:
        """For a while every worker takes itself for the leader."""
        self.anarchy = not self.anarchy
        self.watcher.lawful = False

    # -- and in the end ----------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        self.quiet = True
        self.anarchy = False
        self.machine.disk.full = False
        self.patience = 0
        self.wanted = self.count
        for process in self.machine.processes:
            process.fuse = None
        for round_ in range(300):
            for process in [one for one in self.machine.processes if one.alive]:
                process.step()
            self.machine.processes = [one for one in self.machine.processes if one.alive]
            self.machine.pass_time(0.2 if round_ % 10 else 20.0)
            self._master()
            self.watcher.look(self.alive())
            if round_ % 10 == 9 and self._rests():
                break
        self.watcher.at_rest(self.alive(), self.count)

    def _rests(self) -> bool:
        return self.watcher.is_at_rest(self.alive(), self.count)


def run(seed: int, events: int = 120) -> SimService:
    """Go through one schedule; AssertionError if a promise is broken in it."""
    service = SimService(seed, events)
    try:
        service.run()
    finally:
        finish(service)
    return service


def finish(service: SimService) -> None:
    """End the processes of a schedule that is over."""
    for process in service.machine.processes:
        process.kill()


def kinds_of(service: SimService) -> list[str]:
    """The kind of each record that a schedule has seen."""
    return [facts.NAMES[type(record.fact)] for record in service.watcher.chain]

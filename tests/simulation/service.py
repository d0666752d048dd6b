"""The simulated service: its master, its people, what goes wrong, and what must be true all the time.

A schedule is a seed.  Things go wrong for a while, in whatever order chance has it; then nothing goes wrong
any more, and the service has to come to rest where its ledger says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from attrs import evolve
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Status
from hotpatch_agent.rollout.judge import Outcome, Verdict
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.seen import Seen

from tests.simulation import quick
from tests.simulation.invariants import Watcher
from tests.simulation.machine import Machine, Process
from tests.simulation.master import SimMaster
from tests.simulation.people import HOME, People
from tests.simulation.worker import SimWorker

FOLDERS: Final = ["/home", *(f"/home/{name}" for name in ("ledger", "spool", "bundles", "workers"))]
EVENTS: Final = {
    "step": 100.0,
    "pass": 8.0,
    "push": 3.0,
    "verb": 3.0,
    "finish": 3.0,
    "fuse": 2.5,
    "kill": 2.0,
    "wait": 2.0,
    "halt": 2.0,
    "rollback": 1.5,
    "term": 1.0,
    "jump": 0.6,
    "reload": 0.5,
    "fill": 0.6,
    "empty": 1.2,
    "lock": 0.3,
    "unlock": 0.6,
    "scale": 0.5,
    "deploy": 0.5,
    "anarchy": 0.5,
    "restart": 0.4,
    "cut": 0.4,
    "lie": 0.2,
}
"""What may happen next, and how often."""
CALM: Final = 3
"""Rounds, with a while between them, after which a service has to be at rest, and no record written."""
STEPS: Final = 20
"""How often a process gets the processor for a round of its work."""
LONG: Final = 10.0
"""Seconds in which something gets the processor, however long a while is."""


class SimService(People):
    """One schedule.  `run` goes through it; an AssertionError is a broken promise."""

    def __init__(self, seed: int, events: int = 120) -> None:
        self.machine = Machine(seed, FOLDERS)
        self.rng = self.machine.rng
        self.events = events
        self.happens: Mapping[str, float] = EVENTS
        self.configured = self.rng.choice([1, 2, 2, 3])
        self.meant = {self.configured}
        """How many workers people want there to be: a number that they change while a replacement goes on may
        count, or not outlast it."""
        self.pids = iter(range(100, 100_000))
        self.leader: SimWorker | None = None
        self.versions = 0
        self.kinds: dict[str, str] = {"": "good"}
        self.numbers: dict[str, int] = {}
        """Version of each bundle by its digest."""
        self.anarchy = False
        self.blurred = self.rng.random() < 0.3
        self.trials = self.rng.random() < 0.5
        """Do pushes come with strategies?"""
        self.on_disk: frozenset[int] = frozenset()
        """Releases whose sources a deployment has brought to disk."""
        self.patience = 8
        self.old: dict[str, Status] = {}
        self.quiet = False
        self.buried = 0
        """Deaths since which the list of processes has been without the dead."""
        self.halted: set[str] = set()
        """Processes that get no processor for now."""
        self.watcher = Watcher(self.machine, HOME, self.kinds)
        self._begin()

    # -- what workers ask of it --------------------------------------------------------------------

    def kind(self, digest: str) -> str:
        return self.kinds[digest]

    def kind_of(self, version: int) -> str:
        """That of the release of this version that is known last."""
        found = [entry.digest for state in self.watcher.states[-1:] for entry in state.known]
        rollout = self.watcher.states[-1].rollout
        found += [rollout.digest] if rollout is not None else []
        return next((self.kinds[one] for one in found if self.numbers.get(one) == version), "good")

    def absorbed(self, head: tuple[int, ...]) -> tuple[int, ...]:
        """Releases of this head that are on disk, with all that they stand on."""
        top = max((place for place, one in enumerate(head, 1) if one in self.on_disk), default=0)
        return head[:top]

    def judge(self, progress: Progress | None) -> Seen | None:
        """What the leader sees of a rollout: a verdict, late, about another round, or none."""
        if progress is None or (not self.quiet and self.rng.random() < 0.2):
            return None
        outcome = Outcome.BETTER_OR_EQUAL if self.quiet else self.rng.choice(list(Outcome))
        window = progress.window if self.quiet or self.rng.random() < 0.8 else "0.0.0"
        cause = "undecided" if outcome is Outcome.INCONCLUSIVE else "passed"
        return Seen(0, False, window, Verdict(outcome, cause, "so it was drawn"))

    def is_on_disk_for_good(self, digests: Collection[str], absorbs: Collection[int]) -> bool:
        """Is one of these releases part of what a worker was started on, as a deployment brought it?"""
        return any(self.numbers[digest] in absorbs for digest in digests)

    def note_promise(self, record: Record) -> None:
        self.watcher.note_promise(record)

    def note_old_status(self, status: Status) -> None:
        self.old[status.worker] = status

    def note_leader(self, worker: SimWorker) -> None:
        """This one leads from now on."""
        self.leader = worker

    def blur(self, seen: Observations) -> Observations:
        """Observations may be late: some workers are seen as they were a while ago."""
        if not self.blurred or self.quiet:
            return seen
        late = tuple(
            self.old[one.worker] if one.worker in self.old and self.rng.random() < 0.3 else one
            for one in seen.alive
        )
        return evolve(seen, alive=late)

    @property
    def workers(self) -> list[SimWorker]:
        return list(self.master.WORKERS.values())

    def alive(self) -> list[SimWorker]:
        return [one for one in self.workers if one.process.alive]

    def _start(self) -> SimWorker:
        wayward = not self.quiet and self.rng.random() < 0.5
        return SimWorker(self, self.machine, HOME, next(self.pids), wayward)

    # -- what happens ------------------------------------------------------------------------------

    def run(self) -> None:
        names, weights = list(self.happens), list(self.happens.values())
        for event in self.rng.choices(names, weights, k=self.events):
            getattr(self, f"_{event}")()
            self.master.turn()
            self.watcher.look(self.alive())
        self._come_to_rest()

    def _step(self) -> None:
        runnable = self._living()
        if self.halted:
            runnable = [one for one in runnable if one.name not in self.halted]
        if runnable:
            self.rng.choice(runnable).step()
        if self.halted and self.rng.random() < 0.05:
            self.halted.clear()

    def _halt(self) -> None:
        """A process gets no processor for a while, if there is one, in the middle of something."""
        if busy := [one for one in self._living() if not one.idle]:
            self.halted.add(self.rng.choice(busy).name)

    def _living(self) -> list[Process]:
        if self.buried != self.machine.deaths:
            self.buried = self.machine.deaths
            self.machine.processes = [one for one in self.machine.processes if one.alive]
        return self.machine.processes

    def _pass(self) -> None:
        self.machine.pass_time(self.rng.uniform(0.01, 2.0))
        self.patience -= self.rng.random() < 0.3

    def _wait(self) -> None:
        """A while, in which the master's loop comes round, and no service that has workers has no leader."""
        left = self.rng.uniform(10.0, 130.0)
        while left > 0:
            self.machine.pass_time(min(left, LONG))
            self.master.turn()
            self._let_one_lead()
            self.halted.clear()  # gunicorn ends a worker that gets none for so long
            left -= LONG

    def _let_one_lead(self) -> None:
        """Whoever waits for the leader's lock has it as soon as it is free, and the leader looks round."""
        able = [one for one in self.alive() if one.me not in self.halted]
        leads = [one for one in able if one.begun and one.lock is not None]
        for one in leads or able:
            self._let_work(one.process)
            if one.begun:
                return

    def _jump(self) -> None:
        self.machine.time += self.rng.uniform(-1e7, 1e7)

    def _kill(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).kill()

    def _fuse(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).fuse = self.rng.randrange(40)

    def _deploy(self) -> None:
        """A normal deployment brings what runs to disk, or a part of it."""
        head = self.watcher.states[-1].versions
        if head and not self.trials:
            self.on_disk |= set(head[: self.rng.randint(1, len(head))])

    def _lie(self) -> None:
        """A power cut, and a disk that had not kept the last record as it said."""
        last = self.watcher.chain[-1] if self.watcher.chain else None
        self._cut()
        # Two torn records one after another count as damage, and a snapshot may be all that there is.
        if last is not None and not isinstance(last.fact, facts.Snapshot | facts.Repaired):
            self.watcher.tear(last.seq, self.rng)

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
        self._begin()

    def _begin(self) -> None:
        """A master begins, with as many workers as are configured."""
        self.meant = {self.configured}
        self.master = SimMaster(self.machine, HOME, str(next(self.pids)), self.configured, self._start)

    def _cut(self) -> None:
        self.machine.power_cut()
        self.watcher.after_power_cut()
        self._begin()
        self.old = {}

    def _anarchy(self) -> None:
        """For a while every worker takes itself for the leader."""
        self.anarchy = not self.anarchy
        self.watcher.lawful = False

    # -- and in the end ----------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        self.quiet = True
        self.anarchy = False
        self._empty()
        self.master.turn()
        self.halted.clear()
        self.patience = 3
        for process in self.machine.processes:
            process.fuse = None
        for one in self.alive():
            one.asked_to_go = one.asked_to_go or one.lock is not None  # whoever leads next sweeps
        calm, records = 0, 0
        for round_ in range(max(300, 4 * self.events)):
            for process in list(self._living()):
                self._let_work(process)
            self._living()
            self.machine.pass_time(20.0 if calm or round_ % 10 == 0 else 0.2)
            self.patience -= round_ % 10 == 0
            self.master.turn()
            self.watcher.look(self.alive())
            chain = self.watcher.chain
            calm = calm + self._rests() if len(chain) == records else 0
            records = len(chain)
            if calm == CALM:
                break
            if round_ % 60 == 30 and self.watcher.states[-1].underway is not None:
                self._ask(spool.Request("abort", by="ann"))  # a rollout that is paused waits for a person
        assert self._is_as_meant(), f"it means to have {self.master.means}, not {self.meant}"
        self.watcher.at_rest(self.alive(), self.master.means)

    def _let_work(self, process: Process) -> None:
        """It gets the processor for a round of its work, or most of one."""
        for _ in range(STEPS):
            process.step()
            if process.idle or not process.alive:
                return

    def _rests(self) -> bool:
        return self._is_as_meant() and self.watcher.is_at_rest(self.alive(), self.master.means)

    def _is_as_meant(self) -> bool:
        """Two leaders at a time pull levers of which the other knows nothing."""
        return self.master.means in {max(1, number) for number in self.meant} or not self.watcher.lawful


def run(seed: int, events: int = 120, of: type[SimService] = SimService) -> SimService:
    """Go through one schedule; AssertionError if a promise is broken in it."""
    with quick.quickened():
        service = of(seed, events)
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

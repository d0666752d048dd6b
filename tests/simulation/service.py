"""The simulated service: its master, its people, what goes wrong, and what must be true all the time.

A schedule is a seed.  Things go wrong for a while, in whatever order chance has it; then nothing goes wrong
any more, and the service has to come to rest where its ledger says.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.decision.rolling import WORDS
from hotpatch_agent.home import facts, spool, terms
from hotpatch_agent.home.folder import Home, Service
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Status
from hotpatch_agent.leader.replace import note_wanted
from hotpatch_agent.rollout.judge import Outcome, Verdict
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.seen import Seen

from hotpatch.errors import DiskFull
from tests.simulation import quick
from tests.simulation.bundles import KINDS
from tests.simulation.invariants import Watcher
from tests.simulation.machine import Machine, Process
from tests.simulation.worker import SimWorker

HOME: Final = Home(Path("/home"), Service("shop", "test", "a:a"))
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
PEOPLE: Final = ("ann", "bob")
TERMS: Final = ("", "", "permanent=no", "cumulative=yes")
PAST: Final = tuple(f"hold=2,transition=2,past_hold={one},past_transition={one}" for one in terms.PAST)
STRATEGIES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"strategy": "canary", "steps": "10% 1s,50% 2s", "deadline": "60s"},
    {"strategy": "canary", "steps": "50% 1s..5s", "deadline": "20s", "keep": "3s", "on_worse": "freeze"},
    {"strategy": "canary", "steps": "10%", "manual": "yes", "deadline": "90s"},
    {"strategy": "canary", "by": "workers", "steps": "50% 1s", "deadline": "60s"},
    {"strategy": "rolling", "healthy": "1s", "deadline": "60s"},
    {"strategy": "rolling", "batch": "2", "healthy": "1s", "deadline": "60s"},
    {"strategy": "blue-green", "keep": "5s"},
    {"keep": "3s"},
)
CALM: Final = 3
"""Rounds, with a while between them, after which a service has to be at rest, and no record written."""
quick.install()


class SimService:
    """One schedule.  `run` goes through it; an AssertionError is a broken promise."""

    def __init__(self, seed: int, events: int = 120) -> None:
        self.machine = Machine(seed, FOLDERS)
        self.rng = self.machine.rng
        self.events = events
        self.happens: Mapping[str, float] = EVENTS
        self.workers: list[SimWorker] = []
        self.wanted, self.count = 0, self.rng.choice([1, 2, 2, 3])
        self.pids = iter(range(100, 100_000))
        self.staying: list[str] = []
        """Workers that the leader has named as those that stay, where there are too many."""
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

    def blur(self, seen: Observations) -> Observations:
        """Observations may be late: some workers are seen as they were a while ago."""
        if not self.blurred or self.quiet:
            return seen
        late = tuple(
            self.old[one.worker] if one.worker in self.old and self.rng.random() < 0.3 else one
            for one in seen.alive
        )
        return evolve(seen, alive=late)

    def grow(self, number: int) -> None:
        self._set_wanted(max(self.wanted, number))

    def give_up(self, staying: list[str]) -> None:
        """No worker is being replaced: those that were started for that go again, and these stay, as many of
        the first as there are to be."""
        self.staying = staying[: self.count]
        self._set_wanted(self.count)

    def _set_wanted(self, number: int) -> None:
        """The master says how many workers it means to have, where the leader reads it."""
        if number == self.wanted:
            return
        self.wanted = number

        def say(process: Process) -> None:
            with contextlib.suppress(DiskFull):
                note_wanted(HOME.path, number, process.files)

        self.machine.spawn("master", say)

    def retire(self, worker: str, among: int) -> None:
        for one in self.alive():
            if one.me == worker and not one.asked_to_go:
                one.asked_to_go = True
                self._set_wanted(max(self.count, self.wanted - 1))

    def alive(self) -> list[SimWorker]:
        return [one for one in self.workers if one.process.alive]

    # -- what happens ------------------------------------------------------------------------------

    def run(self) -> None:
        names, weights = list(self.happens), list(self.happens.values())
        for event in self.rng.choices(names, weights, k=self.events):
            getattr(self, f"_{event}")()
            self._master()
            self.watcher.look(self.alive())
        self._come_to_rest()

    def _master(self) -> None:
        """gunicorn's arbiter: as many workers as wanted, new ones for those that are gone."""
        self.workers = self.alive()
        staying = [one for one in self.workers if not one.asked_to_go]
        staying.sort(key=lambda one: one.me in self.staying)
        for surplus in staying[: max(0, len(staying) - self.wanted)]:
            surplus.asked_to_go = True
        if len(staying) < self.wanted and self.rng.random() < 0.5:
            wayward = not self.quiet and self.rng.random() < 0.5
            self.workers.append(SimWorker(self, self.machine, HOME, next(self.pids), wayward))

    def _step(self) -> None:
        if runnable := [one for one in self._living() if one.name not in self.halted]:
            self.rng.choice(runnable).step()
        self._living()
        if self.halted and self.rng.random() < 0.05:
            self.halted.clear()

    def _halt(self) -> None:
        """A process gets no processor for a while, if there is one, in the middle of something."""
        if busy := [one for one in self._living() if not one.idle]:
            self.halted.add(self.rng.choice(busy).name)

    def _living(self) -> list[Process]:
        self.machine.processes = [one for one in self.machine.processes if one.alive]
        return self.machine.processes

    def _pass(self) -> None:
        self.machine.pass_time(self.rng.uniform(0.01, 2.0))
        self.patience -= self.rng.random() < 0.3

    def _wait(self) -> None:
        self.machine.pass_time(self.rng.uniform(10.0, 130.0))

    def _jump(self) -> None:
        self.machine.time += self.rng.uniform(-1e7, 1e7)

    def _push(self) -> None:
        if self.versions == 0 or self.rng.random() < 0.8:
            self.versions += 1
        kind = self._kind()
        extra = self.rng.choice(PAST if kind in ("held", "lingers") else TERMS)
        data = f"{self.versions} {kind} {extra} end".encode()
        digest = hashlib.sha256(data).hexdigest()
        self.kinds[digest], self.numbers[digest] = kind, self.versions
        card = self._card()
        self.patience = 8
        name = f"{len(self.watcher.pushed):04d}"

        def push(process: Process) -> None:
            try:
                self.watcher.pushed.append(spool.offer(HOME.spool, data, name, process.files, card))
            except (DiskFull, FileNotFoundError):
                return  # no space, or swept away each time: the command says so and ends

        self.watcher.pushed.append("")
        self.machine.spawn(f"push {name}", push)

    def _kind(self) -> str:
        return self.rng.choices(list(KINDS), list(KINDS.values()))[0]

    def _card(self) -> spool.Card | None:
        """What the pusher says beside the bundle."""
        who, force = self.rng.choice(PEOPLE), self.rng.random() < 0.3
        strategy = self._strategy() if self.trials else {}
        card = spool.Card(who, strategy, self.rng.random() < 0.3, force)
        self.watcher.forced[f"{len(self.watcher.pushed):04d}.bundle"] = force
        return card

    def _strategy(self) -> dict[str, str]:
        return self.rng.choice(STRATEGIES)

    def _rollback(self) -> None:
        to = self.rng.choice([None, None, 0, *range(1, self.versions + 1)])
        self._ask(spool.Request("rollback", to, "ann"))

    def _reload(self) -> None:
        self._ask(spool.Request("reload", by="ann"))

    def _verb(self) -> None:
        if self.watcher.states[-1].underway is not None or self.rng.random() < 0.1:
            self._ask(spool.Request(self.rng.choice(list(WORDS)), by="ann"))

    def _lock(self, kind: str = "lock") -> None:
        self._ask(spool.Request(kind, by=self.rng.choice(PEOPLE), force=self.rng.random() < 0.3))

    def _unlock(self) -> None:
        if self.watcher.states[-1].lock is not None:
            self._lock("unlock")

    def _finish(self) -> None:
        late = any(one.status is not None and one.status.blockers for one in self.alive())
        if late or self.rng.random() < 0.1:
            self._ask(spool.Request("finish", by="ann", force=self.rng.random() < 0.5))

    def _ask(self, request: spool.Request) -> None:
        name = f"{len(self.watcher.pushed):04d}"

        def ask(process: Process) -> None:
            try:
                self.watcher.pushed.append(spool.ask(HOME.spool, request, name, process.files))
            except (DiskFull, FileNotFoundError):
                return  # no space, or swept away each time: the command says so and ends

        self.watcher.pushed.append("")
        self.machine.spawn(f"ask {name}", ask)

    def _kill(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).kill()

    def _fuse(self) -> None:
        if self.machine.processes:
            self.rng.choice(self.machine.processes).fuse = self.rng.randrange(40)

    def _scale(self) -> None:
        """A person sends TTIN or TTOU: one more, or less, than the master means to have just now."""
        before, self.count = self.count, max(1, min(4, self.count + self.rng.choice([-1, 1])))
        self._set_wanted(max(1, self.wanted + self.count - before))

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
        """A master begins, and says how many workers it means to have."""
        self.master_tick, self.wanted = self.machine.tick, 0
        self._set_wanted(self.count)

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
        self.machine.disk.full = False
        self.halted.clear()
        self.patience = 3
        self._set_wanted(self.count)
        for process in self.machine.processes:
            process.fuse = None
        for one in self.alive():
            one.asked_to_go = one.asked_to_go or one.lock is not None  # whoever leads next sweeps
        calm, records = 0, 0
        for round_ in range(max(300, 4 * self.events)):
            for process in list(self._living()):
                process.step()
            self._living()
            self.machine.pass_time(20.0 if calm or round_ % 10 == 0 else 0.2)
            self.patience -= round_ % 10 == 0
            self._master()
            self.watcher.look(self.alive())
            chain = self.watcher.chain
            calm = calm + self._rests() if len(chain) == records else 0
            records = len(chain)
            if calm == CALM:
                break
            if round_ % 60 == 30 and self.watcher.states[-1].underway is not None:
                self._ask(spool.Request("abort", by="ann"))  # a rollout that is paused waits for a person
        self.watcher.at_rest(self.alive(), self.count)

    def _rests(self) -> bool:
        return self.watcher.is_at_rest(self.alive(), self.count)


def run(seed: int, events: int = 120, of: type[SimService] = SimService) -> SimService:
    """Go through one schedule; AssertionError if a promise is broken in it."""
    quick.begin()
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

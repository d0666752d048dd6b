"""What people ask of the simulated service: pushes, requests, and signals to its master."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hotpatch_agent.decision.rolling import WORDS
from hotpatch_agent.home import spool, terms
from hotpatch_agent.home.folder import Home, Service
from hotpatch_agent.home.probes import EXAMPLE, READY

from hotpatch.errors import DiskFull
from tests.simulation.bundles import KINDS
from tests.simulation.invariants import Watcher
from tests.simulation.machine import Machine, Process
from tests.simulation.master import SimMaster
from tests.simulation.worker import SimWorker

HOME: Final = Home(Path("/home"), Service("shop", "test", "a:a", settings={READY: EXAMPLE}))
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


class People:
    """The part of a simulated service that people play."""

    machine: Machine
    rng: random.Random
    watcher: Watcher
    master: SimMaster
    kinds: dict[str, str]
    numbers: dict[str, int]
    versions: int
    patience: int
    trials: bool
    meant: set[int]

    def alive(self) -> list[SimWorker]:
        raise NotImplementedError

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

    def _scale(self) -> None:
        """A person sends TTIN or TTOU: one more, or less, than the master means to have just now."""
        up = self.rng.random() < 0.5
        if up and self.master.means < 5:
            self._signal(self.master.more, lambda number: {number + 1})
        elif not up:
            # Of one worker one less is none, where the master has another just then; a signal for one more
            # that comes before that one goes takes it back.
            self._signal(self.master.less, lambda number: {number - 1} if number > 1 else {1, 0})

    def _hup(self) -> None:
        self._signal(self.master.hup, lambda number: {self.master.configured})

    def _signal(self, handle: Callable[[], None], ask: Callable[[int], set[int]]) -> None:
        """A person sends the master a signal, and wants it to have so many workers instead."""

        def handled() -> None:
            asked = {one for number in self.meant for one in ask(number)}
            self.meant = self.meant | asked if self.master.is_any_lost() else asked
            handle()

        self.master.pulled.append(handled)

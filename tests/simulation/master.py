"""The simulated gunicorn master, and its levers as a worker's agent has them.

As gunicorn's arbiter does it: there is one number, of workers that it means to have.  A signal counts when
its loop comes round; over the control socket the number changes at once.  The loop buries the dead, starts
as many as there are too few, and asks as many to go as there are too many; those that have been asked count
until they are gone.  Who has to go is decided by the agent's own `who_leaves`.
"""

from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any, Final

from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.headcount import Headcount, note_wanted, read_orders
from hotpatch_agent.leader.levers import Levers
from hotpatch_agent.worker.who_leaves import choose_leaver, forget, watch_over

from hotpatch.errors import DiskFull
from tests.simulation.disk import ProcessFiles
from tests.simulation.machine import Machine, Process

LOOP: Final = 1.0
"""Seconds after which the master's loop comes round by itself."""
GRACE: Final = 30.0
"""gunicorn's `graceful_timeout`: so long a HUP waits for the old workers, and the master looks at nothing."""
LOG: Final = logging.getLogger("simulation")
LOG.disabled = True


class SimMaster:
    """One master; its attributes are called as `who_leaves` knows them from gunicorn's."""

    def __init__(
        self, machine: Machine, home: Home, name: str, workers: int, start: Callable[[], Any]
    ) -> None:
        self.machine, self.home, self.name, self.start = machine, home, name, start
        self.configured = workers
        self.tick = machine.tick
        self.WORKERS: dict[int, Any] = {}
        self.files = ProcessFiles(machine.disk, lambda: None, machine.rng)
        self.headcount = Headcount(home.path, name, self.files)
        self.is_noted = False
        self.buried = -1
        """Deaths on the machine, of which it has buried its own."""
        self.pulled: list[Callable[[], None]] = []
        """What signals ask for that it has not handled yet."""
        self.ages = 0
        self.turned = machine.tick
        self.waits_until = machine.tick
        watch_over(self, home.path, self.files, self._clock)
        self.headcount.begins_with(workers)
        self._note()

    def _clock(self) -> float:
        return self.machine.time

    # -- its number --------------------------------------------------------------------------------

    @property
    def means(self) -> int:
        """How many workers it means to have."""
        return self.headcount.wanted.workers

    def is_any_lost(self) -> bool:
        """Is an order noted that was not given, or not yet?  A person's may count as that."""
        wanted = self.headcount.wanted
        orders = read_orders(self.home.path, wanted.master, self.files)
        more, less = self.pulled.count(self.more), self.pulled.count(self.less)
        return orders.more - wanted.more > more or orders.less - wanted.less > less

    def more(self) -> None:
        self._mean(self.means + 1)

    def less(self) -> None:
        if self.means > 1:
            self._mean(self.means - 1)

    def _mean(self, number: int) -> None:
        """The number is set; the agent's hook sees to the rest at once, as `hooks.engage` does."""
        if number < self.means:
            choose_leaver(self, self.home.path, self.files, self._clock)
        self.headcount.becomes(number)
        self._note()

    def _note(self) -> None:
        self.is_noted = False
        with contextlib.suppress(DiskFull):
            note_wanted(self.home.path, self.headcount.wanted, self.files)
            self.is_noted = True

    # -- its loop ----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Its loop comes round, if it does by now."""
        self._bury()
        since = self.machine.tick - self.turned
        if self.machine.tick < self.waits_until and any(
            one.age <= self.last for one in self.WORKERS.values()
        ):
            return
        if since < LOOP and self.machine.rng.random() < 0.5:
            return
        self.turned = self.machine.tick
        while self.pulled:
            self.pulled.pop(0)()
        self.manage_workers()
        if not self.is_noted:
            self._note()

    def hup(self) -> None:
        """All new ones at once, and as many as are too many asked to go: the old ones."""
        self.last, older = self.ages, list(self.WORKERS.values())
        forget(self, self.home.path, self.files)
        self.headcount.begins_with(self.configured)
        self._note()
        for _ in range(self.configured):
            self._start()
        self.manage_workers()
        assert all(one.asked_to_go for one in older), "a HUP has ended new workers, and kept old ones"
        self.waits_until = self.machine.tick + GRACE

    last = 0
    """The age of the last worker that was there before a HUP."""

    def manage_workers(self) -> None:
        while len(self.WORKERS) < self.means:
            self._start()
        if len(self.WORKERS) == self.means:
            return
        workers = sorted(self.WORKERS.items(), key=lambda one: one[1].age)
        while len(workers) > self.means:
            pid, _ = workers.pop(0)
            self.kill_worker(pid, signal.SIGTERM)

    def kill_worker(self, pid: int, number: int) -> None:
        assert number == signal.SIGTERM
        self.WORKERS[pid].asked_to_go = True

    def _start(self) -> None:
        self.ages += 1
        worker = self.start()
        worker.age = self.ages
        self.WORKERS[worker.pid] = worker

    def _bury(self) -> None:
        if self.buried != self.machine.deaths:
            self.buried = self.machine.deaths
            self.WORKERS = {pid: one for pid, one in self.WORKERS.items() if one.process.alive}


class SimLevers(Levers):
    """Over the control socket, whose answer may be lost, and the order as well; or by signals."""

    def __init__(self, master: SimMaster, process: Process, is_sure: Callable[[], bool]) -> None:
        self._of, self._process, self._is_sure = master, process, is_sure

    def _pull(self, order: str, lever: signal.Signals) -> bool:
        self._process.gate()
        master, rng = self._of, self._process.machine.rng
        change = master.more if lever is signal.SIGTTIN else master.less
        way = rng.random()
        if way < 0.4:
            master.pulled.append(change)
            certain = True
        else:
            is_lost, certain = (False, True) if self._is_sure() else (way > 0.9, way < 0.8)
            if not is_lost:
                change()
        self._process.gate()
        return certain

"""Processes, clock and locks of the simulated machine: whoever runs, runs until its next call to the disk.

A process is a greenlet.  Before each call to its disk it may be set aside, so that others run in between, and
it may die there: at the call that its fuse names, or because somebody killed it while it was set aside.  All
chance comes from one seeded source, so a seed is a schedule.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from greenlet import getcurrent, greenlet
from hotpatch_agent.clock import Instant

from tests.simulation.disk import Disk, Node, ProcessFiles

NEVER: Final = 1 << 60


class Killed(BaseException):
    """This process is dead: nothing in it may catch that."""


class Process:
    """One process: its body runs in a greenlet, its calls to the disk go through `gate`."""

    def __init__(self, machine: Machine, name: str, body: Callable[[Process], None]) -> None:
        self.machine = machine
        self.name = name
        self.alive = True
        self.idle = False
        """Has done all that there is to do for now."""
        self.fuse: int | None = None
        """Calls to the disk until it dies."""
        self.files = ProcessFiles(machine.disk, self.gate, machine.rng, self.passes)
        self.locks = ProcessLocks(machine, self)
        self._thread = greenlet(lambda: self._run(body), machine.hub)

    def step(self) -> None:
        """Let it run until it is set aside, has nothing to do, or is no more."""
        self.idle = False
        self._thread.switch()

    def rest(self) -> None:
        """Called by the process itself: nothing to do until it is stepped again."""
        self.idle = True
        self._aside()

    def kill(self) -> None:
        """SIGKILL."""
        if not self.alive:
            return
        self._die()
        if self._thread and getcurrent() is not self._thread:
            self._thread.throw(Killed)

    def _run(self, body: Callable[[Process], None]) -> None:
        try:
            body(self)
        except Killed:
            return
        finally:
            self._die()

    def _die(self) -> None:
        self.alive = False
        self.machine.deaths += 1
        self.machine.locked += 1
        self.machine.locks = {path: one for path, one in self.machine.locks.items() if one is not self}

    def gate(self) -> None:
        """Something that others can see is about to happen, or has: it may be set aside here, or die."""
        if not self.alive:
            raise Killed
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self._die()
                raise Killed
        self.machine.until_aside -= 1
        if self.machine.until_aside < 0:
            self.machine.draw_aside()
            self._aside()

    def passes(self, calls: int) -> bool:
        """Goes through so many gates at once, if it neither dies nor is set aside at any of them."""
        machine = self.machine
        if not self.alive or machine.until_aside < calls or (self.fuse is not None and self.fuse < calls):
            return False
        machine.until_aside -= calls
        if self.fuse is not None:
            self.fuse -= calls
        return True

    def _aside(self) -> None:
        self.machine.hub.switch()
        if not self.alive:
            raise Killed


class Lock:
    """A lock of the simulated kernel."""

    def __init__(self, machine: Machine, path: str) -> None:
        self._machine = machine
        self._path = path

    def release(self) -> None:
        self._machine.locked += 1
        self._machine.locks.pop(self._path, None)

    def is_in_place(self) -> bool:
        folder, name = self._machine.disk.place(self._path)
        return name in folder


class ProcessLocks:
    """The kernel's locks as one process takes them."""

    def __init__(self, machine: Machine, process: Process) -> None:
        self._machine = machine
        self._process = process

    def changed(self) -> int:
        """How often anybody has taken or released one."""
        return self._machine.locked

    def take(self, path: Path) -> Lock:
        lock = self.try_take(path)
        while lock is None:
            self._process.rest()
            lock = self.try_take(path)
        return lock

    def try_take(self, path: Path) -> Lock | None:
        where = str(path)
        names, name = self._machine.disk.place(where)
        if name not in names:
            names, name = self._machine.disk.change(where)
            names[name] = Node(b"")
        if where in self._machine.locks:
            return None
        self._machine.locked += 1
        self._machine.locks[where] = self._process
        return Lock(self._machine, where)

    def is_held(self, path: str) -> bool:
        return path in self._machine.locks


class Machine:
    """The whole of it.  `tick` only moves forward; `time` may jump."""

    def __init__(self, seed: int, folders: list[str]) -> None:
        self.rng = random.Random(seed)
        self.disk = Disk(folders, lambda: self.time)
        self.hub = getcurrent()
        self.locks: dict[str, Process] = {}
        self.locked = 0
        """How often they have changed."""
        self.processes: list[Process] = []
        self.deaths = 0
        self.interleaving = self.rng.choice([0.0, 0.02, 0.2])
        self.until_aside = NEVER
        """Gates that whoever runs may go through until somebody else has the processor."""
        self.draw_aside()
        self.tick = 100.0
        self.time = 1_700_000_000.0
        self.boot = self._booted = 1
        self._now = Instant(self.time, self.tick, "boot-1")

    def now(self) -> Instant:
        if self._now.tick != self.tick or self._now.time != self.time or self._booted != self.boot:
            self._now, self._booted = Instant(self.time, self.tick, f"boot-{self.boot}"), self.boot
        return self._now

    def draw_aside(self) -> None:
        """At each gate chance is the same; so it is drawn how many there are until it strikes."""
        if self.interleaving:
            self.until_aside = int(math.log(1.0 - self.rng.random()) / math.log(1.0 - self.interleaving))

    def pass_time(self, seconds: float) -> None:
        self.tick += seconds
        self.time += seconds

    def spawn(self, name: str, body: Callable[[Process], None]) -> Process:
        process = Process(self, name, body)
        self.processes.append(process)
        return process

    def power_cut(self) -> None:
        """Everything stops at once; the machine comes up again later."""
        for process in self.processes:
            process.kill()
        self.processes = []
        self.locks = {}
        self.locked += 1
        self.disk.power_cut(self.rng)
        self.disk.full = False
        self.boot += 1
        self.tick = self.rng.uniform(1.0, 50.0)

"""In gunicorn's dirty arbiter: dirty workers that are behind the ledger are replaced, one at a time.

gunicorn's own reload of them leaves the old code running: the modules were imported by the master before it
forked, and the workers that it ends are the new ones.  Here a successor with the same apps has bound its
socket before the old one gets no more to do, and the old one ends when it has answered what was queued for
it.  That holds for a release, for `hotpatch reload`, and for a `HUP`.

Leans on gunicorn 25 to 27: `DirtyWorker.load_apps`, and of the arbiter `manage_workers` (called once a second
and after each death), `reload`, `spawn_worker`, `kill_worker`, `_pending_respawns` (what the next worker is
spawned with), `_unregister_worker` (no more requests are routed to it) and `worker_queues`.  Where one of
them is missing, the workers are started on the head, and nothing else is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from hotpatch.errors import HotpatchError
from hotpatch_agent.clock import Instant, now
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.view import runs_head
from hotpatch_agent.home import facts
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import Life, Roll, Status, forget, read_roll
from hotpatch_agent.leader.lookout import service_terms
from hotpatch_agent.worker import dirty
from hotpatch_agent.worker.choice import choose

NEEDED: Final = (
    "manage_workers",
    "reload",
    "spawn_worker",
    "kill_worker",
    "_pending_respawns",
    "_unregister_worker",
    "worker_queues",
    "worker_sockets",
    "worker_app_map",
)
AGAIN: Final = (2.0, 60.0)
"""Seconds until a replacement that failed is tried again: at first, and at most."""
LOOK: Final = 0.05


def engage(arbiter: Any, home: Home) -> None:
    """In the dirty arbiter's process, before it spawns its first worker."""
    from gunicorn.dirty import worker as workers

    home.dirty.mkdir(mode=0o700, exist_ok=True)
    plain: Callable[[Any], None] = workers.DirtyWorker.load_apps

    def load_apps(worker: Any) -> None:
        if not arbiter.alive:  # in the fork: the signal came before the worker had a handler of its own
            worker.alive = False
        dirty.load(worker, home, plain)

    workers.DirtyWorker.load_apps = load_apps
    dirty.heed_the_end(workers.DirtyWorker)
    if all(hasattr(arbiter, name) for name in NEEDED):
        Replacing(arbiter, home).engage()
    else:
        arbiter.log.error("hotpatch: this gunicorn's dirty workers are not replaced when the head moves")


@define(eq=False)
class Replacing:
    """The arbiter's, on its event loop."""

    arbiter: Any
    home: Home
    history: History = field(init=False)
    asked: Instant | None = None
    """Every worker that was started before this is to be replaced."""
    _manage: Any = None
    _task: asyncio.Task[None] | None = None
    _not_before: float = 0.0
    _pause: float = AGAIN[0]
    _said: str = ""

    def __attrs_post_init__(self) -> None:
        self.history = History(self.home.ledger)

    def engage(self) -> None:
        """Puts itself in the place of what the arbiter does by itself."""
        self._manage = self.arbiter.manage_workers
        self.arbiter.manage_workers = self.manage
        self.arbiter.reload = self.reload

    async def manage(self) -> None:
        """`manage_workers`: as ever, but for one worker too many while one is being replaced."""
        is_busy = self._task is not None and not self._task.done()
        if not is_busy or len(self.arbiter.workers) < self.arbiter.num_workers:
            await self._manage()
        if is_busy or not self.arbiter.alive or time.monotonic() < self._not_before:
            return
        try:
            due = self._due()
        except (HotpatchError, OSError) as error:
            self._say(str(error))
            return
        if due is not None:
            self._task = asyncio.create_task(self._replace(due))

    async def reload(self) -> None:
        """What a HUP asks for."""
        self.asked = now()
        await self.manage()

    def _due(self) -> Status | None:
        """The oldest worker that has to be replaced."""
        for record in self.history.refresh():
            if isinstance(record.fact, facts.Reloading):
                self.asked = record.at
        roll = read_roll(self.home.dirty)
        self._forget(roll)
        mine = [one for one in roll.alive if one.pid in self.arbiter.workers and one.life is Life.SERVING]
        outdated = [one for one in mine if self.asked is not None and self.asked.since(one.started) > 0]
        return next(iter(outdated or self._behind(mine, roll)), None)

    def _behind(self, mine: list[Status], roll: Roll) -> list[Status]:
        """Those that run something else than one that is started now would."""
        state = self.history.state
        if all(runs_head(state, one) for one in mine):
            return []
        releases, _ = choose(state, roll, Shelf(self.home).committed)
        versions = [release.version for release in releases]
        return [one for one in mine if one.stack != tuple(v for v in versions if v not in one.absorbs)]

    def _forget(self, roll: Roll) -> None:
        """What the dead have left, but for word of a release that is still on the head and did not start."""
        head = {entry.digest for entry in self.history.state.head}
        for status in roll.dead:
            if status.life is not Life.BOOTING or status.adoption is None or status.digest not in head:
                forget(self.home.dirty, status.worker)
        for worker in roll.debris:
            forget(self.home.dirty, worker)

    async def _replace(self, old: Status) -> None:
        arbiter, asked = self.arbiter, self.asked
        arbiter.log.info("hotpatch: starting a successor for dirty worker %s", old.pid)
        apps = list(arbiter.worker_app_map.get(old.pid, arbiter.app_specs))
        arbiter._pending_respawns.insert(0, apps)
        new = arbiter.spawn_worker()
        if not await self._is_ready(new):
            with contextlib.suppress(ValueError):
                arbiter._pending_respawns.remove(apps)
            arbiter.log.error("hotpatch: no successor of dirty worker %s started; it works on", old.pid)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, AGAIN[1])
            if asked is self.asked:
                self.asked = None  # the sources on disk don't start
            return
        self._pause = AGAIN[0]
        await self._retire(old.pid)

    async def _is_ready(self, pid: int) -> bool:
        """Has the new worker bound its socket, which it does after it has loaded its apps?"""
        end = time.monotonic() + service_terms(self.home).replace
        while pid in self.arbiter.workers:
            if os.path.exists(self.arbiter.worker_sockets[pid]):  # noqa: PTH110  (a string of gunicorn's)
                return True
            if time.monotonic() > end:
                self.arbiter.kill_worker(pid, signal.SIGKILL)
                end += AGAIN[1]
            await asyncio.sleep(LOOK)
        return False

    async def _retire(self, pid: int) -> None:
        """The old worker gets no more to do, answers what is queued for it, and ends."""
        arbiter = self.arbiter
        arbiter._unregister_worker(pid)
        queue = arbiter.worker_queues.get(pid)
        if queue is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(queue.join(), arbiter.cfg.dirty_timeout or None)
        if pid in arbiter.workers:
            arbiter.log.info("hotpatch: dirty worker %s may go: its successor works", pid)
            arbiter.kill_worker(pid, signal.SIGTERM)
        end = time.monotonic() + arbiter.cfg.dirty_graceful_timeout
        while pid in arbiter.workers:
            if time.monotonic() > end:
                arbiter.kill_worker(pid, signal.SIGKILL)
            await asyncio.sleep(LOOK)

    def _say(self, said: str) -> None:
        if said != self._said:
            self._said = said
            self.arbiter.log.error("hotpatch: dirty workers stay as they are: %s", said)

"""Which worker the master asks to go, decided when it asks.

The leader names the one that is meant and then asks for one worker less.  Over the control socket that
number changes in a thread of its own, and the master's loop may be at work on its workers just then, with
their order already made up: it would end the oldest.  So the choice is made anew for each that it asks.

Leans on `Arbiter.manage_workers`, which ends what is too many by `kill_worker(pid, SIGTERM)` in order of
`age`, in the main thread, and calls it for nothing else (gunicorn 25 to 27).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hotpatch_agent.home.disk import OS_FILES, Files, discard
from hotpatch_agent.leader.replace import BUT, LEAVER

LATER: Final = 1 << 40
"""More workers than a master ever starts."""
FRESH: Final = 10.0
"""Seconds for which the name counts: a TTOU that a person sends later means the oldest worker again."""
LONGEST: Final = 1 << 16
"""Bytes of it that are read: as many pids as a machine has."""
_choosing = threading.RLock()


def choose_leaver(
    server: Any, home: Path, files: Files = OS_FILES, clock: Callable[[], float] = time.time
) -> None:
    """In the master, when it is to have fewer workers: the one that the leader has named comes first, or
    those that it has named come last.

    gunicorn takes workers by `age`, a counter that only grows from 1; nothing else reads it.
    """
    with _choosing:
        _as_old_as_they_are(server)  # those too that were to stay the time before
        workers = dict(server.WORKERS)
        path = str(home / LEAVER)
        try:
            if clock() - files.modified(path) / 1e9 > FRESH:
                return
            words = files.read(path, LONGEST).decode("ascii").split()
            pids = [int(word) for word in words if word != BUT]
        except (OSError, ValueError):
            return
        for pid in pids:
            if pid in workers:
                workers[pid].age = workers[pid].age + LATER if words[0] == BUT else 0


def forget(server: Any, home: Path, files: Files = OS_FILES) -> None:
    """In the master, when a `HUP` begins: it has all workers go, whoever was to stay before."""
    with _choosing:
        discard(str(home / LEAVER), files)
        _as_old_as_they_are(server)


def _as_old_as_they_are(server: Any) -> None:
    for worker in list(server.WORKERS.values()):
        worker.age %= LATER


def watch_over(
    server: Any, home: Path, files: Files = OS_FILES, clock: Callable[[], float] = time.time
) -> None:
    """In the master; harmless to repeat."""
    manage, kill = server.manage_workers, server.kill_worker
    if getattr(manage, "hotpatch", False):
        return
    asked: set[int] | None = None
    seen = _named_at(home, files)

    def manage_workers() -> None:
        nonlocal asked
        asked = set()
        try:
            manage()
        finally:
            asked = None

    def kill_worker(pid: int, number: int) -> None:
        nonlocal seen
        if asked is not None and number == signal.SIGTERM:
            with _choosing:
                if (named := _named_at(home, files)) != seen:
                    seen = named
                    choose_leaver(server, home, files, clock)
                left = [(worker.age, one) for one, worker in list(server.WORKERS.items()) if one not in asked]
                pid = min(left)[1] if left else pid
            asked.add(pid)
        kill(pid, number)

    manage_workers.hotpatch = True  # type: ignore[attr-defined]
    server.manage_workers, server.kill_worker = manage_workers, kill_worker


def _named_at(home: Path, files: Files) -> int:
    """When the leader last named somebody, in the file system's nanoseconds; 0: never."""
    try:
        return files.modified(str(home / LEAVER))
    except OSError:
        return 0

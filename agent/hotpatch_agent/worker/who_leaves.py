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
from typing import Any

from hotpatch_agent.home.folder import Home
from hotpatch_agent.leader.replace import choose_leaver, named_at

_choosing = threading.RLock()


def choose(server: Any, home: Home) -> None:
    """In the master, when it is to have fewer workers: their order, by whom the leader has named."""
    with _choosing:
        choose_leaver(server, home.path)


def watch_over(server: Any, home: Home) -> None:
    """In the master; harmless to repeat."""
    manage, kill = server.manage_workers, server.kill_worker
    if getattr(manage, "hotpatch", False):
        return
    asked: set[int] | None = None
    seen = named_at(home.path)

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
                if (named := named_at(home.path)) != seen:
                    seen = named
                    choose_leaver(server, home.path)
                left = [(worker.age, one) for one, worker in list(server.WORKERS.items()) if one not in asked]
                pid = min(left)[1] if left else pid
            asked.add(pid)
        kill(pid, number)

    manage_workers.hotpatch = True  # type: ignore[attr-defined]
    server.manage_workers, server.kill_worker = manage_workers, kill_worker

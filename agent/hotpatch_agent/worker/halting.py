"""A worker that ends badly does not bring down a service that has something to go on with.

gunicorn's master ends everything when a worker exits with status 3 or 4, which stand for "can't boot" and
"the application can't be loaded", whenever and however that comes about.  What fails in Python while it is
loaded has another status here (`start`); what calls `os._exit` has not.  So the master's end is called off
where others serve, or where that worker ran a release, or was started on one: after the second such death the
next is started without it.

Leans on `Arbiter.reap_workers` (called for each SIGCHLD, raises HaltServer) of gunicorn 25 to 27.
"""

from __future__ import annotations

from typing import Any

from gunicorn.errors import HaltServer

from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.status import Life, Roll, parent_of, read_roll


def guard(server: Any, home: Home) -> None:
    """In the master; harmless to repeat."""
    plain = server.reap_workers
    if getattr(plain, "hotpatch", False):
        return

    def reap_workers() -> None:
        before = dict(server.WORKERS)
        while True:
            try:
                plain()
                return
            except HaltServer as halt:
                gone = {pid: worker for pid, worker in before.items() if _has_gone(server, pid)}
                if not may_go_on(read_roll(home.workers), set(gone)):
                    raise
                server.log.error("hotpatch: %s The service goes on without that worker.", halt.reason)
                _account_for(server, gone)

    reap_workers.hotpatch = True  # type: ignore[attr-defined]
    server.reap_workers = reap_workers


def may_go_on(roll: Roll, gone: set[int]) -> bool:
    """Is there something else to run than what these workers died of?"""
    if any(one.life is Life.SERVING and one.pid not in gone for one in roll.alive):
        return True
    ended = [one for one in (*roll.alive, *roll.dead) if one.pid in gone]
    return any(one.stack or (one.adoption is not None and one.adoption.digest) for one in ended)


def _has_gone(server: Any, pid: int) -> bool:
    return pid not in server.WORKERS or not _is_child(server, pid)


def _is_child(server: Any, pid: int) -> bool:
    """Is this still a process of the master's?  One that was waited for has no status file any more."""
    try:
        return bool(parent_of(f"/proc/{pid}/stat") == server.pid)
    except OSError:
        return False


def _account_for(server: Any, gone: dict[int, Any]) -> None:
    """What the master did not come to do for the worker at which it stopped."""
    for pid, worker in gone.items():
        server.WORKERS.pop(pid, None)
        try:
            worker.tmp.fileno()
        except ValueError:
            continue  # closed: this one was accounted for
        worker.tmp.close()
        server.cfg.child_exit(server, worker)

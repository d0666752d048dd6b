"""Whose home it is: one gunicorn master's at a time, and during `USR2` the one's too that it has started.

A home is the home of one service.  Of two that were given the same one, neither could be led: a start of the
second takes back what was to last until the next start of the first, and nobody can replace the other
master's workers.  So the first one has it, and the second is told.

`masters/<pid>-<start ticks>.lock` is held by the master of that name for as long as it lives and serves;
`masters/claim.lock` by whoever looks who is there, for that moment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hotpatch.errors import HotpatchError, NotAService
from hotpatch_agent.home.alive import Lock, is_held
from hotpatch_agent.home.disk import discard, explained
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.status import parent_of, start_of, worker_id

_CLAIM: Final = "claim"
_ENDING: Final = ".lock"


def claim(home: Home) -> Lock:
    """Makes this process a master of the home, until the lock is released or the process ends.

    Raises NotAService if another service's master has it; NotWritable or DiskFull if that can't be found out.
    """
    folder = home.masters
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise explained(error, str(folder)) from error
    among = Lock.take(folder / f"{_CLAIM}{_ENDING}")
    try:
        for master in _living(folder):
            if not _is_kin(master):
                raise _taken(home, master)
        mine = Lock.try_take(folder / f"{worker_id()}{_ENDING}")
        if mine is None:
            raise _taken(home, worker_id())
        return mine
    finally:
        among.release()


def _living(folder: Path) -> list[str]:
    """The masters that hold their locks; what dead ones have left is taken away."""
    names = [path.stem for path in folder.glob(f"*-*{_ENDING}")]
    found = [name for name in names if is_held(folder / f"{name}{_ENDING}")]
    for name in set(names) - set(found):
        discard(f"{folder}/{name}{_ENDING}")
    return found


def _is_kin(master: str) -> bool:
    """Has this living master started this process by `USR2`, or was it started by it?"""
    pid, _, tick = master.partition("-")
    try:
        if start_of(f"/proc/{pid}/stat") != tick:
            return False
        return int(pid) == os.getppid() or parent_of(f"/proc/{pid}/stat") == os.getpid()
    except OSError:
        return False  # of another container, where pids are others


def _taken(home: Home, master: str) -> HotpatchError:
    pid = master.partition("-")[0]
    return NotAService(
        f"{home.path} is the home of a service that is running, whose gunicorn master is process {pid}; "
        f"give this one a home of its own (hotpatch init, HOTPATCH_HOME), or end process {pid} "
        "and send this master a HUP"
    )

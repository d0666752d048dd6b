"""A worker that is started beside others that serve takes what they leave of the processors.

Loading a program is work for a processor, for seconds at times, and it would be taken from the requests of
those that serve.  A nice value does that; only who may take it back may give it, so without that right the
worker is of the class of batch jobs meanwhile, which preempts nobody.  Both are undone for every thread of
the process, since threads take over what the thread that starts them has.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NICER: Final = 2
"""Two thirds of the usual weight.  With less, a worker on a machine that does other things as well may be
loaded too slowly for gunicorn's `timeout`, which ends it."""
CAP_SYS_NICE: Final = 1 << 23  # include/uapi/linux/capability.h
_TASKS: Final = Path("/proc/self/task")


@contextlib.contextmanager
def gently(beside_others: bool = True) -> Iterator[None]:
    """Work that may take its time.  Changes nothing for a process that has a priority of its own already."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    if not beside_others or usual != 0 or os.sched_getscheduler(0) != os.SCHED_OTHER:
        yield
        return
    with contextlib.suppress(OSError):
        if may_undo():
            os.setpriority(os.PRIO_PROCESS, 0, NICER)
        else:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield
    finally:
        for task in _TASKS.iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended meanwhile
                _as_usual(int(task.name))


def may_undo() -> bool:
    """May this process go back from a higher nice value to 0?"""
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    if soft == resource.RLIM_INFINITY or soft >= 20:
        return True
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & CAP_SYS_NICE)
    return False


def _as_usual(thread: int) -> None:
    if os.getpriority(os.PRIO_PROCESS, thread) == NICER:
        os.setpriority(os.PRIO_PROCESS, thread, 0)
    if os.sched_getscheduler(thread) == os.SCHED_BATCH:
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

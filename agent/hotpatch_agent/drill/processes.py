"""Processes as Linux shows them under /proc: children, groups, connections, memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Final

from attrs import frozen

PROC: Final = Path("/proc")
LOOK_SECONDS: Final = 0.002
_PR_SET_PDEATHSIG: Final = 1  # include/uapi/linux/prctl.h
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@frozen
class Process:
    pid: int
    parent: int
    group: int
    state: str
    """One letter: `Z` for one that has ended and is waited for by nobody yet."""


def end_with_parent() -> None:
    """For a process between its fork and its program: it is sent SIGQUIT when the thread that started it
    ends, in whichever way.  Touches nothing that a lock of another thread could guard."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT):
        os._exit(127)


def processes() -> list[Process]:
    """All processes of this machine that can be seen; those that end meanwhile are left out."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name, in parentheses, may hold anything; what follows it is plain.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found.append(Process(int(entry.name), int(fields[1]), int(fields[2]), fields[0]))
    return found


def children(pid: int) -> list[int]:
    """Living children of a process, oldest pid first."""
    return sorted(each.pid for each in processes() if each.parent == pid and each.state != "Z")


def in_group(group: int) -> list[int]:
    return [each.pid for each in processes() if each.group == group and each.state != "Z"]


def stop(pid: int) -> None:
    """It does nothing more, until it is continued or killed; returns once that is so."""
    os.kill(pid, signal.SIGSTOP)
    while not any(each.pid == pid and each.state == "T" for each in processes()):
        time.sleep(LOOK_SECONDS)


def peers(pid: int) -> set[int]:
    """The ports at the other ends of the TCP connections that a process holds open."""
    held = set()
    for entry in (PROC / str(pid) / "fd").iterdir():
        # What is closed meanwhile is held no more.
        with contextlib.suppress(OSError):
            held.add(str(entry.readlink()))
    lines = (PROC / str(pid) / "net" / "tcp").read_text().splitlines()[1:]
    rows = (line.split() for line in lines)
    return {int(row[2].partition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in held} - {0}


def memory(pids: list[int]) -> int:
    """Bytes of memory of these processes, what several share counted once in sum (proportional set size)."""
    total = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total

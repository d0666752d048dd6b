"""How much memory this process takes, and that it takes no more than it needs."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

_libc = ctypes.CDLL(None)


def used() -> int:
    """Bytes: the proportional set size where the kernel tells it, else what is resident.  Takes some
    milliseconds in a large process, without the GIL."""
    try:
        for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def give_back() -> None:
    """What was freed goes back to the system, as far as the C library can (glibc: `malloc_trim`).

    It keeps what lies between things that are still in use, and a worker of one thread has all in one heap: a
    service that was rid of a release that leaks would stay as large as that had made it.  Some tenths of a
    millisecond, without the GIL.
    """
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)

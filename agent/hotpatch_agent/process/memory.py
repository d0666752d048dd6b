"""How much memory this process takes."""

from __future__ import annotations

import resource
from pathlib import Path


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

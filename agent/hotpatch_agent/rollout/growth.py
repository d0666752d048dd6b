"""How much the workers of this service have grown since somebody first looked, in this process.

Memory is no comparison of new and old: in a canary by share both versions run in every worker.  So a worker
is compared with itself, as it was at the first look of a release's rollout.  What is looked at is resident
memory, which neither a fork nor its end changes, as they do a proportional share.  A new leader looks for the
first time again; a worker that comes later is compared with what it was when it was first seen.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
_PAGE: Final = resource.getpagesize()

_first: dict[tuple[int, int, str], int] = {}
"""By release, worker and the tick of its start."""


def since_first_look(release: int) -> Mapping[int, int]:
    """Bytes by which each worker has grown, by pid; empty if none can be seen.  For one thread at a time."""
    for old in [key for key in _first if key[0] != release]:
        del _first[old]
    found: dict[int, int] = {}
    for pid in children(os.getppid()):
        try:
            started = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
        found[pid] = resident - _first.setdefault((release, pid, started), resident)
    return found


def children(master: int) -> list[int]:
    """Of whichever of its threads."""
    found: set[int] = set()
    for task in Path(f"/proc/{master}/task").glob("*/children"):
        try:
            found.update(map(int, task.read_text().split()))
        except OSError:
            continue
    return sorted(found)

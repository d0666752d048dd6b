"""The file beside a worker's status that holds what a rollout is judged by: its counts of both versions.

Apart from the status, which is small and read all the time: with keys it is up to some 70 KB a version.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hotpatch_agent import wire
from hotpatch_agent.home.disk import OS_FILES, Files, write_whole
from hotpatch_agent.home.status import COUNTS, Status
from hotpatch_agent.rollout.counters import Measured

MOST: int = 4 << 20
"""Bytes that are read of one."""


def write(folder: Path, worker: str, measured: Measured, files: Files = OS_FILES) -> None:
    """Put them there.  Not synced: after a power cut the worker is dead.  Raises DiskFull, NotWritable."""
    write_whole(str(folder / f"{worker}{COUNTS}"), wire.dump(measured), "counts", files, durable=False)


def read(folder: Path, worker: str, files: Files = OS_FILES) -> Measured | None:
    """What this worker has counted; None if it has nothing to say, or not yet."""
    try:
        return wire.load(Measured, files.read(str(folder / f"{worker}{COUNTS}"), MOST))
    except (FileNotFoundError, wire.Malformed):
        return None


def read_all(folder: Path, workers: Iterable[Status], files: Files = OS_FILES) -> tuple[Measured | None, ...]:
    """Those of these workers, in their order."""
    return tuple(read(folder, one.worker, files) for one in workers)

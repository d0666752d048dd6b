"""Many schedules over all processors.  A module of its own, so that the other processes can import it."""

from __future__ import annotations

import collections
import gc
import multiprocessing
import sys
import time

from tests.simulation.kinds import KINDS
from tests.simulation.service import kinds_of, run

CHUNK = 250
SAY = 40
"""Chunks after which a line says how far it is, and from where to go on if it is ended there."""


def many(first: int, count: int, jobs: int, kind: str) -> int:
    """Schedules `first` to `first + count`, over all processors."""
    begun, failed = time.monotonic(), 0
    kinds: collections.Counter[str] = collections.Counter()
    chunks = [(seed, min(CHUNK, first + count - seed), kind) for seed in range(first, first + count, CHUNK)]
    with multiprocessing.get_context("spawn").Pool(jobs, _sparing) as pool:
        for done, (seen, broken) in enumerate(pool.imap(_chunk, chunks), 1):
            kinds.update(seen)
            failed += len(broken)
            for seed, text in broken:
                say(f"schedule {seed}: {text}")
            if done % SAY == 0:
                said = f"{done * CHUNK:,} schedules, {failed} failed, {time.monotonic() - begun:.0f} s"
                say(f"{said}; the next one is --seed {first + done * CHUNK}")
    say("records: " + ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common()))
    say(f"{count:,} schedules from seed {first}, {failed} failed, {time.monotonic() - begun:.0f} s")
    return int(failed > 0)


def _sparing() -> None:
    """What was imported is no garbage, and a schedule makes little of it."""
    gc.freeze()
    gc.set_threshold(100_000)


def _chunk(task: tuple[int, int, str]) -> tuple[collections.Counter[str], list[tuple[int, str]]]:
    kinds: collections.Counter[str] = collections.Counter()
    broken: list[tuple[int, str]] = []
    first, count, kind = task
    of, events = KINDS[kind]
    for seed in range(first, first + count):
        try:
            kinds.update(kinds_of(run(seed, events, of)))
        except Exception as error:  # noqa: BLE001  (whatever it is, the seed is named)
            broken.append((seed, f"{type(error).__name__}: {error}"[:300]))
    return kinds, broken


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

"""Any number of schedules: `python -m tests.simulation --schedules 1000000`.

A schedule that breaks a promise is named by its seed; `--replay SEED` goes through it again and shows the
ledger that it came to.  The last line says how many schedules there were and how many failed.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import os
import sys
import time
import traceback

from hotpatch_agent import tell

from tests.simulation.service import SimService, finish, kinds_of, run

CHUNK = 250


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, metavar="SEED")
    chosen = parser.parse_args()
    if chosen.replay is not None:
        return replay(chosen.replay)
    return many(chosen.seed, chosen.schedules, chosen.jobs)


def replay(seed: int) -> int:
    """One schedule again, with what it came to."""
    service = SimService(seed)
    broken = False
    try:
        service.run()
    except Exception:  # noqa: BLE001  (whatever it is, it is shown)
        traceback.print_exc(file=sys.stdout)
        broken = True
    finally:
        finish(service)
    for record in service.watcher.chain:
        where = f"{record.at.boot} {record.at.tick:8.2f} {record.who:>12}"
        say(f"{record.seq:>4} {where} {tell.fact(record.fact)}")
    for worker in service.workers:
        say(f"worker {worker.me} runs {worker.running}: {worker.status and worker.status.adoption}")
    say(f"schedule {seed}: {'a promise is broken' if broken else 'every promise is kept'}")
    return int(broken)


def many(first: int, count: int, jobs: int) -> int:
    """Schedules `first` to `first + count`, over all processors."""
    begun, failed = time.monotonic(), 0
    kinds: collections.Counter[str] = collections.Counter()
    chunks = [(seed, min(CHUNK, first + count - seed)) for seed in range(first, first + count, CHUNK)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for done, (seen, broken) in enumerate(pool.imap_unordered(_chunk, chunks), 1):
            kinds.update(seen)
            failed += len(broken)
            for seed, text in broken:
                say(f"schedule {seed}: {text}")
            if done % 40 == 0:
                say(f"{done * CHUNK:,} schedules, {failed} failed, {time.monotonic() - begun:.0f} s")
    say("records: " + ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common()))
    say(f"{count:,} schedules from seed {first}, {failed} failed, {time.monotonic() - begun:.0f} s")
    return int(failed > 0)


def _chunk(task: tuple[int, int]) -> tuple[collections.Counter[str], list[tuple[int, str]]]:
    kinds: collections.Counter[str] = collections.Counter()
    broken: list[tuple[int, str]] = []
    for seed in range(task[0], task[0] + task[1]):
        try:
            kinds.update(kinds_of(run(seed)))
        except Exception as error:  # noqa: BLE001  (whatever it is, the seed is named)
            broken.append((seed, f"{type(error).__name__}: {error}"[:300]))
    return kinds, broken


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())

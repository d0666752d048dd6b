"""Any number of schedules: `python -m tests.simulation --schedules 1000000`.

A schedule that breaks a promise is named by its seed; `--replay SEED` goes through it again and shows the
ledger that it came to.  The last line says how many schedules there were and how many failed.  A run that was
ended goes on with `--seed`, from the one that its last line names; ranges of seeds may be run apart as well.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback

from hotpatch_agent.cli import tell

from tests.simulation import quick
from tests.simulation.kinds import KINDS
from tests.simulation.many import many, say
from tests.simulation.service import finish


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, metavar="SEED")
    parser.add_argument("--kind", choices=KINDS, default="ordinary", help="of schedule")
    chosen = parser.parse_args()
    if chosen.replay is not None:
        return replay(chosen.replay, chosen.kind)
    return many(chosen.seed, chosen.schedules, chosen.jobs, chosen.kind)


def replay(seed: int, kind: str) -> int:
    """One schedule again, with what it came to."""
    of, events = KINDS[kind]
    broken = False
    with quick.quickened():
        service = of(seed, events)
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


if __name__ == "__main__":
    raise SystemExit(main())

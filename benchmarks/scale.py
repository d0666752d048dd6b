"""What hotpatch takes of a service with many workers: `python -m benchmarks.scale [--json]`

For each number of workers two services of a program that does next to nothing run side by side, one with the
agent and one without.  Both are left alone for a while: CPU seconds a minute and wakeups a minute of all
workers, and the memory of each (proportional and unique set size); what the one with the agent has more is
the agent's.  Then releases are pushed to it, one after another: seconds from the offer until every worker has
it.  The last line with `--json` is one object; `growth` has each figure of a whole service at the greatest
number of workers over that at the least, divided by the ratio of the numbers: what is at most 1 grows no
faster than they do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from hotpatch_agent.decision.history import History
from hotpatch_agent.drill.service import Service
from hotpatch_agent.home import facts

from benchmarks.small import Small, small
from benchmarks.spread import spread

MIB = 1 << 20
SETTLE_SECONDS = 5.0
"""After the start, before a service counts as idle."""


@frozen
class Idle:
    """What the workers of a service took while nothing was asked of it, and what they hold."""

    cpu: float
    """Seconds a minute, all workers together."""
    wakeups: float
    """A minute, all workers together."""
    pss: float
    """MiB, the median worker's."""
    uss: float


@frozen
class Measured:
    workers: int
    with_agent: Idle
    without: Idle
    live: tuple[float, ...]
    """Seconds from the offer until every worker had it, for each push."""


@frozen
class Counts:
    """Of all threads of some processes, since these were started."""

    cpu: int
    """Nanoseconds."""
    waits: int


def counts(service: Service) -> Counts:
    cpu = waits = 0
    for pid in service.workers():
        for task in Path(f"/proc/{pid}/task").iterdir():
            cpu += int((task / "schedstat").read_text().split()[0])
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    waits += int(line.split()[1])
    return Counts(cpu, waits)


def set_sizes(pid: int) -> tuple[float, float]:
    """MiB of a process: proportional, and its own alone."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, number = line.split()[:2]
        found[name] = int(number) * 1024
    return found["Pss:"] / MIB, (found["Private_Clean:"] + found["Private_Dirty:"]) / MIB


def idle(services: Sequence[Service], seconds: float) -> list[Idle]:
    """The services, side by side, for so long."""
    time.sleep(SETTLE_SECONDS)
    began, before = time.monotonic(), [counts(each) for each in services]
    time.sleep(seconds)
    minutes, after = (time.monotonic() - began) / 60, [counts(each) for each in services]
    found = []
    for service, first, last in zip(services, before, after, strict=True):
        sizes = [set_sizes(pid) for pid in service.workers()]
        found.append(
            Idle(
                cpu=(last.cpu - first.cpu) / 1e9 / minutes,
                wakeups=(last.waits - first.waits) / minutes,
                pss=statistics.median(pss for pss, _ in sizes),
                uss=statistics.median(uss for _, uss in sizes),
            )
        )
    return found


def push(with_agent: Small, old: str, new: str) -> float:
    """The seconds from the offer of a release until every worker has it."""
    with_agent.command("push", with_agent.bundle(old, new))
    history = History(with_agent.home / "ledger")
    history.refresh()
    settled = [record.fact for record in history.ledger.history() if isinstance(record.fact, facts.Settled)]
    return settled[-1].seconds


def measure(workers: int, seconds: float, pushes: int) -> Measured:
    with contextlib.ExitStack() as stack:
        both = []
        for with_agent in (True, False):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-"))
            both.append(stack.enter_context(small(Path(folder), workers, with_agent)))
        ours, others = idle([each.service for each in both], seconds)
        names = [f"release-{number}" for number in range(pushes + 1)]
        live = [push(both[0], old, new) for old, new in zip(("one", *names), names, strict=False)]
    return Measured(workers, ours, others, tuple(live[1:]))  # the first push loads what later ones have


def figures(found: Measured) -> dict[str, Any]:
    ours, other, many = found.with_agent, found.without, found.workers
    return {
        "live_seconds": spread(found.live),
        "idle_cpu_seconds_a_minute": round(ours.cpu - other.cpu, 4),
        "idle_cpu_without": round(other.cpu, 4),
        "wakeups_a_minute_and_worker": round((ours.wakeups - other.wakeups) / many, 1),
        "wakeups_without": round(other.wakeups / many, 1),
        "pss_mib_a_worker": round(ours.pss - other.pss, 2),
        "uss_mib_a_worker": round(ours.uss - other.uss, 2),
        "pss_mib": {"with": round(ours.pss, 2), "without": round(other.pss, 2)},
        "uss_mib": {"with": round(ours.uss, 2), "without": round(other.uss, 2)},
    }


def growth(least: Measured, most: Measured) -> dict[str, float]:
    """How a service's figures grew, over how the number of its workers did."""
    times = most.workers / least.workers
    live = statistics.median(most.live) / statistics.median(least.live)
    of = {
        "live_seconds": live,
        "pss": (most.with_agent.pss / least.with_agent.pss) * times,
        "uss": (most.with_agent.uss / least.with_agent.uss) * times,
        "idle_cpu": most.with_agent.cpu / least.with_agent.cpu,
        "wakeups": most.with_agent.wakeups / least.with_agent.wakeups,
    }
    return {name: round(value / times, 3) for name, value in of.items()}


def show(found: Sequence[Measured]) -> None:
    print(f"{'workers':>8}{'all live':>11}{'idle CPU':>20}{'wakeups':>22}{'PSS':>12}{'USS':>12}")
    for each in found:
        of = figures(each)
        print(
            f"{each.workers:>8}{of['live_seconds']['median']:>9.2f} s"
            f"{of['idle_cpu_seconds_a_minute']:>+11.3f} s/min"
            f"{of['wakeups_a_minute_and_worker']:>+11.1f} /min/worker"
            f"{of['pss_mib_a_worker']:>+8.1f} MiB{of['uss_mib_a_worker']:>+8.1f} MiB"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--seconds", type=float, default=20.0, help="for which both are left alone")
    parser.add_argument("--pushes", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = []
    for workers in options.workers:
        found.append(measure(workers, options.seconds, options.pushes))
        print(f"{workers} workers: {figures(found[-1])}", file=sys.stderr)
    show(found)
    if options.json:
        sizes = {str(each.workers): figures(each) for each in found}
        print(json.dumps({"growth": growth(found[0], found[-1]), "workers": sizes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

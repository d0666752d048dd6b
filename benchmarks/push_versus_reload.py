"""The same fix on the same heavy service under the same load: by `hotpatch push`, and by gunicorn's own ways.

    python -m benchmarks.push_versus_reload [--rounds 3] [--json]

Each way gets a fresh service (two workers, an import of three seconds, 300 MiB in each) and clients on
keep-alive connections; the ways take turns.  Measured from the outside: the time from the way's start until
the fix is in force (old code has given its last answer and new code its first: a service that stays silent
meanwhile has not been mended yet), the last old answer by itself, requests dropped, latency while it went on,
and the greatest memory of all processes over that before.  The last line with `--json` is one object;
`times_sooner` is the best other way's median time in force over ours, `memory_ratio` and `dropped` are ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.patches import Patch, read_patches
from hotpatch_agent.drill.service import Service, ServicePlan
from hotpatch_agent.load.account import Report
from hotpatch_agent.load.conductor import Load, LoadPlan

from benchmarks.spread import spread
from benchmarks.ways import RELOADS, Way

FAULT = "wrong-total"
CLIENTS = 16
PAUSE = 0.01
SETTLED_SECONDS = 2.0
AFTER_SECONDS = 1.0
MEMORY_LOOK_SECONDS = 0.5
"""To look walks through every page of the service, and is felt by its requests; what is new stays longer."""


@frozen
class Measured:
    """Seconds from the start of the way: `old_seconds` to the last answer by old code, `in_force_seconds` to
    that or to the first answer by new code, whichever is later."""

    way: str
    old_seconds: float
    in_force_seconds: float
    dropped: int
    errors: int
    wrong: int
    sent: int
    p99: float
    longest: float
    memory_ratio: float


class MemoryWatch:
    """Looks at a service's memory, again and again, in a thread, and keeps the greatest."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.before = service.memory()
        self.greatest = self.before

    def _run(self) -> None:
        while not self._stop.wait(MEMORY_LOOK_SECONDS):
            self.greatest = max(self.greatest, self._service.memory())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


def turn(report: Report, began: float) -> tuple[float, float]:
    """Seconds to the last answer by old code, and to the first by new code."""
    sights = [
        each for phase in ("change", "after") for each in report.in_phase(phase) if each.subject == FAULT
    ]
    old = max((each.last for each in sights if each.label == "old"), default=began)
    new = min((each.first for each in sights if each.label == "new"), default=None)
    if new is None:
        raise RuntimeError("the new code has given no answer")
    return old - began, new - began


def measure(way: Way | None, fault: Patch, workers: int, mib: int, seconds: float) -> Measured:
    """One way on one fresh service; None is ours."""
    with tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-") as name:
        folder = Path(name)
        tree = copy_demo(folder / "deployed")
        operator = Operator(folder, tree)
        if way is None:
            operator.set_up()
            bundle = operator.build(fault)
        plan = ServicePlan(
            folder,
            tree,
            workers=workers,
            index_mib=mib,
            index_seconds=seconds,
            arguments=operator.gunicorn_arguments() if way is None else (),
            environ=operator.service_environ() if way is None else {},
        )
        traffic = {"probes": [str(fault.folder)], "share": 0.5}
        with Service(plan) as service:
            service.wait_until_ready()
            load_plan = LoadPlan(
                service.port, "hotpatch_agent.drill.traffic:Shop", traffic, clients=CLIENTS, pause=PAUSE
            )
            with Load(load_plan) as load, MemoryWatch(service) as memory:
                load.phase("before", {FAULT: ["old"]})
                time.sleep(SETTLED_SECONDS)
                if way is not None and way.on_disk:
                    fault.apply(tree)
                # A connection that is made anew may reach an old worker after a new one: either is right.
                load.phase("change", {})
                began = time.monotonic()
                if way is None:
                    done = operator.push(bundle)
                    if done.answer["how"] != "live":
                        raise RuntimeError(f"the fix did not go live: {operator.history()}")
                else:
                    way.carry_out(service)
                load.phase("after", {FAULT: ["new"]})
                time.sleep(AFTER_SECONDS)
                report = load.finish()
    change = report.phases["change"]
    old, new = turn(report, began)
    return Measured(
        way=way.name if way is not None else "push",
        old_seconds=old,
        in_force_seconds=max(old, new),
        dropped=report.total.dropped,
        errors=report.total.errors,
        wrong=report.total.wrong,
        sent=report.total.sent,
        p99=change.p99,
        longest=change.longest,
        memory_ratio=memory.greatest / memory.before,
    )


def summary(found: Sequence[Measured]) -> dict[str, Any]:
    """The figures of each way, and ours against the best other."""
    ways: dict[str, Any] = {}
    for name in dict.fromkeys(each.way for each in found):
        mine = [each for each in found if each.way == name]
        ways[name] = {
            "seconds_until_in_force": spread([each.in_force_seconds for each in mine]),
            "seconds_to_last_old_answer": spread([each.old_seconds for each in mine]),
            "dropped": sum(each.dropped for each in mine),
            "errors": sum(each.errors for each in mine),
            "wrong": sum(each.wrong for each in mine),
            "sent": sum(each.sent for each in mine),
            "p99_seconds": spread([each.p99 for each in mine]),
            "longest_seconds": spread([each.longest for each in mine]),
            "memory_ratio": spread([each.memory_ratio for each in mine], 2),
        }
    medians = {
        name: statistics.median(each.in_force_seconds for each in found if each.way == name) for name in ways
    }
    best = min((name for name in ways if name != "push"), key=lambda name: medians[name])
    return {
        "dropped": ways["push"]["dropped"],
        "times_sooner": round(medians[best] / medians["push"], 2),
        "memory_ratio": ways["push"]["memory_ratio"]["median"],
        "best_other": best,
        "rounds": sum(1 for each in found if each.way == "push"),
        "ways": ways,
    }


def show(result: dict[str, Any]) -> None:
    print(f"{'way':22}{'in force after':>25}{'dropped':>9}{'sent':>8}{'p99':>8}{'longest':>9}{'memory':>8}")
    for name, way in result["ways"].items():
        force = way["seconds_until_in_force"]
        print(
            f"{name:22}{force['median']:>9.2f} s ({force['least']:.2f} to {force['greatest']:.2f})"
            f"{way['dropped']:>8}{way['sent']:>8}{way['p99_seconds']['median']:>7.2f}s{way['longest_seconds']['greatest']:>8.2f}s"
            f"{way['memory_ratio']['median']:>8.2f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mib", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-") as name:
        fault = read_patches(copy_demo(Path(name)))[FAULT]
        ways: list[Way | None] = [None, *RELOADS]
        for number in range(options.rounds):
            # Each round begins with another way, so that none is always the first or after the same other.
            for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
                found.append(measure(way, fault, options.workers, options.mib, options.seconds))
                print(f"round {number + 1}: {found[-1]}", file=sys.stderr)
    result = summary(found)
    show(result)
    if options.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What hotpatch costs a service while nothing is being patched: throughput with the agent and without.

    python -m benchmarks.steady_state [--pairs 300] [--json]

Two services run side by side, one with the agent and one without, one worker each; they are kept busy in
turns, for a tenth of a second each, in pairs whose order alternates.  The request is the cheapest that the
shop has, so that what is added to each shows most.  A pair gives one ratio, and the median of all is the
figure: on a machine that does other things as well, single pairs say little.  Both hash strings alike, or
one process would be a percent faster than another of its kind.  `cpu_ratio` is the same in CPU time of the
worker, upside down, so that less than 1 is a cost in both; `memory_mib` is what each takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.service import Service, ServicePlan

from benchmarks.saturate import Saturation
from benchmarks.spread import spread

CONNECTIONS = 4
QUIET = {"DEMO_PRICE_INTERVAL": "3600", "PYTHONHASHSEED": "0"}
BURST = 250
"""Requests; about a tenth of a second."""
WARM_UP = 8
"""Bursts that each service gets beforehand."""


@frozen
class Measured:
    """Requests a second, and CPU nanoseconds of the worker for each."""

    rate: float
    cpu: float


def cpu_nanoseconds(pid: int) -> int:
    """Time on a processor of all threads of a process, as the scheduler counts it."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def start(stack: contextlib.ExitStack, with_agent: bool) -> Service:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-")))
    operator = Operator(folder, copy_demo(folder / "deployed"))
    operator.set_up()
    plan = ServicePlan(
        folder,
        operator.deployed,
        workers=1,
        index_mib=10,
        index_seconds=0.0,
        arguments=operator.gunicorn_arguments() if with_agent else (),
        environ={**QUIET, **(operator.service_environ() if with_agent else {})},
    )
    service = stack.enter_context(Service(plan))
    service.wait_until_ready()
    return service


def measure(saturation: Saturation, worker: int) -> Measured:
    before = cpu_nanoseconds(worker)
    seconds = saturation.burst(BURST)
    return Measured(BURST / seconds, (cpu_nanoseconds(worker) - before) / BURST)


def quartiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"low": round(low, 4), "median": round(middle, 4), "high": round(high, 4)}


def run(pairs: int) -> dict[str, Any]:
    found: list[tuple[Measured, Measured]] = []
    with contextlib.ExitStack() as stack:
        services = [start(stack, with_agent) for with_agent in (True, False)]
        bursts = [stack.enter_context(Saturation(each.port, "/healthz", CONNECTIONS)) for each in services]
        workers = [each.workers()[0] for each in services]
        for each in bursts * WARM_UP:
            each.burst(BURST)
        for number in range(pairs):
            order = (0, 1) if number % 2 else (1, 0)
            pair = {index: measure(bursts[index], workers[index]) for index in order}
            found.append((pair[0], pair[1]))
        memory = [round(each.memory() / (1 << 20), 1) for each in services]
    return result(found, memory)


def result(found: Sequence[tuple[Measured, Measured]], memory: Sequence[float]) -> dict[str, Any]:
    """The figures of pairs, each with the agent first and without it second."""
    rates = [ours.rate / other.rate for ours, other in found]
    cpu = [other.cpu / ours.cpu for ours, other in found]
    return {
        "throughput_ratio": round(statistics.median(rates), 4),
        "cpu_ratio": round(statistics.median(cpu), 4),
        "pairs": len(found),
        "throughput_quartiles": quartiles(rates),
        "cpu_quartiles": quartiles(cpu),
        "memory_mib": {"with": memory[0], "without": memory[1]},
        "requests_a_second": {
            "with": spread([ours.rate for ours, _ in found], 0),
            "without": spread([other.rate for _, other in found], 0),
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = run(options.pairs)
    for name in ("throughput", "cpu"):
        middle = figures[f"{name}_quartiles"]
        print(
            f"{name}, with the agent against without: {figures[f'{name}_ratio']:.3f} "
            f"(half of the pairs between {middle['low']:.3f} and {middle['high']:.3f})"
        )
    if options.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

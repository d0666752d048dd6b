"""What hotpatch costs a service while nothing is being patched: throughput with the agent and without.

    python -m benchmarks.steady_state [--rounds 20] [--seconds 1.5] [--json]

Two services run side by side, one with the agent and one without; the load goes to one and then the other,
in pairs whose order alternates, as fast as it is answered.  The requests are the cheapest that the shop has,
so that what is added to each shows most.  A pair gives one ratio; the median of all is the figure.
`cpu_ratio` is the same in CPU time of the workers for each request, `memory_mib` what the service takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.service import Service, ServicePlan
from hotpatch_agent.load.clients import Ask, Session
from hotpatch_agent.load.conductor import Load, LoadPlan
from hotpatch_agent.load.phases import NEUTRAL
from hotpatch_agent.load.wire import Request

from benchmarks.spread import spread

CLIENTS = 8


class Cheapest:
    """One request again and again that costs the application next to nothing."""

    def session(self, chance: random.Random) -> Session:
        while True:
            yield Ask(
                Request("GET", "/healthz"), "health", lambda got: NEUTRAL if got.status == 200 else None
            )


@frozen
class Measured:
    """Requests a second, and CPU seconds of all workers for each request."""

    rate: float
    cpu: float


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU time that these processes have used up to now."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(service: Service, seconds: float) -> Measured:
    workers = service.workers()
    before = cpu_seconds(workers)
    with Load(LoadPlan(service.port, "benchmarks.steady_state:Cheapest", {}, clients=CLIENTS)) as load:
        time.sleep(seconds)
        report = load.finish()
    if not report.total.clean:
        raise RuntimeError(f"the load was not answered as it must: {report.complaints}")
    return Measured(
        report.total.sent / report.total.seconds, (cpu_seconds(workers) - before) / report.total.sent
    )


def run(rounds: int, seconds: float) -> dict[str, Any]:
    pairs: list[tuple[Measured, Measured]] = []
    with contextlib.ExitStack() as stack:
        services = []
        for name in ("with", "without"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-")))
            operator = Operator(folder, copy_demo(folder / "deployed"))
            operator.set_up()
            plan = ServicePlan(
                folder,
                operator.deployed,
                workers=1,
                index_mib=10,
                index_seconds=0.0,
                arguments=operator.gunicorn_arguments() if name == "with" else (),
                environ={
                    "DEMO_PRICE_INTERVAL": "3600",
                    **(operator.service_environ() if name == "with" else {}),
                },
            )
            services.append(stack.enter_context(Service(plan)))
            services[-1].wait_until_ready()
            measure(services[-1], 1.0)
        for number in range(rounds):
            order = (0, 1) if number % 2 else (1, 0)
            found = {index: measure(services[index], seconds) for index in order}
            pairs.append((found[0], found[1]))
            print(f"round {number + 1}: with {found[0]}, without {found[1]}", file=sys.stderr)
        memory = [round(service.memory() / (1 << 20), 1) for service in services]
    rate = [ours.rate / other.rate for ours, other in pairs]
    cpu = [ours.cpu / other.cpu for ours, other in pairs]
    return {
        "throughput_ratio": round(statistics.median(rate), 4),
        "cpu_ratio": round(statistics.median(cpu), 4),
        "rounds": rounds,
        "throughput_ratios": spread(rate),
        "cpu_ratios": spread(cpu),
        "memory_mib": {"with": memory[0], "without": memory[1]},
        "requests_a_second": {
            "with": spread([ours.rate for ours, _ in pairs], 0),
            "without": spread([other.rate for _, other in pairs], 0),
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = run(options.rounds, options.seconds)
    for name in ("throughput", "cpu"):
        found = result[f"{name}_ratios"]
        print(
            f"{name} with the agent over without: {result[f'{name}_ratio']:.3f} "
            f"({found['least']:.3f} to {found['greatest']:.3f})"
        )
    if options.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

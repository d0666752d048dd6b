"""Latency of a loaded service while releases go live in it, against the same service left alone.

    python -m benchmarks.push_latency [--pairs 8] [--seconds 3] [--json]

One service of the demo shop, clients on keep-alive connections that never stop, and windows that alternate:
in one a release is pushed (verified, staged, rehearsed in a fork, committed, collapsed), in the next nothing
is.  Each pair of neighbours gives a ratio of the 99th percentiles and one of the longest answers; their
medians are the figures, with the least and the greatest.  The command itself takes a core for a second,
which on a small machine is missed by the service; so in the quiet window `hotpatch verify` is run, which
loads as much and touches no service.  Pairs take turns in which window comes first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from hotpatch_agent.drill.commands import run
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.service import Service, ServicePlan
from hotpatch_agent.load.account import Report
from hotpatch_agent.load.conductor import Load, LoadPlan

from benchmarks.spread import spread

CLIENTS = 8
PAUSE = 0.005
WARM_SECONDS = 2.0
EDITED = "demo_app/basket.py"
PUSH, QUIET = "push", "quiet"


@frozen
class Pair:
    """Of two neighbouring windows: what the pushed one's figures are over the quiet one's."""

    p99: float
    longest: float
    median: float


def edition(text: str, number: int) -> str:
    """The module with one function more; in the next edition that function's body is another."""
    return f"{text}\n\ndef edition() -> int:\n    return {number}\n"


def bundles(operator: Operator, folder: Path, number: int) -> list[Path]:
    """Signed bundles that follow one another, built beforehand: a builder is another machine."""
    text = (operator.deployed / EDITED).read_text()
    trees = [operator.deployed]
    made = []
    for count in range(1, number + 1):
        tree = copy_demo(folder / "trees" / str(count))
        (tree / EDITED).write_text(edition(text, count))
        bundle = folder / f"{count}.bundle"
        words = ("--from", trees[-1], "--to", tree, "--key", folder / "release.key")
        operator.must(
            "build", *words, "--release", count, "--message", f"edition {count}", "--output", bundle
        )
        trees.append(tree)
        made.append(bundle)
    return made


def run_pairs(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-") as name:
        folder = Path(name)
        operator = Operator(folder, copy_demo(folder / "deployed"))
        operator.set_up()
        ready = bundles(operator, folder, options.pairs)
        plan = ServicePlan(
            folder,
            operator.deployed,
            workers=options.workers,
            index_mib=options.mib,
            index_seconds=0.0,
            arguments=operator.gunicorn_arguments(),
            environ=operator.service_environ(),
        )
        with Service(plan) as service:
            service.wait_until_ready()
            traffic = LoadPlan(
                service.port,
                "hotpatch_agent.drill.traffic:Shop",
                {},
                clients=options.clients,
                pause=options.pause,
            )
            with Load(traffic) as load:
                load.phase("warm", {})
                time.sleep(WARM_SECONDS)
                for number, bundle in enumerate(ready):
                    order = (PUSH, QUIET) if number % 2 else (QUIET, PUSH)
                    for kind in order:
                        load.phase(f"{kind} {number}", {})
                        window(operator, kind, bundle, options.seconds)
                return load.finish()


def window(operator: Operator, kind: str, bundle: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    if kind == PUSH:
        done = operator.must("push", bundle)
        if done.answer["how"] != "live":
            raise RuntimeError(f"the release did not go live: {operator.history()}")
    else:
        run("verify", bundle, environ=operator.service_environ())
    time.sleep(max(0.0, end - time.monotonic()))


def summary(report: Report, pairs: int) -> dict[str, Any]:
    found = []
    for number in range(pairs):
        push, quiet = (report.phases[f"{kind} {number}"] for kind in (PUSH, QUIET))
        found.append(Pair(push.p99 / quiet.p99, push.longest / quiet.longest, push.median / quiet.median))
    kinds = {kind: [report.phases[f"{kind} {number}"] for number in range(pairs)] for kind in (PUSH, QUIET)}
    return {
        "p99_ratio": round(statistics.median(pair.p99 for pair in found), 3),
        "max_ratio": round(statistics.median(pair.longest for pair in found), 3),
        "pairs": pairs,
        "p99_ratios": spread([pair.p99 for pair in found]),
        "max_ratios": spread([pair.longest for pair in found]),
        "median_ratios": spread([pair.median for pair in found]),
        "p99_ms": {kind: spread([each.p99 * 1e3 for each in tallies], 2) for kind, tallies in kinds.items()},
        "longest_ms": {
            kind: spread([each.longest * 1e3 for each in tallies], 2) for kind, tallies in kinds.items()
        },
        "sent": report.total.sent,
        "dropped": report.total.dropped,
        "errors": report.total.errors,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mib", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a window, at least (%(default)s)")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--pause", type=float, default=PAUSE, help="of a client between requests, seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args(arguments)
    figures = summary(run_pairs(options), options.pairs)
    for name, what in (("p99", "99th percentile"), ("max", "longest answer"), ("median", "median")):
        ratio = figures[f"{name}_ratios"]
        print(
            f"{what}, with a push over without: {ratio['median']:.2f} "
            f"({ratio['least']:.2f} to {ratio['greatest']:.2f}, {figures['pairs']} pairs)"
        )
    print(f"{figures['sent']} requests, {figures['dropped']} dropped, {figures['errors']} errors")
    if options.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

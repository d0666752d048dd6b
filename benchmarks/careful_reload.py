"""A plain deployment under load: `hotpatch reload`, and the servers' own ways to reload.

    python -m benchmarks.careful_reload [--rounds 3] [--json]

Each way gets a fresh service (two workers, an import of three seconds, 300 MiB in each) and clients on
keep-alive connections, as in `benchmarks.push_versus_reload`; the ways take turns.  New sources are put on
disk, and the server is told to reload.  Counted from the outside: requests dropped, and how many of these by
a connection that was reset or closed under them; seconds to the last old answer; latency while it went on
against latency before and afterwards, on the same service; and the greatest memory of all its processes over
that before.  The last line with `--json` is one object.  Granian takes part if it is installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.patches import Patch, read_patches
from hotpatch_agent.drill.service import Service, ServicePlan, service_environment
from hotpatch_agent.drill.traffic import CATEGORIES, SKUS
from hotpatch_agent.load.account import Report
from hotpatch_agent.load.conductor import Load, LoadPlan

from benchmarks.push_versus_reload import CLIENTS, FAULT, PAUSE, MemoryWatch, turn
from benchmarks.servers import ASGI_MODULE, ASGI_TEXT, Server, servers
from benchmarks.spread import spread

CALM_SECONDS = 6.0
"""Before, and again afterwards."""
WARM_SECONDS = 2.0
READY = (
    "GET /healthz -> 200 contains ok",
    "GET / -> 200",
    "GET /search?q=copper+kettle -> 200",
    *(f"GET /catalogue?category={category} -> 200" for category in CATEGORIES),
    *(f"GET /similar/{sku} -> 200" for sku in SKUS),
)
"""What a new worker has to answer before it takes connections: what customers ask for."""
CUT = ("connection lost", "closed without an answer", "cut short")
"""What the load generator says of a connection that the server broke under a request."""


@frozen
class Measured:
    """One reload of one fresh service.  Seconds from its beginning."""

    server: str
    seconds: float
    old_seconds: float
    dropped: int
    cut: int
    errors: int
    wrong: int
    sent: int
    p99_ratio: float
    to_import: float | None
    """p99 during the reload over that while the program was only imported beside the service; None for ways
    that are not ours."""
    longest: float
    memory_ratio: float


def measure(server: Server, fault: Patch, options: argparse.Namespace) -> Measured:
    with tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-") as name:
        folder = Path(name)
        tree = copy_demo(folder / "deployed")
        (tree / f"{ASGI_MODULE}.py").write_text(ASGI_TEXT)
        operator = Operator(folder, tree)
        if server.is_ours:
            operator.set_up(server.app, ready=READY)
        plan = ServicePlan(
            folder,
            tree,
            workers=options.workers,
            index_mib=options.mib,
            index_seconds=options.seconds,
            arguments=operator.gunicorn_arguments() if server.is_ours else (),
            environ=operator.service_environ() if server.is_ours else {},
            worker_class=server.worker_class,
            app=server.app,
        )
        with Service(plan, server.command) as service:
            service.wait_until_ready()
            return _under_load(server, service, operator, fault, options)


def _under_load(
    server: Server, service: Service, operator: Operator, fault: Patch, options: argparse.Namespace
) -> Measured:
    traffic = {"probes": [str(fault.folder)], "share": 0.5}
    plan = LoadPlan(
        service.port,
        "hotpatch_agent.drill.traffic:Shop",
        traffic,
        clients=options.clients,
        pause=options.pause,
    )
    with Load(plan) as load:
        time.sleep(WARM_SECONDS)
        with MemoryWatch(service) as memory:
            load.phase("before", {FAULT: ["old"]})
            time.sleep(CALM_SECONDS)
            fault.apply(service.plan.tree)
            # A connection that is made anew may reach an old worker after a new one: either is right.
            load.phase("change", {})
            began = time.monotonic()
            server.reload(service, operator)
            seconds = time.monotonic() - began
            load.phase("after", {})
            time.sleep(CALM_SECONDS)
            if server.is_ours:
                load.phase("imports", {})
                _import_beside(service)
                load.phase("end", {})
        report = load.finish()
    change = report.phases["change"]
    calm = (report.phases["before"].p99 + report.phases["after"].p99) / 2
    return Measured(
        server=server.name,
        seconds=seconds,
        old_seconds=turn(report, began)[0],
        dropped=report.total.dropped,
        cut=cut(report),
        errors=report.total.errors,
        wrong=report.total.wrong,
        sent=report.total.sent,
        p99_ratio=change.p99 / calm,
        to_import=change.p99 / report.phases["imports"].p99 if server.is_ours else None,
        longest=change.longest,
        memory_ratio=memory.greatest / memory.before,
    )


def _import_beside(service: Service) -> None:
    """What a new worker can't do without, by processes of which the service knows nothing."""
    for _ in range(service.plan.workers):
        subprocess.run(
            [sys.executable, "-c", f"import {service.plan.app.partition(':')[0]}"],
            cwd=service.plan.tree,
            env=service_environment(service.plan),
            check=True,
        )


def cut(report: Report) -> int:
    """How many requests were dropped by a connection that the server broke."""
    counted = [complaint.partition(" times: ") for complaint in report.complaints]
    return sum(int(number) for number, _, text in counted if any(how in text for how in CUT))


def summary(found: Sequence[Measured]) -> dict[str, Any]:
    """The figures of each way, and the worst of ours in each respect."""
    ways: dict[str, Any] = {}
    for name in dict.fromkeys(each.server for each in found):
        mine = [each for each in found if each.server == name]
        beside = [each.to_import for each in mine if each.to_import is not None]
        ways[name] = {
            "dropped": sum(each.dropped for each in mine),
            "cut": sum(each.cut for each in mine),
            "errors": sum(each.errors for each in mine),
            "wrong": sum(each.wrong for each in mine),
            "sent": sum(each.sent for each in mine),
            "seconds": spread([each.seconds for each in mine], 2),
            "seconds_to_last_old_answer": spread([each.old_seconds for each in mine], 2),
            "p99_ratio": spread([each.p99_ratio for each in mine], 2),
            "to_import": spread(beside, 2) if beside else None,
            "longest_seconds": spread([each.longest for each in mine]),
            "memory_ratio": spread([each.memory_ratio for each in mine], 2),
        }
    ours = [way for name, way in ways.items() if name.startswith("hotpatch")]
    return {
        "dropped": sum(way["dropped"] for way in ours),
        "p99_ratio": max((way["p99_ratio"]["median"] for way in ours), default=None),
        "to_import": max((way["to_import"]["median"] for way in ours), default=None),
        "memory_ratio": max((way["memory_ratio"]["median"] for way in ours), default=None),
        "rounds": max(sum(1 for each in found if each.server == name) for name in ways),
        "ways": ways,
    }


def show(result: dict[str, Any]) -> None:
    print(
        f"{'way':26}{'last old answer':>24}{'dropped':>9}{'cut':>6}{'sent':>8}"
        f"{'p99':>7}{'to import':>11}{'longest':>9}{'memory':>8}"
    )
    for name, way in result["ways"].items():
        old = way["seconds_to_last_old_answer"]
        beside = f"{way['to_import']['median']:.2f}x" if way["to_import"] else ""
        print(
            f"{name:26}{old['median']:>8.1f} s ({old['least']:.1f} to {old['greatest']:.1f})"
            f"{way['dropped']:>7}{way['cut']:>6}{way['sent']:>8}{way['p99_ratio']['median']:>6.2f}x{beside:>11}"
            f"{way['longest_seconds']['greatest']:>8.2f}s{way['memory_ratio']['median']:>8.2f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mib", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--pause", type=float, default=PAUSE, help="of a client between requests, seconds")
    parser.add_argument("--only", default="", help="ways whose name holds this text")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    ways = [one for one in servers() if options.only in one.name]
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="hotpatch-benchmark-") as name:
        fault = read_patches(copy_demo(Path(name)))[FAULT]
        for number in range(options.rounds):
            # Each round begins with another way, so that none is always the first or after the same other.
            start = number % len(ways)
            for way in ways[start:] + ways[:start]:
                found.append(measure(way, fault, options))
                print(f"round {number + 1}: {found[-1]}", file=sys.stderr)
    result = summary(found)
    show(result)
    if options.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

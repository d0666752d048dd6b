"""The load generator's process: `python -m hotpatch_agent.load`, conducted by JSON lines over its pipes.

In come `{"phase": name, "expect": {subject: [label, ...]}}` and `{"stop": true}`; each is answered by one
line, `{"phase": number}` and the report.  The end of stdin, which comes when the conductor dies in any way,
ends the run as well.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import signal
import sys

from hotpatch_agent.load.account import report
from hotpatch_agent.load.clients import Run, Traffic, client, listener
from hotpatch_agent.load.phases import Phase


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hotpatch_agent.load", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument(
        "--pause", type=float, default=0.0, help="mean seconds between answer and next request"
    )
    parser.add_argument(
        "--patience", type=float, default=30.0, help="seconds after which a request is dropped"
    )
    parser.add_argument("--stream", action="append", default=[], help="a path to hold a stream open on")
    parser.add_argument("--traffic", required=True, help="module:callable that makes the traffic")
    parser.add_argument("--traffic-argument", default="{}", help="JSON object, given to it as keywords")
    return parser.parse_args()


def load_traffic(spec: str, argument: str) -> Traffic:
    module, _, name = spec.partition(":")
    made: Traffic = getattr(importlib.import_module(module), name)(**json.loads(argument))
    return made


async def conduct(run: Run, orders: asyncio.StreamReader) -> None:
    def reply(line: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    reply({"ready": True})
    while line := await orders.readline():
        order = json.loads(line)
        if "phase" in order:
            expect = {subject: tuple(labels) for subject, labels in order["expect"].items()}
            run.phases.append(Phase(order["phase"], expect))
            reply({"phase": len(run.phases) - 1})
        elif order.get("stop"):
            break


async def main() -> None:
    options = arguments()
    traffic = load_traffic(options.traffic, options.traffic_argument)
    run = Run(options.host, options.port, options.pause, options.patience)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    tasks = [asyncio.create_task(client(run, traffic, seed)) for seed in range(options.clients)]
    tasks += [asyncio.create_task(listener(run, path)) for path in options.stream]
    conductor = asyncio.create_task(conduct(run, orders))
    # A client that ends by itself has failed: that is a fault of this program, and ends it.
    done, _ = await asyncio.wait({conductor, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    run.stopping.set()
    for task in done:
        task.result()
    await asyncio.gather(*tasks)
    names = [phase.name for phase in run.phases]
    print(json.dumps(report(run.samples, names, run.streams).as_json()), flush=True)  # noqa: T201


if __name__ == "__main__":
    # A terminal's Ctrl-C goes to every process of the group; the conductor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(main())

"""The stage of a drill: a folder of its own with the service, the load and the operator in it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from hotpatch_agent.drill.inquiry import Inquiry
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.service import Service, ServicePlan
from hotpatch_agent.load.conductor import Load, LoadPlan

TRAFFIC = "hotpatch_agent.drill.traffic:Shop"
STREAMS = ("/events",) * 3


@frozen
class Options:
    """How large the drill is played; the index in MiB and seconds, the pause between requests in seconds."""

    workers: int = 3
    clients: int = 12
    pause: float = 0.02
    index_mib: int = 100
    index_seconds: float = 2.0
    preload: bool = False


@frozen
class Stage:
    folder: Path
    service: Service
    load: Load
    operator: Operator
    inquiry: Inquiry
    began: float
    memory_before: int


@contextlib.contextmanager
def stage(options: Options, probed: Patch) -> Iterator[Stage]:
    """The service with its home folder, under load that probes for one fault.  Everything ends with it: no
    process and no file is left, however the drill ends."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotpatch-drill-")))
        operator = Operator(folder, copy_demo(folder / "deployed"))
        operator.set_up()
        plan = ServicePlan(
            folder,
            operator.deployed,
            workers=options.workers,
            index_mib=options.index_mib,
            index_seconds=options.index_seconds,
            arguments=[*operator.gunicorn_arguments(), *(["--preload"] if options.preload else [])],
            environ=operator.service_environ(),
        )
        service = stack.enter_context(Service(plan))
        service.wait_until_ready()
        load = stack.enter_context(
            Load(
                LoadPlan(
                    service.port,
                    TRAFFIC,
                    {"probes": [str(probed.folder)], "share": 0.5},
                    clients=options.clients,
                    pause=options.pause,
                    streams=STREAMS,
                )
            )
        )
        yield Stage(folder, service, load, operator, Inquiry(service), began, service.memory())

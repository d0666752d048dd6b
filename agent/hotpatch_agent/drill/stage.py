"""The stage of a drill: a folder of its own with the service, the load and the operator in it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from hotpatch_agent.drill.inquiry import Inquiry
from hotpatch_agent.drill.operator import APP, Operator, copy_demo
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.service import Service, ServicePlan
from hotpatch_agent.load.conductor import Load, LoadPlan

TRAFFIC = "hotpatch_agent.drill.traffic:Shop"
STREAMS = ("/events",) * 3
ASGI = "demo_app.asgi:app"
WORKER_CLASSES: Final = {
    "sync": ("sync", APP),
    "gthread": ("gthread", APP),
    "asgi": ("asgi", ASGI),
    "uvicorn": ("uvicorn.workers.UvicornWorker", ASGI),
}
"""The worker classes that the shop is played on: as gunicorn knows them, and what they load."""


@frozen
class Options:
    """How large the drill is played; the index in MiB and seconds, the pause between requests in seconds."""

    workers: int = 3
    clients: int = 12
    pause: float = 0.02
    index_mib: int = 100
    index_seconds: float = 2.0
    preload: bool = False
    worker_class: str = "gthread"
    """By its name in `WORKER_CLASSES`."""

    @property
    def streams(self) -> Sequence[str]:
        """Streams that stay open for the whole drill; none on sync workers, whom a stream has for itself."""
        return () if self.worker_class == "sync" else STREAMS


@frozen
class Setting:
    """What a drill needs of its stage beside the options."""

    rollout: str = ""
    """The service's rollout.toml."""
    quiet: bool = False
    """Nobody comes: no load at all."""
    streams: bool = True
    """Are the load's event streams open?"""
    environ: Mapping[str, str] = field(factory=dict)


@frozen
class Stage:
    folder: Path
    service: Service
    load: Load
    operator: Operator
    inquiry: Inquiry
    options: Options
    began: float
    """By the machine's monotonic clock."""
    began_at: float
    """In seconds since 1970."""
    memory_before: int


@contextlib.contextmanager
def stage(options: Options, probed: Sequence[Patch], setting: Setting) -> Iterator[Stage]:
    """The service with its home folder, under load that probes for these patches.  Everything ends with it:
    no process and no file is left, however the drill ends."""
    began, began_at = time.monotonic(), time.time()
    worker_class, app = WORKER_CLASSES[options.worker_class]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotpatch-drill-")))
        operator = Operator(folder, copy_demo(folder / "deployed"))
        operator.set_up(app, setting.rollout)
        plan = ServicePlan(
            folder,
            operator.deployed,
            workers=options.workers,
            index_mib=options.index_mib,
            index_seconds=options.index_seconds,
            arguments=[*operator.gunicorn_arguments(), *(["--preload"] if options.preload else [])],
            environ={**operator.service_environ(), **setting.environ},
            worker_class=worker_class,
            app=app,
        )
        service = stack.enter_context(Service(plan))
        service.wait_until_ready()
        load = stack.enter_context(
            Load(
                LoadPlan(
                    service.port,
                    TRAFFIC,
                    {"probes": [str(patch.folder) for patch in probed], "share": 0.5},
                    clients=0 if setting.quiet else options.clients,
                    pause=options.pause,
                    streams=options.streams if setting.streams and not setting.quiet else (),
                )
            )
        )
        inquiry = Inquiry(service)
        yield Stage(folder, service, load, operator, inquiry, options, began, began_at, service.memory())

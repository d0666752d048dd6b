"""Servers beside which our reload is measured: how each is started on the demo application, and reloaded."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen
from hotpatch_agent.drill.operator import Operator
from hotpatch_agent.drill.service import HOST, Service, ServicePlan

from benchmarks.ways import hup, wait_until

ASGI_MODULE = "shop_asgi"
ASGI_TEXT = """from uvicorn.middleware.wsgi import WSGIMiddleware

from demo_app.wsgi import app as wsgi_app

app = WSGIMiddleware(wsgi_app, workers=12)
"""
"""The same application for a server that speaks ASGI."""


@frozen
class Server:
    """`reload(service, operator)` returns when the server itself says that it is over, or nothing old is
    left."""

    name: str
    worker_class: str
    reload: Callable[[Service, Operator], None]
    is_ours: bool = False
    command: Callable[[ServicePlan, int], Sequence[str]] | None = None

    @property
    def app(self) -> str:
        return f"{ASGI_MODULE}:app" if "uvicorn" in self.worker_class else "demo_app.wsgi:app"


def by_hotpatch(_service: Service, operator: Operator) -> None:
    """`hotpatch reload`."""
    operator.must("reload", "--wait", "280")


def by_hup(service: Service, _operator: Operator) -> None:
    """gunicorn's own: all new workers are started, all old ones asked to finish."""
    hup(service)


def granian() -> str | None:
    """Granian's script beside this Python or on the path; None if it is not installed."""
    beside = Path(sys.executable).with_name("granian")
    return str(beside) if beside.is_file() else shutil.which("granian")


def start_granian(plan: ServicePlan, port: int) -> list[str]:
    script = granian()
    assert script is not None
    command = [script, "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    command += ["--workers", str(plan.workers), "--blocking-threads", str(plan.threads)]
    return [*command, plan.app]


def reload_granian(service: Service, _operator: Operator) -> None:
    """Granian's own: a new worker for each old one, by HUP."""
    old = service.wait_until_ready()
    os.kill(service.master, signal.SIGHUP)
    wait_until(lambda: not old & set(service.workers()), "the old workers are gone")
    service.wait_until_ready()


UVICORN = "uvicorn.workers.UvicornWorker"
OURS = (
    Server("hotpatch reload, gthread", "gthread", by_hotpatch, is_ours=True),
    Server("hotpatch reload, uvicorn", UVICORN, by_hotpatch, is_ours=True),
)
OTHERS = (
    Server("HUP, gthread", "gthread", by_hup),
    Server("HUP, uvicorn", UVICORN, by_hup),
    Server("HUP, Granian", "gthread", reload_granian, command=start_granian),
)


def servers() -> tuple[Server, ...]:
    """Those that can be started here, ours first."""
    return (*OURS, *(one for one in OTHERS if one.command is None or granian()))

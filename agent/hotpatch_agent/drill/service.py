"""The demo application on gunicorn, in a folder of its own, from start to the end of its last process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gunicorn.config
from attrs import field, frozen

from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.processes import children, end_with_parent, in_group, memory

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 5.0
LOOK_SECONDS = 0.02


@frozen
class ServicePlan:
    """How to start it.  `tree` holds `demo_app`; `index_mib` and `index_seconds` are the size of its index
    and the least time that loading it takes; `arguments` are further ones for gunicorn."""

    folder: Path
    tree: Path
    workers: int = 3
    threads: int = 12
    index_mib: int = 100
    index_seconds: float = 2.0
    arguments: Sequence[str] = ()
    environ: Mapping[str, str] = field(factory=dict)
    worker_class: str = "gthread"
    app: str = "demo_app.wsgi:app"


class ServiceFailedError(DrillFailed):
    """gunicorn did not start, or does not answer; the text ends with the last lines of its log."""


class Service:
    """A running gunicorn master and its workers, a process group of their own.  Use it as a context manager:
    leaving it ends every process of the group.  They end as well when this process is killed."""

    def __init__(
        self, plan: ServicePlan, command: Callable[[ServicePlan, int], Sequence[str]] | None = None
    ) -> None:
        """`command`: what starts it on a port, for a server that is not gunicorn."""
        self.plan = plan
        self.port = free_port()
        self.log = plan.folder / "gunicorn.log"
        with self.log.open("ab") as log:
            self._master = subprocess.Popen(
                (command or by_gunicorn)(plan, self.port),
                env=service_environment(plan),
                cwd=plan.tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def master(self) -> int:
        return self._master.pid

    def workers(self) -> list[int]:
        return children(self.master)

    def memory(self) -> int:
        """Bytes of memory of every process of the service."""
        return memory(in_group(self.master))

    def wait_until_ready(self, workers: int | None = None) -> set[int]:
        """The pids of the workers, once all of them have answered; ServiceFailedError if they don't."""
        wanted = workers or self.plan.workers
        deadline = time.monotonic() + START_SECONDS
        answered: set[int] = set()
        while len(answered & set(self.workers())) < wanted:
            if self._master.poll() is not None:
                raise ServiceFailedError(f"gunicorn ended with code {self._master.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise ServiceFailedError(f"gunicorn is not ready after {START_SECONDS:.0f} s: {self.tail()}")
            try:
                answered.add(int(self.ask_json("/healthz")["worker"]))
            except (OSError, http.client.HTTPException):
                time.sleep(LOOK_SECONDS)
        return answered & set(self.workers())

    def ask_json(self, path: str) -> dict[str, Any]:
        """The answer to a request on a connection of its own; OSError or HTTPException if there is none."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def tail(self, lines: int = 60) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End all processes of the group: by a quick shutdown, and what is left of it by force."""
        for how in (signal.SIGQUIT, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.master, how)
            while in_group(self.master) and time.monotonic() < deadline:
                self._master.poll()
                time.sleep(LOOK_SECONDS)
        self._master.wait()


def by_gunicorn(plan: ServicePlan, port: int) -> list[str]:
    """gunicorn, as the plan says, on this port."""
    command = [*gunicorn_command(), f"--bind={HOST}:{port}", *control_socket(plan.folder)]
    command += [f"--workers={plan.workers}", f"--worker-class={plan.worker_class}"]
    command += [f"--threads={plan.threads}"] if plan.worker_class == "gthread" else []
    command += ["--keep-alive=30", "--timeout=120", f"--chdir={plan.tree}", *plan.arguments]
    return [*command, plan.app]


def gunicorn_command() -> list[str]:
    """gunicorn's script beside this Python.  A master started by `-m` can't be executed anew by USR2: its
    package's folder would come first on the new one's path."""
    script = Path(sys.executable).with_name("gunicorn")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "gunicorn"]


def control_socket(folder: Path) -> list[str]:
    """Arguments for a control socket of the service's own: by default all services of a user share one
    path, and each takes it from the other.  Older gunicorns have none; such a path is at most 107 long."""
    if "control_socket" not in gunicorn.config.make_settings():
        return []
    path = folder / "gunicorn.ctl"
    return [f"--control-socket={path}"] if len(str(path)) < 108 else ["--no-control-socket"]


def service_environment(plan: ServicePlan) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GUNICORN_")}
    return {
        **inherited,
        "DEMO_DATA": str(plan.folder / "data"),
        "DEMO_INDEX_MB": str(plan.index_mib),
        "DEMO_INDEX_SECONDS": str(plan.index_seconds),
        "PYTHONUNBUFFERED": "1",
        **plan.environ,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

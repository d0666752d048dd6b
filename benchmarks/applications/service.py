"""An application under gunicorn, in a folder of its own: with hotpatch's agent or without."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from attrs import field, frozen
from hotpatch_agent.drill.processes import children, in_group
from hotpatch_agent.drill.service import control_socket, free_port

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.02


@frozen
class Plan:
    """How to start it: `root` holds the sources, `path` what they need, `folder` is for logs and sockets;
    `home` is the service's home folder, None for a gunicorn that knows nothing of hotpatch."""

    root: Path
    path: Path
    folder: Path
    target: str
    worker_class: str
    home: Path | None = None
    workers: int = 1
    environ: Mapping[str, str] = field(factory=dict)


class NotServingError(Exception):
    """gunicorn did not start, or ended; the text ends with its log's last lines."""


class Service:
    """A gunicorn master and its workers, a process group of their own, for as long as the context lasts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.port = free_port()
        self.log = plan.folder / "gunicorn.log"
        command = [sys.executable, "-m", "gunicorn", f"--bind={HOST}:{self.port}", f"--chdir={plan.root}"]
        command += [f"--workers={plan.workers}", f"--worker-class={plan.worker_class}", "--timeout=120"]
        command += ["--keep-alive=60"]  # one that ends while the loop is busy takes a request with it
        command += ["--threads=4"] if plan.worker_class == "gthread" else []
        command += control_socket(plan.folder)
        command += ["--config=python:hotpatch_agent.gunicorn"] if plan.home else ["--config=/dev/null"]
        with self.log.open("ab") as log:
            self._master = subprocess.Popen(
                [*command, plan.target],
                env=environment(plan),
                cwd=plan.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        return self._master.poll() is None

    def workers(self) -> list[int]:
        return children(self._master.pid)

    def tail(self, lines: int = 12) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if not self.alive:
                raise NotServingError(f"gunicorn ended with code {self._master.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise NotServingError(f"gunicorn does not answer after {START_SECONDS:g} s: {self.tail()}")
            connection = HTTPConnection(HOST, self.port, timeout=START_SECONDS)
            try:
                connection.request("OPTIONS", "/is-it-there")
                connection.getresponse().read()
            except (OSError, HTTPException):
                time.sleep(LOOK_SECONDS)
            else:
                return
            finally:
                connection.close()

    def stop(self) -> None:
        """Ends every process of the group: in good order, and what is left of it by force."""
        for how in (signal.SIGQUIT, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._master.pid, how)
            while in_group(self._master.pid) and time.monotonic() < deadline:
                self._master.poll()
                time.sleep(LOOK_SECONDS)
        self._master.wait()


def environment(plan: Plan) -> dict[str, str]:
    """For gunicorn and for hotpatch's commands alike: what the program needs comes from `path`."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("GUNICORN_")}
    home = {"HOTPATCH_HOME": str(plan.home)} if plan.home else {}
    inherited.pop("HOTPATCH_HOME", None)
    return {**inherited, "PYTHONPATH": str(plan.path), "PYTHONHASHSEED": "0", **plan.environ, **home}

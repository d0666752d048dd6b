"""The load generator from outside: start its process, tell it the phases, get its account."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from hotpatch_agent.load.account import Report

REPLY_SECONDS = 60.0


@frozen
class LoadPlan:
    """`pause` and `patience` in seconds; `traffic` is `module:callable`, `argument` its keywords."""

    port: int
    traffic: str
    argument: Mapping[str, Any]
    clients: int = 16
    pause: float = 0.0
    patience: float = 30.0
    streams: Sequence[str] = ()


class LoadFailedError(RuntimeError):
    """The load generator itself failed: there is no account, and the run means nothing."""


class Load:
    """A running load generator.  Use it as a context manager: leaving it ends the process, come what may."""

    def __init__(self, plan: LoadPlan) -> None:
        command = [sys.executable, "-m", "hotpatch_agent.load", f"--port={plan.port}"]
        command += [f"--clients={plan.clients}", f"--pause={plan.pause}", f"--patience={plan.patience}"]
        command += [f"--traffic={plan.traffic}", f"--traffic-argument={json.dumps(dict(plan.argument))}"]
        command += [f"--stream={path}" for path in plan.streams]
        package_root = str(Path(__file__).resolve().parents[2])
        paths = [package_root, os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._waiting = b""
        self._reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def phase(self, name: str, expect: Mapping[str, Sequence[str]]) -> None:
        """A new phase begins; it holds for every request sent after this returns."""
        self._order({"phase": name, "expect": {subject: list(labels) for subject, labels in expect.items()}})
        self._reply()

    def finish(self) -> Report:
        """Let requests under way end, and account for all."""
        self._order({"stop": True})
        return Report.from_json(self._reply())

    def _order(self, order: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise LoadFailedError("the load generator has ended by itself; its error is above") from None

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\n" not in self._waiting:
            ready, _, _ = select.select([self._process.stdout], [], [], REPLY_SECONDS)
            piece = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            if not piece:
                why = "has ended by itself; its error is above" if ready else "does not answer"
                raise LoadFailedError(f"the load generator {why}")
            self._waiting += piece
        line, _, self._waiting = self._waiting.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply

"""A release that can't go live, started once in a process of its own before any worker is asked to go.

It is what its new workers will do: load the application from the release's sources, in a fresh interpreter
with the worker's paths, folder and environment; then the smoke checks run there.  Only what starts and passes
replaces anybody.  `check` is the worker's side; run as a module this file is the fresh process's.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from hotpatch.errors import CheckDied, CheckHung, HotpatchError, PatchInvalid
from hotpatch.native import original
from hotpatch.plan import Effect
from hotpatch.rehearsal import Limits, Verdict, checks, isolate, refusal
from hotpatch.rehearsal.channel import short
from hotpatch.release import Check, Release
from hotpatch_agent import wire
from hotpatch_agent.process import boot

LOOK: Final = 0.02
"""Seconds between two looks at whether the fresh process has ended."""


@frozen
class Job:
    """All that the fresh process is told."""

    root: str
    folder: str
    path: tuple[str, ...]
    app: str
    overlay: Mapping[str, str | None]
    """Sources in base 64 by path; None for one that is gone."""
    checks: tuple[Check, ...]
    memory: int
    niceness: int
    worker: int


def check(
    release: Release,
    overlay: Mapping[str, bytes | None],
    root: str,
    app: str,
    limits: Limits,
    called_off: Callable[[], bool] = lambda: False,
) -> Verdict:
    """`reload` if the application starts from these sources and the checks pass; else the refusal.

    Blocks its thread.  The process is ended with the thread at the latest.
    """
    began = time.monotonic()
    job = Job(
        root=root,
        folder=str(Path.cwd()),
        path=tuple(sys.path),
        app=app,
        overlay={p: None if t is None else base64.b64encode(t).decode() for p, t in overlay.items()},
        checks=release.checks,
        memory=isolate.address_space() + limits.memory,
        niceness=limits.niceness,
        worker=os.getpid(),
    )
    seconds = limits.step_seconds + limits.check_seconds * len(release.checks)
    with tempfile.TemporaryDirectory(prefix="hotpatch-fresh-") as folder:
        told = Path(folder, "job.json")
        told.write_bytes(wire.dump(job))
        verdict = _run(told, Path(folder, "verdict.json"), seconds, called_off)
    return evolve(verdict, seconds={"fresh start": time.monotonic() - began})


def _run(job: Path, answer: Path, seconds: float, called_off: Callable[[], bool]) -> Verdict:
    """Starts this file as a process, and waits.  By `posix_spawn`: no page table is copied, no fork handler
    of the program runs, and it is the system's own under gevent as well."""
    command = [sys.executable, "-m", __name__, str(job), str(answer)]
    nothing = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    spawn = original("os", "posix_spawn")
    pid = spawn(sys.executable, command, os.environ, file_actions=nothing, setsid=True)
    waitpid, sleep = original("os", "waitpid"), original("time", "sleep")
    end = time.monotonic() + seconds
    ended = 0
    try:
        while not ended:
            if time.monotonic() > end:
                return refusal(CheckHung(f"a fresh start and its checks did not end within {seconds:g} s"))
            if called_off():
                return refusal(CheckDied("a fresh start was called off"))
            sleep(LOOK)
            ended, status = waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        ended, status = pid, 0  # the program reaps all children by itself
    finally:
        if not ended:
            os.killpg(pid, signal.SIGKILL)
            waitpid(pid, 0)
    try:
        return Verdict.load(json.loads(answer.read_bytes()))
    except (OSError, ValueError, KeyError):
        code = os.waitstatus_to_exitcode(status)
        return refusal(CheckDied(f"a fresh start of the new sources {_ended(code)}"))


def _ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"


def main(job_file: str, answer_file: str) -> None:
    """The fresh process: start, check, tell."""
    job = wire.load(Job, Path(job_file).read_bytes())
    try:
        verdict = _verdict(job)
    except HotpatchError as error:
        verdict = refusal(type(error)(short(str(error))))
    except MemoryError:
        isolate.lift_memory_limit()
        verdict = refusal(CheckDied("a fresh start of the new sources: out of memory"))
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is the reason)
        said = short("".join(traceback.format_exception_only(error)))
        verdict = refusal(PatchInvalid(f"the new sources do not start in a fresh process: {said}"))
    Path(answer_file).write_text(json.dumps(verdict.dump()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of the program must not keep this process


def _verdict(job: Job) -> Verdict:
    isolate.die_with_the_worker(job.worker)
    isolate.limit_fresh(job.memory, job.niceness)
    os.chdir(job.folder)
    sys.path[:] = job.path
    sys.argv[:] = [sys.argv[0]]
    finder = boot.install(job.root)
    finder.serve({p: None if t is None else base64.b64decode(t) for p, t in job.overlay.items()})
    app = _load(job.app)
    for one in job.checks:
        checks.run(one, app)
    return Verdict(Effect.RELOAD)


def _load(target: str) -> Any:
    from gunicorn.util import import_app

    return import_app(target)


if __name__ == "__main__":
    main(*sys.argv[1:])

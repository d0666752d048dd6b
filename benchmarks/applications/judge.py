"""The verdict on an application: is every answer that of a process which was started on the release?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from benchmarks.applications.client import normal_text
from benchmarks.applications.releases import NotFetchedError, needed, release

HERE = Path(__file__).parent
SCRIPT = HERE / "process.py"


@frozen
class Application:
    """A program, of which one package goes from release to release.  `app` is a file in `apps`; `versions`
    follow each other in one process; `needs` are requirements that stay as they are."""

    name: str
    package: str
    versions: tuple[str, ...]
    app: str
    kind: str
    needs: tuple[str, ...]
    requests: tuple[str, ...]
    target: str = "site_app:application"
    worker: str = ""

    @property
    def worker_class(self) -> str:
        """gunicorn's, where it is served."""
        return self.worker or {"wsgi": "gthread", "asgi": "asgi"}[self.kind]


@frozen
class Judged:
    """`verdict`: live, reload, refuse, wrong, torn, crash or error (it could not be tried)."""

    name: str
    verdict: str
    steps: tuple[str, ...]
    reasons: tuple[str, ...]
    seconds: tuple[float, ...] = ()
    changed: int = 0
    """Answers that differ between fresh starts of the first and the last release."""
    unlike: tuple[str, ...] = field(default=(), repr=False)


def judge(application: Application, seconds: float = 300.0) -> Judged:
    """Run it, fresh and live, one process at a time."""
    try:
        folders = [release(application.package, version) for version in application.versions]
        path = needed(application.needs, application.package)
    except NotFetchedError as why:
        return Judged(application.name, "error", (), (str(why),))
    with tempfile.TemporaryDirectory(prefix="hotpatch-applications-") as name:
        process = Process(application, Path(name), path, seconds)
        try:
            return _judge(application, folders, process)
        except CrashedError as why:
            return Judged(application.name, why.verdict, (), (str(why),))


def _judge(application: Application, folders: Sequence[Path], process: Process) -> Judged:
    most = 2 * len(folders) - 1
    fresh = [process.run([folder], False, most)["passes"] for folder in folders]
    again = process.run([folders[-1]], False, most)["passes"]
    live = process.run(folders, True)
    passes: list[list[Any]] = live["passes"]
    steps = tuple(f"{verdict}" for verdict, _, _ in live["steps"])
    at = _releases_of_passes(live)
    unlike: list[str] = []
    for number, (release_number, seen) in enumerate(zip(at, passes, strict=True)):
        expected = fresh[release_number][number]
        for line, got, want, noise in zip(
            application.requests,
            seen,
            expected,
            zip(fresh[-1][number], again[number], strict=True),
            strict=True,
        ):
            if not same(got, want, steady=same(*noise)):
                unlike.append(f"pass {number}: {line[:80]}: {difference(got, want)}")
    reasons = tuple(reason for _, why, _ in live["steps"] for reason in why)
    verdict = live["steps"][-1][0]
    if unlike:
        verdict = "wrong" if verdict == "live" else "torn"
    changed = sum(not same(a, b) for a, b in zip(fresh[0][0], fresh[-1][0], strict=True))
    times = tuple(each for _, _, each in live["steps"])
    return Judged(application.name, verdict, steps, reasons, times, changed, tuple(unlike))


def _releases_of_passes(live: dict[str, Any]) -> list[int]:
    """On which release each pass was asked: up to the top, and back as far as it was undone."""
    went = [verdict for verdict, _, _ in live["steps"]].count("live")
    up = list(range(went + 1))
    if went < len(live["steps"]):
        return [*up, went]
    return up + [went - number for number in range(1, live["undone"] + 1)]


def same(got: Any, want: Any, steady: bool = True) -> bool:
    """Are the answers alike?  Of one that is never the same twice, only the status counts."""
    if got[0] != want[0]:
        return False
    return not steady or normal(got) == normal(want)


def normal(answer: Any) -> str:
    return normal_text(json.dumps(answer))


def difference(got: Any, want: Any) -> str:
    """Both answers, from a little before the first place where they part."""
    one, other = (normal([*answer[:2], answer[2]]) for answer in (got, want))
    parted = (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    at = max(next(parted, min(len(one), len(other))) - 40, 0)
    return f"{one[at : at + 160]!r} instead of {other[at : at + 160]!r}"


class CrashedError(Exception):
    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict


@frozen
class Process:
    application: Application
    folder: Path
    path: Path
    seconds: float

    def run(self, folders: Sequence[Path], live: bool, passes: int = 1) -> dict[str, Any]:
        """One process from start to end; CrashedError if it did not come to its end."""
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        overlay = scratch / "overlay"
        overlay.mkdir()
        shutil.copyfile(HERE / "apps" / f"{self.application.app}.py", overlay / "site_app.py")
        job = {
            "root": str(scratch / "site"),
            "overlay": str(overlay),
            "releases": [str(folder) for folder in folders],
            "path": [str(self.path)],
            "app": self.application.target,
            "kind": self.application.kind,
            "requests": list(self.application.requests),
            "live": live,
            "passes": passes,
            "seconds": self.seconds,
        }
        (scratch / "job.json").write_text(json.dumps(job))
        command = [sys.executable, str(SCRIPT), str(scratch / "job.json"), str(scratch / "out.json")]
        environ = {**os.environ, "PYTHONHASHSEED": "0", "APPLICATION_DATA": str(scratch / "data")}
        (scratch / "data").mkdir()
        error = "crash" if live else "error"
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=3 * self.seconds, env=environ
            )
        except subprocess.TimeoutExpired:
            raise CrashedError(error, f"no end after {3 * self.seconds:g} s") from None
        try:
            found: dict[str, Any] = json.loads((scratch / "out.json").read_text())
        except FileNotFoundError:
            last = " | ".join(done.stderr.strip().splitlines()[-4:])
            raise CrashedError(error, f"ended with {done.returncode}: {last}") from None
        return found

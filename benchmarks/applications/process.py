"""One process of an application: started on a release, asked, brought to the next releases and back, asked.

Run as a script with a job (JSON) as its argument; writes what it saw as JSON.  With `live` the releases that
follow the first come in by a patch of this process, and go again; without, it stays on the first.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LATER = 1_000_000
"""Seconds by which a file that is put in place of another is newer, whatever the clock's grain."""


def lay(root: Path, release: Path, overlay: Path) -> None:
    """Make the program's folder what a start on this release has."""
    root.mkdir(parents=True, exist_ok=True)
    wanted = {path.relative_to(base): path for base in (release, overlay) for path in base.rglob("*")}
    for path in sorted(root.rglob("*"), reverse=True):  # what is in a folder, before the folder
        if path.relative_to(root) not in wanted and "__pycache__" not in path.parts:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, source in wanted.items():
        if source.is_dir() or "__pycache__" in name.parts:
            continue
        place = root / name
        if not place.exists() or place.read_bytes() != source.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = place.with_name(f".{place.name}.new")
            shutil.copyfile(source, fresh)
            stamp = source.stat().st_mtime + LATER
            os.utime(fresh, (stamp, stamp))
            fresh.rename(place)  # never written in place: a library that is loaded is mapped into memory


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Passes of all requests: one on each release upwards, then, if live, one for each that is undone."""
    root, overlay = Path(job["root"]), Path(job["overlay"])
    releases = [Path(release) for release in job["releases"]]
    lay(root, releases[0], overlay)
    os.chdir(root)
    sys.path[:0] = [str(root), *job["path"]]
    application = load(job["app"])
    client = importlib.import_module("client")  # beside this file, and not in a package that imports more
    browser = client.Browser(client.sender(application, job["kind"]))
    ask = browser.ask_all
    passes = [ask(job["requests"])]
    if not job["live"]:
        return {"passes": passes + [ask(job["requests"]) for _ in range(job["passes"] - 1)]}
    steps, undos = [], []
    for release in releases[1:]:
        verdict, reasons, undo, seconds = step(job, root, release, overlay, application)
        steps.append([verdict, reasons, seconds])
        passes.append(ask(job["requests"]))
        if verdict != "live":
            return {"passes": passes, "steps": steps, "undone": 0}
        undos.append(undo)
    for number, undo in enumerate(reversed(undos), 2):
        lay(root, releases[-number], overlay)
        undo.revert()
        passes.append(ask(job["requests"]))
    return {"passes": passes, "steps": steps, "undone": len(undos)}


def load(target: str) -> Any:
    """`module:name` or `module:factory()`, as gunicorn takes it."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    return found() if name.endswith("()") else found


def step(
    job: dict[str, Any], root: Path, release: Path, overlay: Path, application: Any
) -> tuple[str, list[str], Any, float]:
    from hotpatch import patching

    with tempfile.TemporaryDirectory(prefix="hotpatch-application-") as folder:
        before = Path(folder, "before")
        shutil.copytree(root, before, ignore=shutil.ignore_patterns("__pycache__"))
        lay(root, release, overlay)
        importlib.invalidate_caches()
        began = time.perf_counter()
        outcome = patching.patch(
            before, root, app=application, app_target=job["app"], modules=None, seconds=job["seconds"]
        )
        seconds = time.perf_counter() - began
        if not outcome:
            lay(root, before, overlay)
        return outcome.effect.value, list(outcome.reasons), outcome.undo, round(seconds, 2)


if __name__ == "__main__":
    work = json.loads(Path(sys.argv[1]).read_text())
    out = Path(sys.argv[2])
    sys.argv[1:] = []
    seen = run(work)
    out.write_text(json.dumps(seen))
    sys.stdout.flush()
    os._exit(0)  # whatever threads the application has

"""`hotpatch drill` as a person runs it: in a process of its own, on real gunicorn."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hotpatch_agent.drill.patches import demo_root, read_patches
from hotpatch_agent.drill.scenarios import drills

DRILL = [sys.executable, "-m", "hotpatch_agent.cli", "drill"]
LONGEST = 380
pytestmark = pytest.mark.timeout(400)
OF_ITS_OWN = pytest.mark.exhaustive
"""Left to a run of its own (`make drills` plays all there are)."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Every process of the drill has the test's own folder in its environment."""
    return {**os.environ, "TMPDIR": str(tmp_path)}


def drill(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DRILL, *arguments], env=environ, capture_output=True, text=True, timeout=LONGEST, check=False
    )


def left_behind(folder: Path) -> list[str]:
    """Processes that have this folder in their environment, and files in it."""
    mark = str(folder).encode()
    found = [str(path) for path in folder.iterdir()]
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_the_list_names_every_patch(environ: dict[str, str]) -> None:
    done = drill(environ, "--list", "--json")
    names = {each["name"] for each in json.loads(done.stdout)["drills"]}
    without_a_patch = {"incident", "no-traffic", "superseding-push", "leader-killed", "terminal-closed"}
    assert names == {*without_a_patch, *read_patches(demo_root())}
    assert done.returncode == 0


def test_every_drill_that_is_no_patch_alone_is_described(environ: dict[str, str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "drills.md").read_text()
    told = set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))
    patches = {name for name, patch in read_patches(demo_root()).items() if patch.kind in ("fault", "bad")}
    assert told == set(drills(read_patches(demo_root()))) - patches


def test_an_unknown_drill_is_a_mistake_on_the_command_line(environ: dict[str, str]) -> None:
    done = drill(environ, "no-such-drill")
    assert done.returncode == 64
    assert "no-such-drill" in done.stderr and "--list" in done.stderr


def played(environ: dict[str, str], *arguments: str) -> dict[str, Any]:
    done = drill(environ, *arguments, "--json", "--workers", "2", "--clients", "6")
    assert done.stdout, done.stderr
    score: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert [step for step in score["steps"] if not step["passed"]] == []
    assert (score["dropped"], score["errors"], score["wrong"], score["cuts"]) == (0, 0, 0, 0), score
    assert score["sent"] > 100 and score["passed"] and done.returncode == 0
    return score


@pytest.mark.slow
def test_the_incident_passes_and_leaves_nothing_behind(environ: dict[str, str], tmp_path: Path) -> None:
    score = played(environ)
    assert len(score["steps"]) == 12  # with the canary that takes itself back
    assert score["live_seconds"] > 0
    assert len(score["report"]["streams"]) == 3
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "missing-authorisation",
        "raises-at-import",
        pytest.param("sql-injection", marks=OF_ITS_OWN),
        pytest.param("exits", marks=OF_ITS_OWN),
    ],
)
def test_a_single_drill_passes(environ: dict[str, str], name: str) -> None:
    played(environ, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("some-users", 10),
        ("leader-killed", 7),
        pytest.param("two-percent", 5, marks=OF_ITS_OWN),
        pytest.param("terminal-closed", 5, marks=OF_ITS_OWN),
        pytest.param("endless-stream", 6, marks=OF_ITS_OWN),
        pytest.param("memory-leak", 4, marks=OF_ITS_OWN),
        pytest.param("no-traffic", 7, marks=OF_ITS_OWN),
        pytest.param("superseding-push", 8, marks=OF_ITS_OWN),
        pytest.param("fresh-process", 6, marks=OF_ITS_OWN),
    ],
)
def test_a_rollout_or_an_outage_ends_as_it_must(environ: dict[str, str], name: str, steps: int) -> None:
    score = played(environ, name)
    assert len(score["steps"]) == steps
    assert {moment["who"] for moment in score["timeline"]} == {"operator", "service"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "worker_class",
    [pytest.param(name, marks=OF_ITS_OWN) for name in ("asgi", "sync", "uvicorn")],
)
def test_the_incident_passes_on_other_workers(environ: dict[str, str], worker_class: str) -> None:
    score = played(environ, "--worker-class", worker_class)
    assert len(score["steps"]) == 12


def test_a_drill_that_worker_class_can_t_play_is_a_mistake_on_the_command_line(
    environ: dict[str, str],
) -> None:
    done = drill(environ, "endless-stream", "--worker-class", "sync")
    assert done.returncode == 64
    assert "sync" in done.stderr


@pytest.fixture
def started(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A drill whose service runs under load."""
    process = subprocess.Popen(
        DRILL,
        env={**environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a shell, they are told to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ok "):
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def nothing_after_a_while(look: Callable[[], list[str]]) -> list[str]:
    """What there is in the end, after it was given the time to go."""
    deadline = time.monotonic() + 60
    while look() and time.monotonic() < deadline:
        time.sleep(0.05)
    return look()


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [signal.SIGINT, *(pytest.param(one, marks=OF_ITS_OWN) for one in (signal.SIGTERM, signal.SIGHUP))],
)
def test_an_interrupted_drill_leaves_nothing_behind(
    started: subprocess.Popen[str], how: signal.Signals, tmp_path: Path
) -> None:
    started.send_signal(how)
    _, errors = started.communicate(timeout=LONGEST)
    assert started.returncode == 130, errors
    assert nothing_after_a_while(lambda: left_behind(tmp_path)) == []


@pytest.mark.slow
def test_a_killed_drill_leaves_no_process_behind(started: subprocess.Popen[str], tmp_path: Path) -> None:
    started.kill()
    started.wait()
    files = {str(path) for path in tmp_path.iterdir()}
    assert nothing_after_a_while(lambda: [each for each in left_behind(tmp_path) if each not in files]) == []

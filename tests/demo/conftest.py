"""Trees of the demo application, with and without a patch, and clean processes to run code in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hotpatch_agent.drill.patches import Patch, demo_root, read_patches

PATCHES = read_patches(demo_root())
FAULTS = [patch for patch in PATCHES.values() if patch.kind == "fault"]
BAD = [patch for patch in PATCHES.values() if patch.kind == "bad"]

RunIn = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[[str], Any]


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """`tree(*patches)`: a copy of the demo application with these patches applied, one after another."""

    def make(*patches: Patch) -> Path:
        folder = tmp_path / "-".join(["tree", *(patch.name for patch in patches)])
        shutil.copytree(
            demo_root() / "demo_app",
            folder / "demo_app",
            ignore=shutil.ignore_patterns("__pycache__", "patches"),
        )
        for patch in patches:
            patch.apply(folder)
        return folder

    return make


@pytest.fixture
def run_in(tmp_path: Path) -> RunIn:
    """`run_in(tree, program, *arguments)`: the text in a clean process that imports from the tree."""

    def run(
        tree: Path, program: str, *arguments: object, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        small = {
            "DEMO_DATA": str(tree / "data"),
            "DEMO_INDEX_MB": "1",
            "DEMO_INDEX_SECONDS": "0",
            "PYTHONPATH": str(tree),
        }
        return subprocess.run(
            [sys.executable, "-P", "-c", program, *map(str, arguments)],
            env={**os.environ, **small, **(environ or {})},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def ask(request: pytest.FixtureRequest, tree: Callable[..., Path], run_in: RunIn) -> Ask:
    """`ask(program)`: what the program leaves in `answer`, run after the test module's `BEGIN` in a clean
    process of the shop."""
    folder = tree()

    def run(program: str) -> Any:
        whole = request.module.BEGIN + textwrap.dedent(program) + "\nprint(json.dumps(answer))"
        done = run_in(folder, whole)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run

"""A hundred rounds of the soak: what a patch and its undo leave behind in the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import Sample, Soak, grown

ROOT = Path(__file__).parents[2]


# Three hundred patches are too few to tell growth from noise each time; `make soak` applies ten thousand.
@pytest.mark.exhaustive
def test_nothing_grows_and_no_old_code_is_held_after_a_hundred_rounds() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--patches", "300", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["findings"], result["patches"], done.returncode) == ([], 300, 0)


def test_what_grows_is_named() -> None:
    first = Sample(patches=30, memory=30_000, blocks=100_000, objects=20_000, descriptors=6, threads=1)
    leaking = Sample(patches=300, memory=30_500, blocks=100_000, objects=20_300, descriptors=7, threads=1)
    assert [finding.split(":")[0] for finding in grown([first, leaking])] == ["objects", "descriptors"]
    assert grown([first, first]) == []


def test_old_code_that_something_holds_is_named(tmp_path: Path) -> None:
    run = Soak(tmp_path)
    try:
        held = run.shop.checked.__code__
        assert run.left_of_the_old() == ["soak_shop.checked"] and held.co_name == "checked"
    finally:
        run.close()

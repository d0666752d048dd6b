"""Each case of a live edit in this folder: applied with the state that must survive, or honestly refused."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = sorted(path.parent for path in HERE.glob("*/*/case.toml"))
PASSING = {"live": {"live"}, "refuse": {"refused"}, "either": {"live", "refused"}}


def verdict(what: str, case: Path, scratch: Path) -> str:
    command = [sys.executable, "-m", "tests.conformance.run_case", what, str(case), str(scratch)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


def name(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_edit_is_live_or_refused_as_the_case_expects(case: Path, tmp_path: Path) -> None:
    expected = tomllib.loads((case / "case.toml").read_text())["expect"]
    assert verdict("patch", case, tmp_path).partition(":")[0] in PASSING[expected]


@pytest.mark.parametrize("case", [CASES[0], HERE / "startup" / "dict_record"], ids=name)
def test_nothing_is_left_in_the_folder_for_temporary_files(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("temporary", "scratch"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    verdict("patch", case, tmp_path / "scratch")
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_case_tells_new_code_from_old(case: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert verdict("after", case, tmp_path / "a") == "live"
    assert verdict("before", case, tmp_path / "b").startswith("differs")

"""Packages' own test suites in a process that was patched: `python -m benchmarks.package_suites`

    --only PATTERN   of the packages (shell pattern)
    --json           the figures alone, on the last line in any case

For each row of the table: a process imports the old release, every module of it, is patched to the new one
by `hotpatch.patch`, and runs the new release's own tests, those of its source distribution.  Another process
does the same with the new release from the start.  The two must agree, test for test, and some tests must
pass.  A third one, left on the old release, shows how many of the tests see the edit at all.  Downloads go to
a cache folder (RELEASES_CACHE) by pip.  Ends with status 1 where a process is not patched live, or answers
otherwise.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from benchmarks.applications.releases import CACHE, NotFetchedError, needed, release

SECONDS: Final = 600


@frozen
class Suite:
    package: str
    old: str
    new: str
    tests: str = "tests"
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    """What the package and its tests import, beside pytest."""
    ignored: tuple[str, ...] = field(default=(), kw_only=True)
    """Files of tests that start servers, or are about the installation."""


SUITES: Final = (
    Suite("idna", "3.6", "3.7"),
    Suite("sqlparse", "0.4.3", "0.4.4"),
    Suite("sqlparse", "0.4.4", "0.5.0"),
    Suite("pyjwt", "2.10.0", "2.10.1", needs=("cryptography",)),
    Suite("jinja2", "3.1.4", "3.1.5", needs=("markupsafe", "trio")),
    Suite("jinja2", "3.1.5", "3.1.6", needs=("markupsafe", "trio")),
    Suite("click", "8.1.6", "8.1.7"),
    Suite("markdown", "3.5", "3.5.1", needs=("pyyaml",)),
    Suite("itsdangerous", "2.1.1", "2.1.2", needs=("freezegun",)),
    Suite(
        "werkzeug",
        "3.0.2",
        "3.0.3",
        needs=(
            *("markupsafe", "cryptography", "watchdog"),
            *("ephemeral-port-reserve", "pytest-xprocess", "pytest-timeout"),
        ),
        ignored=("tests/test_serving.py",),
    ),
    Suite("oauthlib", "3.2.0", "3.2.1", needs=("cryptography", "blinker", "pyjwt")),
    Suite("mako", "1.2.1", "1.2.2", "test", needs=("markupsafe",)),
)  # fmt: skip


def source(package: str, version: str) -> Path:
    """The unpacked source distribution; downloaded once."""
    folder = CACHE / f"{package}-{version}-source"
    if not folder.exists():
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
            wanted = ["--no-deps", "--no-binary", ":all:", "--dest", name, f"{package}=={version}"]
            done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
            archives = list(Path(name).glob("*.tar.gz"))
            if done.returncode or not archives:
                raise NotFetchedError(done.stderr.strip()[-300:] or "no source distribution")
            with tarfile.open(archives[0]) as archive:
                archive.extractall(Path(name, "out"), filter="data")
            (unpacked,) = Path(name, "out").iterdir()
            part = CACHE / f".{folder.name}.{os.getpid()}"
            shutil.move(unpacked, part)
            part.rename(folder)
    return folder


def modules_below(root: Path) -> list[str]:
    """Every module of the release, packages first."""
    files = sorted(p.relative_to(root) for p in root.rglob("*.py") if p.name != "__main__.py")
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    return sorted(name for name in names if all(part.isidentifier() for part in name.split(".")))


# -- the process that runs the tests ------------------------------------------------------------------


class Outcomes:
    """A plugin of pytest that keeps each test's outcome."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid] = "xfailed" if hasattr(report, "wasxfail") else report.outcome

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.found[report.nodeid] = "not collected"


def _imported(names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001  an optional part of the package; SystemExit of a script too
            continue
        yield name


def run_tests(job: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: import, be patched if there is something to be patched to, run the tests."""
    import pytest

    live = job["live"]
    sys.path[:0] = [live, job["needs"]]
    imported = list(_imported(job["modules"]))
    answer: dict[str, Any] = {"modules": len(imported), "effect": "fresh", "reasons": []}
    if job["new"]:
        import hotpatch

        outcome = hotpatch.patch(job["old"], job["new"], root=live)
        answer.update(effect=outcome.effect.value, reasons=list(outcome.reasons))
        if not outcome:
            return answer
        shutil.copytree(job["new"], live, dirs_exist_ok=True)
    os.chdir(job["source"])
    outcomes = Outcomes()
    options = ["-q", "--continue-on-collection-errors", "-pno:cacheprovider"]
    options += ["--override-ini=addopts=", "--override-ini=filterwarnings=default"]
    ignored = [f"--ignore={file}" for file in job["ignored"]]
    pytest.main([*options, *ignored, job["tests"]], plugins=[outcomes])
    return {**answer, "outcomes": outcomes.found}


def _process(job: dict[str, Any], folder: Path, seconds: float = SECONDS) -> dict[str, Any]:
    folder.mkdir()
    (folder / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.package_suites", "--job", str(folder)],
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    answer = folder / "answer.json"
    if not answer.exists():
        raise RuntimeError(f"the process ended with status {done.returncode}: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


# -- the comparison -----------------------------------------------------------------------------------


def judge(suite: Suite, folder: Path) -> dict[str, Any]:
    old, new = release(suite.package, suite.old), release(suite.package, suite.new)
    tests = folder / "source"
    shutil.copytree(source(suite.package, suite.new), tests)
    for name in {"src", *(path.name for path in new.iterdir())} - {
        suite.tests
    }:  # never the sources beside the tests
        if (tests / name).is_dir():
            shutil.rmtree(tests / name)
    answers = {}
    took = 0.0
    for way, first in (("fresh", new), ("patched", old), ("unpatched", old)):
        live = folder / way
        shutil.copytree(first, live)
        job = {
            "live": str(live),
            "old": str(old),
            "new": str(new) if way == "patched" else "",
            "needs": str(needed(suite.needs, suite.package)),
            "modules": modules_below(first),
            "source": str(tests),
            "tests": suite.tests,
            "ignored": suite.ignored,
        }
        began = time.monotonic()
        try:
            answers[way] = _process(
                job, folder / f"{way}-job", SECONDS if way != "unpatched" else took * 5 + 10
            )
        except subprocess.TimeoutExpired:
            if way != "unpatched":
                raise
            answers[way] = {"outcomes": None}  # a regular expression without end, say, which the fix is about
        took = time.monotonic() - began
    fresh, patched = answers["fresh"]["outcomes"], answers["patched"].get("outcomes", {})
    unpatched = answers["unpatched"]["outcomes"]
    differing = _differing(fresh, patched)
    live = answers["patched"]["effect"] == "live"
    return {
        "effect": answers["patched"]["effect"],
        "reasons": answers["patched"]["reasons"],
        "modules": answers["patched"]["modules"],
        "fresh": dict(Counter(fresh.values())),
        "patched": dict(Counter(patched.values())),
        "differing": {test: [fresh.get(test), patched.get(test)] for test in differing} if live else {},
        "the_same": live and not differing and "passed" in fresh.values(),
        "see_the_edit": None if unpatched is None else len(_differing(fresh, unpatched)),
    }


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(test for test in {*one, *other} if one.get(test) != other.get(test))


def _line(suite: Suite, found: dict[str, Any]) -> str:
    name = f"{suite.package} {suite.old} -> {suite.new}"
    if "error" in found:
        return f"{name:32}{found['error']}"
    fresh, patched = (
        " ".join(f"{n} {what}" for what, n in sorted(found[way].items())) for way in ("fresh", "patched")
    )
    if found["effect"] != "live":
        return f"{name:32}{found['effect']}: {found['reasons'][0][:120]}"
    said = "the same" if found["the_same"] else "no test passes"
    if found["differing"]:
        said = f"{len(found['differing'])} differ: {next(iter(found['differing']))}"
    counts = f"{found['modules']:>4} modules   patched {patched}   fresh {fresh}"
    seen = found["see_the_edit"]
    return f"{name:32}{counts}   {said}; " + (
        "unpatched without end" if seen is None else f"{seen} see the edit"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.package_suites")
    parser.add_argument("--only", default="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        answer = run_tests(json.loads(Path(options.job, "job.json").read_text()))
        Path(options.job, "answer.json").write_text(json.dumps(answer))
        return 0
    results = {}
    for suite in SUITES:
        if not fnmatch.fnmatch(suite.package, options.only):
            continue
        with tempfile.TemporaryDirectory() as name:
            try:
                found = judge(suite, Path(name))
            except (NotFetchedError, RuntimeError, subprocess.TimeoutExpired) as error:
                found = {"error": str(error)}
        results[f"{suite.package} {suite.old} {suite.new}"] = found
        if not options.json:
            print(_line(suite, found), flush=True)
    live = [found for found in results.values() if found.get("effect") == "live"]
    same = sum(found["the_same"] for found in live)
    tests = sum(found["patched"].get("passed", 0) for found in live)
    print(
        json.dumps(
            {
                "asked": len(results),
                "live": len(live),
                "the_same": same,
                "tests_passed": tests,
                "suites": results,
            }
        )
    )
    return 0 if same == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())

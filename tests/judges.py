"""`make conformance`: has the public judges look at hotpatch, and prints their totals.

    python -m tests.judges FOLDER [--only conformance|pairs|histories] [--as-worker]

They look at the library call or, with `--as-worker` (`make conformance-as-worker`), at how a worker goes from
one release to another.  FOLDER holds `conformance/run.py` (live-edit cases) and `releases/run.py` (real
releases of real packages, one after another in one process).  Where it isn't there, this says so and is
content.  Otherwise it fails if a judge calls anything wrong or torn, or finds less than its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

ROOT: Final = Path(__file__).resolve().parents[1]
LIBRARY: Final = Path(__file__).with_name("conformance_adapter.py")
WORKER: Final = Path(__file__).with_name("worker_adapter.py")
BAD: Final = ("wrong", "torn", "crash", "error")


@frozen
class Judgement:
    """What one judge found: how many of each verdict, and how much of what it asks for was live or honest."""

    verdicts: Counter[str]
    met: int
    asked: int
    what: str
    missed: tuple[str, ...]
    """What was neither live nor meant to be refused, each with the reason that it has."""

    def line(self, name: str) -> str:
        counts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(self.verdicts.items()))
        return f"{name}: {self.met} of {self.asked} {self.what} ({counts})"


def of_cases(results: list[dict[str, Any]]) -> Judgement:
    verdicts = Counter(result["verdict"] for result in results)
    missed = tuple(f"{r['case']}: {r['verdict']}: {r['reason']}" for r in results if not r["passed"])
    return Judgement(verdicts, len(results) - len(missed), len(results), "cases", missed)


def of_releases(results: list[list[Any]]) -> Judgement:
    verdicts = Counter(verdict for _, verdict, *_ in results)
    asked = sum(
        len([word for word in line.split() if not word.startswith("CVE-")]) - 2 for line, *_ in results
    )
    missed = tuple(f"{line}: {verdict}: {why}" for line, verdict, why, *_ in results if verdict != "live")
    return Judgement(verdicts, sum(live for *_, live in results), asked, "steps live", missed)


@frozen
class Judge:
    name: str
    floor: float
    """The least share of what it asks for."""
    lines: str = ""
    """The file that its releases stand in; empty: it asks for cases."""


JUDGES: Final = (
    Judge("conformance", 1.0),
    Judge("histories", 0.95, "histories.txt"),
    Judge("pairs", 1.0, "pairs.txt"),
)
"""Of those with releases the one with the longest lines comes first: what is short fills the end."""


def hear(judges: Sequence[Judge], shared: Path, adapter: Path) -> Iterator[tuple[Judge, Judgement]]:
    """What they find.  Those with releases are heard in one run, in which no line of one waits for the last
    of another."""
    with_cases = [judge for judge in judges if not judge.lines]
    for judge in with_cases:
        yield judge, of_cases(_run(shared / "conformance" / "run.py", adapter))
    if with_releases := [judge for judge in judges if judge.lines]:
        folder = shared / "releases"
        texts = {judge: (folder / judge.lines).read_text() for judge in with_releases}
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(texts.values()))
            file.flush()
            results = _run(folder / "run.py", adapter, "--pairs", file.name)
        for judge, text in texts.items():
            yield judge, of_releases([result for result in results if result[0] in text.splitlines()])


def _run(program: Path, adapter: Path, *words: str) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        command: list[str | Path] = [sys.executable, program, *words, "--tool", adapter, "--json", out]
        # An adapter may be made of another, which it imports.
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": path})
        results: list[Any] = json.loads(out.read_text())
        return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", choices=[judge.name for judge in JUDGES])
    parser.add_argument("--as-worker", action="store_true", help="not by the library call")
    options = parser.parse_args()
    if not (options.shared / "conformance" / "run.py").exists():
        print(f"skipped: there are no judges in {options.shared}")
        return 0
    failed = False
    lines = list[str]()
    judges = [judge for judge in JUDGES if options.only in (None, judge.name)]
    adapter = WORKER if options.as_worker else LIBRARY
    for judge, found in hear(judges, options.shared.resolve(), adapter):
        lines += (found.line(judge.name), *(f"  {text}" for text in found.missed))
        failed |= found.met < judge.floor * found.asked or any(found.verdicts[bad] for bad in BAD)
    print("", *lines, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

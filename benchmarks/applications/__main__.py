"""Patch real web applications live, release by release; compare each answer with a fresh start's.

    python -m benchmarks.applications [--only 'flask*'] [--json FILE] [--verbose]

Each application of `table.toml` is started on its first release, loaded as gunicorn loads it, and asked; the
next release comes in by one patch of the running process, and it is asked again; so on for each release, then
back through all of them.  Other processes start fresh on each release and are asked as often: sessions,
counters and what else the process has kept must show in the answers alike.

Verdicts: `live`; `reload` and `refuse` (said so, with a reason, and answers as before); `wrong` (said live,
and an answer differs from a fresh start's); `torn` (refused, and an answer differs from before); `crash`
(the process ended or hung); `error` (not to be had, or doesn't start).  The exit status is 1 if there was
any `wrong`, `torn` or `crash`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import attrs

from benchmarks.applications.judge import Application, Judged, judge

TABLE = Path(__file__).with_name("table.toml")
BAD = ("wrong", "torn", "crash")


def read_table(path: Path = TABLE) -> list[Application]:
    table: dict[str, Any] = tomllib.loads(path.read_text())
    found = []
    for row in table["application"]:
        words = {"kind": "wsgi", "needs": [], "requests": table["requests"][row["app"]], **row}
        words = {key: tuple(value) if isinstance(value, list) else value for key, value in words.items()}
        name = f"{row.get('name', row['app'])} {row['package']} {' '.join(row['versions'])}"
        found.append(Application(**{**words, "name": name}))
    return found


def tell(judged: Judged, verbose: bool) -> None:
    seconds = f"{max(judged.seconds):.1f} s" if judged.seconds else ""
    print(f"{judged.verdict:7} {judged.name:50} {seconds:>7}  {judged.changed} answers differ", flush=True)
    for reason in judged.reasons[: 12 if verbose else 2]:
        print(f"          {reason[:300]}")
    for line in judged.unlike[: 12 if verbose else 2]:
        print(f"          {line[:500]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="*", help="glob over 'app package versions'")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--json", type=Path, help="write all results here")
    parser.add_argument("--seconds", type=float, default=300.0, help="for the clean starts of one step")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rows = [row for row in read_table(options.table) if fnmatch.fnmatch(row.name, f"{options.only}*")]
    results = []
    for row in rows:
        results.append(judge(row, options.seconds))
        tell(results[-1], options.verbose)
        if options.json:
            options.json.write_text(json.dumps([attrs.asdict(each) for each in results], indent=1))
    count = Counter(each.verdict for each in results)
    steps = [verdict for each in results for verdict in each.steps]
    print(
        ", ".join(f"{verdict} {number}" for verdict, number in sorted(count.items())),
        f"of {len(results)}; steps live {steps.count('live')} of {len(steps)}",
    )
    return int(any(count[verdict] for verdict in BAD))


if __name__ == "__main__":
    sys.exit(main())

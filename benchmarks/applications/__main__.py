"""Patch real web applications from release to release; compare each answer with a fresh start's.

    python -m benchmarks.applications [--in-process] [--only 'flask*'] [--json FILE] [--verbose]

Each application of `table.toml` is started on its first release by gunicorn, with hotpatch, and asked; the
next release is built, signed and pushed by the command line, under load, and it is asked again; so on for
each, then rolled back through all of them.  Plain services started fresh on each release are asked as often:
sessions, counters and what else the process has kept must show in the answers alike.

Verdicts of a step: `live` (the same workers serve the release), `reloaded` (hotpatch replaced them),
`refused` (it said no, and the release before goes on); `wrong` (an answer differs from a fresh start's),
`dropped` (a request of the load got no whole answer), `crash` (the service or a command ended or hung).
A row that could not be tried, since a release is not to be had or does not start, is an `error`.

With `--in-process` there is no server: the library call patches a process that holds the application, which
tells faster what is live, and why not: `live`, `reload`, `refuse`, `wrong`, `torn` (refused, and an answer
differs from before) and `crash`.  The exit status is 1 if there was any wrong, torn, dropped or crash.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks.applications.judge import Application, Judged, judge
from benchmarks.applications.served import Served, serve

TABLE = Path(__file__).with_name("table.toml")
BAD = ("wrong", "torn", "dropped", "crash")


def read_table(path: Path = TABLE) -> list[Application]:
    table: dict[str, Any] = tomllib.loads(path.read_text())
    found = []
    for row in table["application"]:
        words = {"kind": "wsgi", "needs": [], "requests": table["requests"][row["app"]], **row}
        words = {key: tuple(value) if isinstance(value, list) else value for key, value in words.items()}
        name = f"{row.get('name', row['app'])} {row['package']} {' '.join(row['versions'])}"
        found.append(Application(**{**words, "name": name}))
    return found


def tell(judged: Judged, most: int) -> None:
    seconds = f"{max(judged.seconds):.1f} s" if judged.seconds else ""
    print(f"{judged.verdict:8} {judged.name:60} {seconds:>7}  {judged.changed} answers differ", flush=True)
    for line in (*judged.reasons[:most], *judged.unlike[:most]):
        print(f"            {line[:500]}")


def tell_served(served: Served, most: int) -> None:
    print(f"{served.verdict:8} {served.name:60} {served.changed} answers differ {served.problem}", flush=True)
    for step in served.steps:
        load = f"{step.sent:6} asked {step.dropped:3} dropped" if step.sent else ""
        print(f"  {step.verdict:8} {step.what:22} {step.seconds:6.1f} s {load}")
        for line in (*[step.reason][: bool(step.reason)], *step.unlike[:most]):
            print(f"            {line[:500]}")


def totals(results: Sequence[Served | Judged]) -> dict[str, Any]:
    rows = Counter(each.verdict for each in results)
    steps = Counter(verdict for each in results for verdict in verdicts(each))
    counts: dict[str, Any] = {"applications": dict(rows), "steps": dict(steps)}
    loads = [step for each in results if isinstance(each, Served) for step in each.steps]
    if loads:
        counts |= {"asked": sum(step.sent for step in loads), "dropped": sum(step.dropped for step in loads)}
    return counts


def verdicts(result: Served | Judged) -> Sequence[str]:
    return result.steps if isinstance(result, Judged) else [step.verdict for step in result.steps]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--in-process", action="store_true", help="without a server, by the library call")
    parser.add_argument("--only", default="*", help="glob over 'app package versions'")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--json", type=Path, help="write all results here")
    parser.add_argument("--seconds", type=float, default=600.0, help="for the clean starts of one step")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    results: list[Served | Judged] = []
    most = 12 if options.verbose else 2
    for row in read_table(options.table):
        if not fnmatch.fnmatch(row.name, f"{options.only}*"):
            continue
        if options.in_process:
            results.append(judged := judge(row, options.seconds))
            tell(judged, most)
        else:
            results.append(served := serve(row, options.seconds))
            tell_served(served, most)
        if options.json:
            options.json.write_text(json.dumps([attrs.asdict(each) for each in results], indent=1))
    counts = totals(results)
    print(json.dumps(counts))
    return int(any(verdict in BAD for each in results for verdict in (each.verdict, *verdicts(each))))


if __name__ == "__main__":
    sys.exit(main())

"""Every worker class under endless releases: `python -m tests.matrix`, `make mixtures`

    --class NAME      only this one; may be repeated
    --releases 60     steps per class: pushes, rollbacks, canaries promoted and called off
    --control 6       and without pins, until there is a mixture

Prints a table, then a line of JSON for each class: `requests`, `mixed`, `errors`, `control_mixed`,
`releases`.  Ends with status 1 where a request saw two versions or failed, and where the control without pins
shows no mixture.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.matrix.program import CLASSES
from tests.matrix.run import Outcome, figures, run

COLUMNS = ("worker_class", "requests", "mixed", "errors", "control_mixed", "releases", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--class", dest="names", action="append", choices=CLASSES, metavar="NAME")
    parser.add_argument("--releases", type=int, default=60, metavar="N")
    parser.add_argument("--control", type=int, default=6, metavar="N")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    good = True
    print(*(f"{name:>14}" for name in COLUMNS), flush=True)
    for name in arguments.names or CLASSES:
        of = CLASSES[name]
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            outcome = run(of, Path(folder, "pinned"), lambda n, _: n >= arguments.releases)
            control = run(of, Path(folder, "control"), lambda n, _: n >= arguments.control, pinned=False)
        row = figures(of, outcome, control)
        rows.append(row)
        print(*(f"{row[column]!s:>14}" for column in COLUMNS), flush=True)
        for sample in outcome.account.samples:
            print(f"    {sample}", flush=True)
        good = good and is_good(outcome, control)
    for row in rows:
        print(json.dumps(row))
    sys.exit(0 if good else 1)


def is_good(outcome: Outcome, control: Outcome) -> bool:
    found = outcome.account
    return found.mixed == found.errors == 0 and outcome.same_workers and control.account.mixed > 0


if __name__ == "__main__":
    main()

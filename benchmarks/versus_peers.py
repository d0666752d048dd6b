"""The same edits by hotpatch and by the tools that change code in place: `python -m benchmarks.versus_peers`

    --functions 10,100,1000   functions of the module that changes
    --objects 0,1000000       other objects alive; ten million are welcome where there is memory (1 GB a
                              contender)
    --contenders NAME,...     of those in `contenders`; hotpatch has to be among them
    --rounds 7                for each figure
    --json                    the figures alone, on the last line in any case

For each edit, module size and heap size every contender has a process of its own on the old sources, and
they take turns.  Per round: one edit timed, taken back, one edit with a thread beside it that ticks, taken
back.

    ms            time to apply.  hotpatch: read the measurement, stage, commit; the measurement was made
                  by the builder and the proof belongs to a forked child.  The others read their files.
    hold_ms       the longest time during which the ticking thread did not get the GIL, by the wall clock;
                  hold_cpu_ms leaves out what other processes took, and the time for which the ticking
                  thread had no processor; floor_ms is the latter beside a loop of plain Python that
                  takes as long and gives way at each turn, in the same process, right after: a longer
                  run meets more of what the machine does by itself
    right         whether the process answered, each time, as one does that started on the new
                  sources and lived the same life
    times_faster  the fastest contender that is right, over hotpatch: the median of the rounds' ratios,
                  with the least and the greatest; none where nobody else is right

The edits: `body`, one function's body, reached by its module alone; `line`, the same with one more line, so
that all functions below move down; `held`, the first where the function is held by
`from goods import`, a table and an instance, beside state that must stay; `fix`, what fixes of
real packages consist of: an import, a constant and what was computed from it, a helper, a signature,
a method.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.contenders import CONTENDERS
from benchmarks.spread import spread
from hotpatch import engine

Files = Mapping[str, str]

GOODS = '''
"""Prices."""
LIMIT = 10
SEEN = []

def capped(amount, limit=LIMIT):
    return min(amount, limit)

class Basket:
    def __init__(self):
        self.rows = [1, 2, 3]

    def total(self):
        return sum(self.rows)
'''
PRICE = '''
def price_{i}(amount, rate=3):
    """The price of kind {i}."""
    total = {extra}
    for step in range(3):
        if amount > step:
            total += amount * step + {i}
        else:
            total -= step
    return capped(total * rate, 10_000_000)
'''
BY_NAME = """
import goods

def warm():
    goods.price_0(1)

def probe():
    return [goods.price_0(2), goods.price_1(2)]
"""
HOLDING = """
import goods
from goods import Basket, capped, price_0

TOP = goods.LIMIT * 2
HANDLERS = {"price": price_0, "capped": capped}
basket = Basket()
total = basket.total

def warm():
    goods.SEEN.append(price_0(0))
    basket.rows.append(4)

def probe():
    return [
        goods.price_0(2), price_0(2), HANDLERS["price"](2), HANDLERS["capped"](1000), capped(1000),
        basket.total(), total(), TOP, len(goods.SEEN), isinstance(basket, goods.Basket), goods.price_1(2),
    ]
"""


def _goods(functions: int, extra: int = 0, head: str = GOODS) -> str:
    return head + "".join(PRICE.format(i=i, extra=extra if i == 0 else 0) for i in range(functions))


FIX = (
    GOODS.replace('"""Prices."""', '"""Prices."""\nimport re\n')
    .replace("LIMIT = 10", "LIMIT = 20")
    .replace(
        "def capped(amount, limit=LIMIT):\n    return",
        "def capped(amount, limit=LIMIT, least=1):\n    return",
    )
    .replace("return min(amount, limit)", "return max(least, min(checked(amount), limit))")
    .replace("return sum(self.rows)", "return sum(map(checked, self.rows)) + self.extra()")
    + """
    def extra(self):
        return 100

def checked(amount):
    return amount if re.fullmatch("-?[0-9]+", str(amount)) else 0
"""
)


def edits(functions: int) -> dict[str, tuple[Files, Files]]:
    old, body = _goods(functions), _goods(functions, 7)
    longer = body.replace("    total = 7", "    # one more line\n    total = 7")
    return {
        "body": ({"goods.py": old, "front.py": BY_NAME}, {"goods.py": body, "front.py": BY_NAME}),
        "line": ({"goods.py": old, "front.py": BY_NAME}, {"goods.py": longer, "front.py": BY_NAME}),
        "held": ({"goods.py": old, "front.py": HOLDING}, {"goods.py": body, "front.py": HOLDING}),
        "fix": (
            {"goods.py": old, "front.py": HOLDING},
            {"goods.py": _goods(functions, 7, FIX), "front.py": HOLDING},
        ),
    }


def write(root: Path, files: Files, age: int) -> None:
    """`age` orders the versions of a file, for tools that go by its time."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name).write_text(text)
        os.utime(root / name, (1_700_000_000 + age, 1_700_000_000 + age))


@frozen
class Rival:
    """A contender's process and the folder that it runs from."""

    name: str
    root: Path
    process: subprocess.Popen[str]

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with exit status {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def rival(name: str, root: Path, objects: int) -> Iterator[Rival]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.contenders", name, str(root), str(objects)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield Rival(name, root, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def fresh(root: Path) -> Any:
    """What the probe says after a start from `root`."""
    with rival("fresh", root, 0) as started:
        return started.answer()["probe"]


def contest(
    old: Files, new: Files, objects: int, rounds: int, names: Sequence[str], folder: Path
) -> dict[str, dict[str, Any]]:
    """Each contender's figures for one edit."""
    write(folder / "old", old, 0)
    write(folder / "new", new, 0)
    wanted = fresh(folder / "new")
    start = engine.Start(root=str(folder / "old"), modules=("front",), preload=("re",))
    measurement = folder / "measurement"
    measurement.write_bytes(engine.measure(str(folder / "old"), str(folder / "new"), start).dump())
    changed = [name for name in new if new[name] != old[name]]
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with ExitStack() as stack:
        rivals = []
        for name in names:
            write(folder / name, old, 0)
            rivals.append(stack.enter_context(rival(name, folder / name, objects)))
        for each in rivals:
            each.answer()
        age = 0
        for turn in range(rounds):
            for each in rivals[turn % len(rivals) :] + rivals[: turn % len(rivals)]:
                for tick in (False, True):
                    age += 20
                    write(each.root, {name: new[name] for name in changed}, age)
                    answer = each.ask(do="apply", changed=changed, measurement=str(measurement), tick=tick)
                    write(each.root, {name: old[name] for name in changed}, age + 10)
                    back = each.ask(do="back", changed=changed)
                    right = answer["error"] is None and answer["probe"] == wanted
                    samples[each.name].append({**answer, "tick": tick, "right": right, "back": back})
    return {name: _figures(found) for name, found in samples.items()}


def _figures(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    timed = [s for s in samples if not s["tick"]]
    ticked = [s for s in samples if s["tick"]]
    return {
        "right": all(s["right"] for s in samples),
        "error": next((s["error"] for s in samples if s["error"]), None),
        "ms": spread([s["ms"] for s in timed]),
        "cpu_ms": spread([s["cpu_ms"] for s in timed]),
        "hold_ms": spread([s["hold_ms"] for s in ticked]),
        "hold_cpu_ms": spread([s["hold_cpu_ms"] for s in ticked]),
        "floor_ms": spread([s["floor_ms"] for s in ticked]),
        "each_ms": [round(s["ms"], 3) for s in timed],
    }


def against_the_fastest(found: Mapping[str, dict[str, Any]]) -> tuple[str | None, dict[str, float] | None]:
    """The fastest other contender that is right, and how much longer it takes."""
    ours = found["hotpatch"]
    peers = [name for name in found if name != "hotpatch" and found[name]["right"]]
    if not peers or not ours["right"]:
        return None, None
    best = min(peers, key=lambda name: float(found[name]["ms"]["median"]))
    pairs = zip(found[best]["each_ms"], ours["each_ms"], strict=True)
    return best, spread([theirs / mine for theirs, mine in pairs], 2)


def head(names: Sequence[str]) -> None:
    print(f"{'edit':6}{'functions':>10}{'objects':>10}  " + "".join(f"{name:>38}" for name in names))
    print(" " * 28 + "".join(f"{'right  ms  hold ms (cpu, floor)':>38}" for _ in names), flush=True)


def line(row: dict[str, Any], names: Sequence[str]) -> None:
    cells = []
    for name in names:
        f = row["contenders"][name]
        mark = "yes" if f["right"] else "raises" if f["error"] else "no"
        hold, cpu, floor = (f[name]["median"] for name in ("hold_ms", "hold_cpu_ms", "floor_ms"))
        cells.append(f"{mark:>8}{f['ms']['median']:>9.2f}{hold:>8.2f} ({cpu:.2f}, {floor:.2f})".rjust(38))
    print(f"{row['edit']:6}{row['functions']:>10}{row['objects']:>10}  " + "".join(cells), flush=True)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_peers")
    parser.add_argument("--functions", type=numbers, default=[10, 100, 1000])
    parser.add_argument("--objects", type=numbers, default=[0, 1_000_000])
    parser.add_argument("--edits", default="body,line,held,fix")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names, rows = options.contenders.split(","), []
    if not options.json:
        head(names)
    for functions in options.functions:
        for objects in options.objects:
            for edit in options.edits.split(","):
                folder = Path(tempfile.mkdtemp(prefix="versus-"))
                try:
                    found = contest(*edits(functions)[edit], objects, options.rounds, names, folder)
                finally:
                    shutil.rmtree(folder)
                best, times = against_the_fastest(found)
                row = {"edit": edit, "functions": functions, "objects": objects, "contenders": found}
                rows.append({**row, "fastest_peer": best, "times_faster": times})
                if not options.json:
                    line(row, names)
    ours = [row["contenders"]["hotpatch"] for row in rows]
    compared = [row["times_faster"]["median"] for row in rows if row["times_faster"]]
    summary = {
        "right": {name: sum(row["contenders"][name]["right"] for row in rows) for name in names},
        "asked": len(rows),
        "times_faster": spread(compared, 2) if compared else None,
        "longest_hold_ms": spread([f["hold_ms"]["median"] for f in ours]),
        "longest_hold_cpu_ms": spread([f["hold_cpu_ms"]["median"] for f in ours]),
        "hold_over_floor": spread([f["hold_cpu_ms"]["median"] / f["floor_ms"]["median"] for f in ours], 2),
        "median_ms": round(statistics.median(f["ms"]["median"] for f in ours), 3),
        "python": sys.version.split()[0],
        "rows": rows,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()

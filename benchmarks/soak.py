"""Ten thousand patches and undos in one process: `python -m benchmarks.soak`, `make soak`

    --patches 10000   how many commits; each is taken back
    --json            the figures alone, on the last line in any case

A small program goes from one version to the next, three steps there and three back, again and again: by
stage, commit and undo; every tenth time, where the edit can run beside the old code, by `epochs.install`,
`flip` and `collapse`, and back by `rollback`.  In the end one edit of each kind stays, its record is dropped,
and with it the old code must go.

Sampled along the way, after a full collection: resident memory, allocated blocks, objects that the collector
tracks, file descriptors, threads.  Ends with status 1 where one of them rises higher in the second half than
it ever stood in the first, or where old code is still held.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import tempfile
import threading
import time
import types
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from hotpatch import engine, epochs

STEPS: Final = 3
EVERY: Final = 10
"""One round in so many goes side by side."""

SHOP = '''
import functools
from soak_base import LIMIT, tagged
{imports}
TABLE = {{"limit": LIMIT, "step": {v}}}
ROWS = [{rows}]

@functools.lru_cache
def priced(amount):
    return amount * {v}

@tagged({v})
def checked(amount, limit=LIMIT{signature}):
    """Version {v}."""
    return min(priced(amount), limit)

def counter(start):
    def up():
        nonlocal start
        start += {v}
        return start
    return up

class Basket:
    rate = {v}
    def __init__(self):
        self.rows = []
    def total(self):
        return super().__repr__() and sum(map(checked, self.rows)) + {v}
    @property
    def size(self):
        return len(self.rows) + {v}
{method}
held = counter(0)
basket = Basket()
CHECKS = {{"checked": checked, "total": basket.total}}
{helper}
'''
BASE = """
LIMIT = {limit}
def tagged(tag):
    def mark(f):
        f.tag = tag
        return f
    return mark
"""
PAGE = """
from soak_base import LIMIT

SIZE = {v}

def shown(rows, size=SIZE{signature}):
    return [row + {v} for row in rows[:LIMIT]] + [size, SIZE]

class View:
    title = "version {v}"
    def render(self):
        return self.title, shown([1])
{method}
view = View()
held = view.render
"""


def version(v: int, page: int = 0) -> dict[str, str]:
    """`page` is the version of the part that can run beside its old code."""
    return {
        "soak_page.py": PAGE.format(
            v=page,
            signature=f", more={page}" if page > 1 else "",
            method=f"    def added(self):\n        return {page}\n" if page % 2 else "",
        ),
        "soak_base.py": BASE.format(limit=1000 + v // 2),
        "soak_shop.py": SHOP.format(
            v=v,
            imports="import bisect" if v % 2 else "",
            rows=", ".join(map(str, range(v + 1))),
            signature=f", least={v}" if v > 1 else "",
            method="    def empty(self):\n        return not self.rows\n" if v % 2 else "",
            helper=f"def helper():\n    return {v}\n" if v % 2 else "",
        ),
    }


@frozen
class Sample:
    """What a process holds after a full collection; memory in KiB."""

    patches: int
    memory: int
    blocks: int
    objects: int
    descriptors: int
    threads: int

    @staticmethod
    def take(patches: int) -> Sample:
        for _ in range(3):
            gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Sample(
            patches=patches,
            memory=pages * os.sysconf("SC_PAGE_SIZE") // 1024,
            blocks=sys.getallocatedblocks(),
            objects=len(gc.get_objects()),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
        )


class Soak:
    """The program, loaded in this process, and the measured steps between its versions."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "live"
        _write(self.root, version(0))
        sys.path.insert(0, str(self.root))
        importlib.invalidate_caches()
        self.shop: Any = importlib.import_module("soak_shop")
        self.page: Any = importlib.import_module("soak_page")
        self.steps = _measured([version(v) for v in range(STEPS + 1)], folder / "steps")
        self.pages = _measured([version(0, v) for v in range(STEPS + 1)], folder / "pages")
        self.shop.held()
        self.at_the_start = self.answers()

    def close(self) -> None:
        sys.path.remove(str(self.root))
        for name in ("soak_shop", "soak_page", "soak_base"):
            del sys.modules[name]

    def answers(self) -> list[Any]:
        """What the program says, through everything that holds on to a part of it."""
        shop, page = self.shop, self.page
        return [
            shop.checked(5), shop.CHECKS["checked"](5), shop.CHECKS["total"](), shop.basket.size,
            shop.checked.tag, shop.TABLE, list(shop.ROWS), shop.LIMIT, hasattr(shop, "helper"),
            isinstance(shop.basket, shop.Basket), list(vars(shop)),
            page.held(), page.view.render(), hasattr(page.view, "added"), list(vars(page)),
        ]  # fmt: skip

    def there_and_back(self) -> None:
        """All steps, then all undos; the program has to say what it said."""
        undos = [engine.commit_quietly(engine.stage(step, str(self.root))) for step in self.steps]
        self._must_say(STEPS, self.shop.TABLE["step"])
        while undos:
            undos.pop().revert()
        self._must_be_as_at_the_start()

    def side_by_side(self) -> None:
        """All steps with both versions in the process for a while, then back likewise."""
        versions = []
        for step in self.pages:
            versions.append(epochs.install(engine.stage(step, str(self.root), view=epochs.view()).ops))
            versions[-1].flip()
            epochs.tend()
        self._must_say((f"version {STEPS}", [1 + STEPS, STEPS, STEPS]), self.page.held())
        while versions:
            versions.pop().rollback()
            epochs.tend()
        if not epochs.is_plain():
            raise AssertionError("versions are left in the process though nobody uses them")
        self._must_be_as_at_the_start()

    def left_of_the_old(self) -> list[str]:
        """One edit of each kind for good.  With its record gone nothing may hold what it took out."""
        old: dict[str, weakref.ref[types.CodeType]] = {}
        staged = engine.stage(self.steps[0], str(self.root))
        _note_code(staged, old)
        undo = engine.commit_quietly(staged)
        staged = engine.stage(self.pages[0], str(self.root), view=epochs.view())
        _note_code(staged, old)
        version = epochs.install(staged.ops)
        version.flip()
        epochs.tend()
        if not old:
            raise AssertionError("the edits exchange no code")
        del staged, undo, version
        self.steps.clear()
        self.pages.clear()
        gc.collect()
        return [where for where, ref in old.items() if ref() is not None]

    def _must_say(self, wanted: Any, found: Any) -> None:
        if wanted != found:
            raise AssertionError(f"the program says {found!r} where a fresh start says {wanted!r}")

    def _must_be_as_at_the_start(self) -> None:
        self._must_say(self.at_the_start, self.answers())


def _note_code(staged: engine.Staged, old: dict[str, weakref.ref[types.CodeType]]) -> None:
    for op in staged.ops:
        if isinstance(op.before, types.CodeType):
            old[op.where] = weakref.ref(op.before)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _measured(versions: Sequence[Mapping[str, str]], folder: Path) -> list[engine.Measurement]:
    """The steps from each version to the next, as a worker reads them."""
    for number, files in enumerate(versions):
        _write(folder / str(number), files)
    found = []
    for number in range(len(versions) - 1):
        old, new = str(folder / str(number)), str(folder / str(number + 1))
        preload = ("functools", "bisect")
        start = engine.Start(root=old, modules=("soak_shop", "soak_page"), preload=preload)
        found.append(engine.Measurement.load(engine.measure(old, new, start).dump()))
    return found


def soak(patches: int, folder: Path, samples: int = 10) -> tuple[list[Sample], list[str]]:
    """Samples along the way, and what is still held of the old code when its records are gone."""
    run = Soak(folder)
    try:
        found: list[Sample] = []
        done = rounds = 0
        while done < patches:
            run.side_by_side() if rounds % EVERY == 0 else run.there_and_back()
            rounds += 1
            done += STEPS
            if done >= patches * (len(found) + 1) / samples:
                found.append(Sample.take(done))
        return found, run.left_of_the_old()
    finally:
        run.close()


MEMORY_SLACK: Final = 1024
"""KiB: one arena of the allocator, which come and go."""
OBJECT_SLACK: Final = 200
"""Far less than one object a round, even of a short soak."""


def grown(found: Sequence[Sample]) -> list[str]:
    """What has risen higher in the second half than it ever stood in the first."""
    half = len(found) // 2
    slack = {"memory": MEMORY_SLACK, "blocks": 5 * OBJECT_SLACK, "objects": OBJECT_SLACK}
    findings = []
    for name in ("memory", "blocks", "objects", "descriptors", "threads"):
        before, after = (max(getattr(s, name) for s in part) for part in (found[:half], found[half:]))
        if after - before > slack.get(name, 0):
            until = f"until {found[half - 1].patches} patches, {after} until {found[-1].patches}"
            findings.append(f"{name}: {before} {until}")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found, held = soak(options.patches, Path(folder))
    if not options.json:
        for sample in found:
            print("  ".join(f"{name} {value:>8}" for name, value in asdict(sample).items()))
    findings = [*grown(found), *(f"the old code of {name} is still held" for name in held)]
    seconds = round(time.perf_counter() - began, 1)
    first, last = asdict(found[0]), asdict(found[-1])
    summary = {"patches": last["patches"], "seconds": seconds, "first": first, "last": last}
    print(json.dumps({**summary, "findings": findings}))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

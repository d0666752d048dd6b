"""One case in a process of its own: `python -m tests.conformance.run_case CASE SCRATCH` prints its verdict.

A case is a folder with `before` and `after` (the program's modules), `case.toml` (`expect`: live, refuse or
either) and `probe.py` with `setup`, `check_before`, `check_after` and `fresh`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from hotpatch.errors import PatchRefused
from tests import conformance_adapter as adapter


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("probe", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(case: Path, scratch: Path) -> str:
    """`live` or `refused: why`; an AssertionError or another error of the probe's is the program's."""
    src = scratch / "src"
    shutil.copytree(case / "before", src)
    sys.path.insert(0, str(src))
    adapter.prepare(str(src))
    probe, ns = load(case / "probe.py"), SimpleNamespace(src=src)
    probe.setup(ns)
    probe.check_before(ns)
    adapter.settle(str(src))
    shutil.rmtree(src)
    shutil.copytree(case / "after", src)
    changed = [path.relative_to(src).as_posix() for path in src.rglob("*.py")]
    try:
        adapter.apply(str(src), changed)
    except PatchRefused as why:
        probe.check_before(ns)
        return f"refused: {why}"
    probe.check_after(ns)
    shutil.rmtree(src)
    shutil.copytree(case / "before", src)
    adapter.undo()
    return "live"


def fresh(case: Path, side: str, scratch: Path) -> str:
    """`live` if the new behaviour is there on a start of one of the two sides."""
    shutil.copytree(case / side, scratch / "src")
    sys.path.insert(0, str(scratch / "src"))
    try:
        load(case / "probe.py").fresh(SimpleNamespace(src=scratch / "src"))
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the old code does instead
        return f"differs: {type(error).__name__}: {error}"
    return "live"


if __name__ == "__main__":
    what, where, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    verdict = run(where, folder) if what == "patch" else fresh(where, what, folder)
    sys.stdout.write(f"{verdict}\n")
    sys.stdout.flush()
    os._exit(0)  # do not wait for threads that the case left running

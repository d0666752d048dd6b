"""A release that has a parallel form does not look through the heap in one piece, forward or back."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from hotpatch import epochs
from hotpatch.engine import Start, measure, stage

OLD = """
TIMES = 2

def raised(function):
    def inner(x):
        return function(x) + TIMES
    return inner

@raised
def price(x):
    return x
"""
NEW = OLD.replace("TIMES = 2", "TIMES = 3").replace("+ TIMES", "+ 2 * TIMES")


def test_globals_and_closures_change_without_a_pass_over_the_heap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, text in (("old", OLD), ("new", NEW)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "unpaused_program.py").write_text(text)
    root = str(tmp_path / "old")
    measurement = measure(root, str(tmp_path / "new"), Start(root=root, modules=("unpaused_program",)))
    monkeypatch.syspath_prepend(root)
    module: Any = importlib.import_module("unpaused_program")
    module.later = [module.raised(abs)]
    passes: list[str] = []
    for name in ("get_objects", "get_referrers"):
        monkeypatch.setattr(gc, name, _noting(name, getattr(gc, name), passes))
    try:
        for _ in range(2):
            version = epochs.install(stage(measurement, root, view=epochs.view()).ops)
            version.flip()
            assert (module.price(1), module.later[0](1)) == (7, 7)
            epochs.tend()
            version.rollback()
            assert (module.price(1), module.later[0](1)) == (3, 3)
            epochs.tend()
    finally:
        del sys.modules["unpaused_program"]
    assert passes == []


def _noting(name: str, real: Any, passes: list[str]) -> Any:
    def noting(*arguments: Any, **options: Any) -> Any:
        passes.append(name)
        return real(*arguments, **options)

    return noting

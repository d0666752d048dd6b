"""What a process notes by itself, whatever is done in it: no difference, and nobody's edit."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.engine.conftest import Program

COLLECTIONS = """
import gc
counts = {"n": 0}
phases = []
def on_collection(phase, info):
    counts["n"] += 1
    phases.append(phase)
gc.callbacks.append(on_collection)
"""
PLUGINS = """
import pkgutil
for info in pkgutil.iter_modules(__path__):
    __import__(f"plugged.{info.name}")
"""


@pytest.fixture
def callbacks() -> Iterator[None]:
    before = gc.callbacks[:]
    yield
    gc.callbacks[:] = before


@pytest.mark.usefixtures("callbacks")
def test_what_is_noted_of_collections_is_state(program: Program) -> None:
    program.runs({"mon.py": COLLECTIONS, "app.py": "import mon\ndef page(): return 'old'\n"})
    app = program.module("app")
    gc.collect()
    counted = app.mon.counts["n"]
    outcome = program.patch({"app.py": "import mon\ndef page(): return 'new'\n"})
    assert outcome, outcome.reasons
    assert app.page() == "new" and app.mon.counts["n"] >= counted
    gc.collect()
    assert app.mon.counts["n"] > counted


def test_what_a_finder_of_modules_knows_of_its_folder_is_no_difference(program: Program) -> None:
    files = {"plugged/__init__.py": PLUGINS, "plugged/one.py": "N = 1\n", "plugged/two.py": "N = 1\n"}
    program.runs(files)
    plugged = program.module("plugged")
    outcome = program.patch({"plugged/two.py": "N = 2\n", "plugged/three.py": "N = 3\n"})
    assert outcome, outcome.reasons
    assert plugged.two.N == 2 and plugged.three.N == 3

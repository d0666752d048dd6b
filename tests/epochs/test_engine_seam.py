"""The engine's own ops can be installed: what it measures and stages goes in beside the old code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotpatch import epochs
from hotpatch.engine import Start, measure, stage

OLD = """
TIMES = 2

def scaled(x, by=TIMES):
    return x * by

class Shop:
    def price(self, x: int):
        return scaled(x)
"""
NEW = OLD.replace("TIMES = 2", "TIMES = 3").replace("return scaled(x)", "return scaled(x) + 1")
ANNOTATED = OLD.replace("def price(self, x: int):", "def price(self, x: int, times: int = 2) -> int:")
ANNOTATED = ANNOTATED.replace("scaled(x)", "scaled(x, times)")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of `seam_program`, imported in this process from its old source."""
    for folder, text in (("old", OLD), ("new", NEW), ("annotated", ANNOTATED)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "seam_program.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    importlib.import_module("seam_program")
    yield tmp_path
    del sys.modules["seam_program"]


def installed(live: Path, new: str) -> epochs.Version:
    start = Start(root=str(live / "old"), modules=("seam_program",))
    measured = measure(str(live / "old"), str(live / new), start)
    return epochs.install(stage(measured, str(live / "old")).ops)


def test_annotated_parameters_go_in_beside_the_old_code(live: Path) -> None:
    shop = sys.modules["seam_program"].Shop
    version = installed(live, "annotated")
    try:
        assert shop.price.__annotations__ == {"x": int}
        version.flip()
        assert shop().price(10, 5) == 50
        assert shop.price.__annotations__ == {"x": int, "times": int, "return": int}
    finally:
        version.rollback()
    assert shop.price.__annotations__ == {"x": int}
    epochs.tend()


def test_a_measured_change_is_installed_flipped_and_rolled_back(live: Path) -> None:
    shop = sys.modules["seam_program"].Shop()
    version = installed(live, "new")
    try:
        assert shop.price(10) == 20
        version.flip()
        assert shop.price(10) == 31
    finally:
        version.rollback()
    assert shop.price(10) == 20
    epochs.tend()

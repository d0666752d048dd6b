"""The engine's own ops can be installed: what it measures and stages goes in beside the old code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotpatch import epochs
from hotpatch.engine import Staged, Start, measure, prove, stage
from tests.epochs.requests import Open

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
ROW = """
from dataclasses import dataclass, field, fields

@dataclass
class Row:
    name: str
    mark: int = {mark}
    tags: list = field(default_factory=list{options})

def made():
    return repr(Row("a")), [(each.name, each.repr) for each in fields(Row)], Row.mark
"""
OLD += ROW.format(mark=1, options="")
NEW += ROW.format(mark=1, options="")
ANNOTATED += ROW.format(mark=1, options="")
FIELDS = OLD.replace("mark: int = 1", "first: int = 7\n    mark: float = 2")
FIELDS = FIELDS.replace("=list)", "=list, repr=False)")


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of `seam_program`, imported in this process from its old source."""
    for folder, text in (("old", OLD), ("new", NEW), ("annotated", ANNOTATED), ("fields", FIELDS)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "seam_program.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    importlib.import_module("seam_program")
    yield tmp_path
    del sys.modules["seam_program"]


def staged(live: Path, new: str) -> Staged:
    start = Start(root=str(live / "old"), modules=("seam_program",))
    measured = measure(str(live / "old"), str(live / new), start)
    return stage(measured, str(live / "old"), view=epochs.view())


def installed(live: Path, new: str) -> epochs.Version:
    return epochs.install(staged(live, new).ops)


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


def test_a_dataclass_fields_new_default_and_options_are_each_versions_own(live: Path) -> None:
    """A field is definition, not state: its object gives way, so that each version has one."""
    program = sys.modules["seam_program"]
    was = "Row(name='a', mark=1, tags=[])", [("name", True), ("mark", True), ("tags", True)], 1
    order = [("name", True), ("first", True), ("mark", True), ("tags", False)]
    change = staged(live, "fields")
    old = Open()
    version = epochs.install(change.ops)
    version.flip()
    try:
        assert old.run(program.made) == was
        assert program.made() == ("Row(name='a', first=7, mark=2)", order, 2)
    finally:
        old.end()
    assert version.collapse()
    assert program.made() == ("Row(name='a', first=7, mark=2)", order, 2)
    assert prove(change) == ()
    version.rollback().collapse()
    assert program.made() == was


def test_what_records_of_earlier_releases_hold_is_no_fault_of_the_next(live: Path) -> None:
    """The same change again, after it was taken back: records of the first keep the fields that gave way."""
    program = sys.modules["seam_program"]
    before = program.made()
    taken_back = []
    for _ in range(2):
        change = staged(live, "fields")
        version = epochs.install(change.ops)
        version.flip()
        assert version.collapse()
        assert prove(change) == ()
        taken_back.append((change, version, version.rollback()))
        epochs.tend()
    assert program.made() == before

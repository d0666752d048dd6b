"""Every edit of the catalogue does in a live process what the catalogue says."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import hotpatch
from hotpatch.plan import Effect
from tests.engine import catalogue_page
from tests.engine.catalogue import Row, read

ROWS = [(section.title, row) for section in read() for row in section.rows]


def write(root: Path, sources: Mapping[str, str]) -> Path:
    for name, text in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.fixture
def clean_modules(tmp_path: Path) -> Iterator[None]:
    kept = dict(sys.modules)
    sys.path.insert(0, str(tmp_path / "old"))
    yield
    for name in sys.modules.keys() - kept.keys():
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path.remove(str(tmp_path / "old"))
    importlib.invalidate_caches()


def holds(expression: str, space: dict[str, Any]) -> bool:
    return not expression or bool(eval(expression, space))


@pytest.mark.usefixtures("clean_modules")
@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[f"{t}: {row.edit}" for t, row in ROWS])
def test_an_edit_does_what_the_catalogue_says(row: Row, tmp_path: Path) -> None:
    old, new = write(tmp_path / "old", row.before), write(tmp_path / "new", row.after)
    importlib.invalidate_caches()
    space: dict[str, Any] = {"m": importlib.import_module("m")}
    exec(row.held, space)
    assert holds(row.old, space), "before"
    outcome = hotpatch.patch(old, new, root=old, transformers=row.transformers)
    try:
        assert outcome.effect is row.effect, outcome.reasons
        if outcome.effect is not Effect.LIVE:
            assert row.reason in " ".join(outcome.reasons)
            assert holds(row.old, space), "after the refusal"
            return
        assert holds(row.new, space), "after"
        assert outcome.undo is not None
        outcome.undo.revert()
        assert holds(row.old, space), "after the undo"
    finally:
        if hasattr(space["m"], "stop"):  # lets the row's threads end
            space["m"].stop.set()


def test_the_page_is_up_to_date() -> None:
    assert catalogue_page.PAGE.read_text() == catalogue_page.render(), "run `make docs`"

"""A small program that is started in this process, changed on disk, and patched."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hotpatch import engine, patching


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """The text with one thing after another put in the place of what it has."""
    for was, becomes in pairs:
        assert was in text, was
        text = text.replace(was, becomes)
    return text


class Program:
    """`root` is where the program runs from, `before` the sources that run, `after` those to come."""

    def __init__(self, folder: Path) -> None:
        self.root, self.before, self.after = folder / "live", folder / "before", folder / "after"

    def runs(self, files: Mapping[str, str]) -> None:
        """Write the program and make it importable."""
        self._write(self.root, files)
        shutil.copytree(self.root, self.before)
        sys.path.insert(0, str(self.root))
        importlib.invalidate_caches()

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(name)

    def becomes(self, files: Mapping[str, str | None]) -> None:
        """The sources to come: as those that run, with these files in place of theirs."""
        shutil.rmtree(self.after, ignore_errors=True)
        shutil.copytree(self.before, self.after)
        for name, text in files.items():
            if text is None:
                (self.after / name).unlink()
            else:
                self._write(self.after, {name: text})

    def patch(self, files: Mapping[str, str | None], **options: Any) -> patching.Outcome:
        self.becomes(files)
        return patching.patch(self.before, self.after, root=self.root, **options)

    def measure(self, files: Mapping[str, str | None]) -> engine.Measurement:
        self.becomes(files)
        return engine.measure(str(self.before), str(self.after), patching.here(str(self.root)))

    def pushed(self, files: Mapping[str, str | None]) -> patching.Outcome:
        """Patched, with what is measured as it comes out of a bundle: no more than the edit needs."""
        measured = engine.Measurement.load(self.measure(files).dump())
        return patching.apply(measured, str(self.root))

    @staticmethod
    def _write(root: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    modules, path = set(sys.modules), list(sys.path)
    made = Program(tmp_path)
    yield made
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()

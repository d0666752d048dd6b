"""hotpatch as a tool of suites that edit a running program: `prepare`, `settle`, `apply`, `undo`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hotpatch import patching
from hotpatch.errors import PatchRefused

_setup = ""
_sources: Path | None = None
_undos: list[patching.Undo] = []


def setup(source: str) -> None:
    """What the program runs before its imports."""
    global _setup
    _setup = source


def prepare(src: str) -> None:
    settle(src)


def settle(src: str) -> None:
    """Keep the sources that run, to be able to start them again."""
    global _sources
    before, _sources = _sources, Path(tempfile.mkdtemp(prefix="hotpatch-sources-")) / "src"
    shutil.copytree(src, _sources, ignore=shutil.ignore_patterns("__pycache__"))
    if before is not None:
        shutil.rmtree(before.parent, ignore_errors=True)


def apply(src: str, changed: Sequence[str]) -> None:
    assert _sources is not None
    outcome = patching.patch(_sources, src, setup=_setup)
    if not outcome:
        raise PatchRefused("; ".join(outcome.reasons[:3]))
    assert outcome.undo is not None
    _undos.append(outcome.undo)
    settle(src)


def undo() -> None:
    _undos.pop().revert()

"""hotpatch as a tool of suites that edit a running program: `prepare`, `settle`, `apply`, `undo`."""

from __future__ import annotations

import shutil
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


def set_up_by() -> str:
    """What was given to `setup`."""
    return _setup


def as_it_runs() -> str:
    """The folder of the sources that run."""
    assert _sources is not None
    return str(_sources)


def prepare(src: str) -> None:
    settle(src)


def settle(src: str) -> None:
    """Keep the sources that run, to be able to start them again: beside them, in the folder that the suite
    makes for the case, for suites leave by `os._exit` and kill what takes too long."""
    global _sources
    before, _sources = _sources, _beside(Path(src), taken=_sources)
    shutil.copytree(src, _sources, ignore=shutil.ignore_patterns("__pycache__"))
    if before is not None:
        shutil.rmtree(before)


def _beside(src: Path, taken: Path | None) -> Path:
    places = (src.with_name(f"{src.name}-as-it-runs-{number}") for number in (0, 1))
    return next(place for place in places if place != taken)


def apply(src: str, changed: Sequence[str]) -> None:
    outcome = patching.patch(as_it_runs(), src, setup=_setup)
    if not outcome:
        raise PatchRefused("; ".join(outcome.reasons[:3]))
    assert outcome.undo is not None
    _undos.append(outcome.undo)
    settle(src)


def undo() -> None:
    _undos.pop().revert()

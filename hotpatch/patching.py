"""The plain library call: sources in, an outcome out; no signatures, no service.

For tests, notebooks and other tools that are at home in the process they patch.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from hotpatch import engine
from hotpatch.errors import HotpatchError, PatchInvalid, PatchRefused
from hotpatch.plan import Edit, Effect, Plan


@frozen(eq=False)
class Outcome:
    """What became of a patch.  `effect` LIVE: it is applied, and `undo` takes it back; RELOAD: it has no sound live
    form here, REFUSE: the new sources are no program; with these two nothing was changed, and `reasons` say why."""

    effect: Effect
    plan: Plan
    reasons: tuple[str, ...] = ()
    undo: engine.Undo | None = field(default=None, repr=False)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return self.plan.edits

    def __bool__(self) -> bool:
        return self.effect is Effect.LIVE


def patch(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    modules: Sequence[str] | None = None,
    app: Any = None,
    app_target: str = "",
    setup: str = "",
    choices: Mapping[str, str] | None = None,
    seconds: float = 120.0,
) -> Outcome:
    """Bring this process from the sources in `old` to those in `new`.

    `old` holds the sources as they run, `new` the ones that shall run; `root` is the folder from which the
    program's modules were loaded (default: `new`).  `modules` are those that a clean start imports, in order
    (default: all of the program that are loaded).  A program that makes its application by a
    factory gives `app_target` (`module:factory()`) and the live object `app`; `setup` is source that runs before anything
    is imported.  Raises nothing but for misuse: the outcome tells.  One call at a time.
    """
    home = os.path.abspath(root if root is not None else new)
    start = here(home, modules, app_target, setup, seconds)
    try:
        measurement = engine.measure(os.path.abspath(old), os.path.abspath(new), start)
    except PatchInvalid as why:
        return _failed(Effect.REFUSE, str(why))
    except PatchRefused as why:
        return _failed(Effect.RELOAD, str(why))
    return apply(measurement, home, app, choices)


def apply(
    measurement: engine.Measurement, root: str, app: Any = None, choices: Mapping[str, str] | None = None
) -> Outcome:
    """Bring a measured difference live in this process: staged, committed, proven, or as it was before."""
    planned = engine.plan(measurement)
    try:
        staged = engine.stage(measurement, root, app, choices)
        undo = engine.commit(staged.ops)
    except PatchRefused as why:
        return _failed(Effect.RELOAD, str(why), plan=planned)
    try:
        findings = engine.prove(staged)
    except BaseException:
        undo.revert()
        raise
    if findings:
        undo.revert()
        return _failed(Effect.RELOAD, *findings, plan=planned)
    importlib.invalidate_caches()
    linecache.checkcache()
    return Outcome(Effect.LIVE, planned, (), undo)


def here(
    root: str, modules: Sequence[str] | None = None, app: str = "", setup: str = "", seconds: float = 120.0
) -> engine.Start:
    """How a clean process starts the program that runs in this one."""
    if modules is None:
        modules = [name for name, module in list(sys.modules.items()) if _below(root, name, module)]
    return engine.Start(
        root=root,
        app=app,
        modules=tuple(modules),
        setup=setup,
        path=tuple(os.path.abspath(entry) if entry else root for entry in sys.path),
        argv=tuple(sys.argv),
        cwd=str(Path.cwd()),
        preload=engine.standard_modules(),
        seconds=seconds,
    )


def _below(root: str, name: str, module: Any) -> bool:
    file = getattr(module, "__file__", None)
    return name != "__main__" and type(file) is str and file.startswith(root + os.sep)


def _failed(effect: Effect, *reasons: str, plan: Plan | None = None) -> Outcome:
    edits = tuple(plan.edits) if plan is not None else ()
    edits += tuple(Edit("", "", "whole", effect, reason) for reason in reasons)
    return Outcome(effect, Plan(edits, plan.notes if plan is not None else ()), reasons)


__all__ = ["HotpatchError", "Outcome", "apply", "here", "patch"]

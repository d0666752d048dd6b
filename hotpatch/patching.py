"""The plain library call: sources in, an outcome out; no signatures, no service.

For tests, notebooks and other tools that are at home in the process they patch.
"""

from __future__ import annotations

import importlib
import json
import linecache
import os
import select
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from attrs import evolve, field, frozen

from hotpatch import authored, engine, refresh
from hotpatch.engine.world import absolute
from hotpatch.errors import HotpatchError, NotStarted, PatchInvalid, PatchRefused
from hotpatch.foreseen import Foresight
from hotpatch.ops import Op
from hotpatch.plan import Edit, Effect, Plan


class Undo:
    """Takes a patch back, and has refreshed what was computed from it meanwhile."""

    def __init__(self, undo: engine.Undo, app: Any, root: str, extra: Sequence[refresh.Handler] = ()) -> None:
        self._undo, self._app, self._root, self._extra = undo, app, root, extra

    @property
    def ops(self) -> tuple[Op, ...]:
        return self._undo.ops

    @property
    def done(self) -> bool:
        return self._undo.done

    def revert(self) -> None:
        """Raises PatchRefused, with nothing changed, if it was done already or if a later change stands in
        the way."""
        with refresh.begin(self.ops, undo=True, app=self._app, root=self._root, extra=self._extra):
            self._undo.revert()


@frozen(eq=False)
class Outcome:
    """What became of a patch.  `effect` LIVE: it is applied, and `undo` takes it back; RELOAD: it has no
    sound live form here, REFUSE: the new sources are no program; with these two nothing was changed, and
    `reasons` say why."""

    effect: Effect
    plan: Plan
    reasons: tuple[str, ...] = ()
    undo: Undo | None = field(default=None, repr=False)

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
    transformers: str = "",
    seconds: float = 300.0,
) -> Outcome:
    """Bring this process from the sources in `old` to those in `new`.

    `old` holds the sources as they run, `new` the ones that shall run; `root` is the folder from which the
    program's modules were loaded (default: `new`).  `modules` are those that a clean start imports, in order
    (default: all of the program that are loaded; the last of them first, where they do not start
    otherwise).  A program that makes its application by a factory gives `app_target` (`module:factory()`)
    and the live object `app`; `setup` is source that runs before anything is imported.  `transformers` is
    the source of a file of state transformers (`hotpatch.transform`) and refresh callbacks.

    Raises nothing but for misuse: the outcome tells.  One call at a time.
    """
    home = absolute(root if root is not None else new)
    start = here(home, modules, app_target, setup, seconds)
    if not start.modules and not app_target:
        nothing = f"no module that runs in this process was loaded from {home}: say by `root` where they were"
        return _failed(Effect.RELOAD, nothing)
    try:
        measurement = _measured(absolute(old), absolute(new), start, modules is None and not app_target)
    except PatchInvalid as why:
        return _failed(Effect.REFUSE, str(why))
    except PatchRefused as why:
        return _failed(Effect.RELOAD, str(why))
    except Exception as error:  # noqa: BLE001  the outcome tells
        return _failed(Effect.RELOAD, _unexpected("the measurement", error))
    return apply(measurement, home, app, choices, transformers, seconds)


def _measured(old: str, new: str, start: engine.Start, in_any_order: bool) -> engine.Measurement:
    """Which of its modules a program imported first nobody can tell any more: one that is loaded stands
    behind those that it imported.  Where they do not start in that order, the last may set up the others."""
    try:
        return engine.measure(old, new, start, Foresight)
    except NotStarted as why:
        if not in_any_order:
            raise
        first = why
    try:
        return engine.measure(old, new, evolve(start, modules=start.modules[::-1]), Foresight)
    except (NotStarted, PatchInvalid):
        raise NotStarted(
            f"{first}: say by `modules`, or by `app_target`, what the program imports first"
        ) from first


def apply(
    measurement: engine.Measurement,
    root: str,
    app: Any = None,
    choices: Mapping[str, str] | None = None,
    transformers: str = "",
    seconds: float = 60.0,
) -> Outcome:
    """Bring a measured difference live in this process: staged, committed, proven, or as it was before.
    `seconds` are the longest that the proof may take."""
    planned = engine.plan(measurement, choices)
    try:
        written = authored.read(transformers)
        staged = _staged(measurement, root, app, choices, written)
        if findings := proven_aside(staged, seconds, written.handlers):
            return _failed(Effect.RELOAD, *findings, plan=planned)
        with refresh.begin(staged.ops, app=app, root=staged.root, extra=written.handlers) as round_:
            undo = Undo(engine.commit_quietly(staged), app, staged.root, written.handlers)
    except PatchRefused as why:
        return _failed(Effect.RELOAD, str(why), plan=planned)
    if failures := _failures(round_):
        undo.revert()
        return _failed(Effect.RELOAD, *failures, plan=planned)
    importlib.invalidate_caches()
    linecache.checkcache()
    return Outcome(Effect.LIVE, planned, (), undo)


def _staged(
    measurement: engine.Measurement,
    root: str,
    app: Any,
    choices: Mapping[str, str] | None,
    written: authored.Authored,
) -> engine.Staged:
    """Nothing is visible of it, so nothing has to be taken back where it fails."""
    try:
        return engine.stage(measurement, root, app, choices, transformers=written.transformers)
    except PatchRefused:
        raise
    except Exception as error:
        raise PatchRefused(_unexpected("laying the edit onto this process", error)) from error


def _unexpected(what: str, error: BaseException) -> str:
    return f"{what} failed: {type(error).__name__}: {error}"


def proven_aside(
    staged: engine.Staged, seconds: float = 60.0, extra: Sequence[refresh.Handler] = ()
) -> tuple[str, ...]:
    """Commit and prove in a forked child; nothing happens here.  Returns what is unlike a fresh start.

    The child has this thread alone and takes no lock of the program.  Raises PatchRefused if it gives no
    answer.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork in a process with threads
        child = os.fork()
    if not child:
        _answer(staged, writer, extra)
    os.close(writer)
    with open(reader, "rb") as pipe:
        in_time = bool(select.select([pipe], [], [], seconds)[0])
        if not in_time:
            os.kill(child, signal.SIGKILL)
        data = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not data:
        why = f"the child ended with {ended}" if in_time else f"it took longer than {seconds:g} s"
        raise PatchRefused(f"the proof in a forked child gave no answer: {why}")
    found: list[str] = json.loads(data)
    return tuple(found)


def _answer(staged: engine.Staged, writer: int, extra: Sequence[refresh.Handler]) -> NoReturn:
    """In the child."""
    try:
        try:
            with refresh.begin(staged.ops, app=staged.app, root=staged.root, extra=extra) as round_:
                engine.apply(staged.ops, forward=True)
            found = _failures(round_) or list(engine.prove(staged, refresh.remade()))
        except HotpatchError as why:
            found = [str(why)]
        except BaseException as error:  # noqa: BLE001  the answer goes to the parent, whatever it is
            found = [_unexpected("the proof", error)]
        with open(writer, "wb") as pipe:
            pipe.write(json.dumps(found).encode())
    finally:
        os._exit(0)


def _failures(round_: refresh.Round) -> list[str]:
    return list(map(str, round_.report.failures)) if round_.report is not None else []


def here(
    root: str, modules: Sequence[str] | None = None, app: str = "", setup: str = "", seconds: float = 300.0
) -> engine.Start:
    """How a clean process starts the program that runs in this one."""
    if modules is None:
        modules = [name for name, module in list(sys.modules.items()) if _below(root, name, module)]
    return engine.Start(
        root=root,
        app=app,
        modules=tuple(modules),
        setup=setup,
        path=tuple(absolute(entry) if entry else root for entry in sys.path),
        argv=tuple(sys.argv),
        cwd=str(Path.cwd()),
        preload=engine.standard_modules(),
        seconds=seconds,
    )


def _below(root: str, name: str, module: Any) -> bool:
    """A module that stands under another name than its own as well is not asked for by that: the program may
    have put it there, and may do so no more."""
    if issubclass(type(module), ModuleType) and vars(module).get("__name__") != name:
        return False
    file = getattr(module, "__file__", None)
    return name != "__main__" and type(file) is str and file.startswith(root + os.sep)


def _failed(effect: Effect, *reasons: str, plan: Plan | None = None) -> Outcome:
    edits = tuple(plan.edits) if plan is not None else ()
    edits += tuple(Edit("", "", "whole", effect, reason) for reason in reasons)
    return Outcome(effect, Plan(edits, plan.notes if plan is not None else ()), reasons)


__all__ = ["HotpatchError", "Outcome", "Undo", "apply", "here", "patch"]

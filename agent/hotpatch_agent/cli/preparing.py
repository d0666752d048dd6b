"""From two trees to what can be signed: which files change, and what a measurement says of it.

`plan` shows the outcome, `build` puts it into a bundle.  The program is started, in clean processes, by the
interpreter that serves it; nothing else of either tree is run.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve, field, frozen

from hotpatch.bundle import change as changes
from hotpatch.bundle import program, trees
from hotpatch.bundle.change import Change
from hotpatch.bundle.libraries import loaded_by_templates
from hotpatch.bundle.trees import Tree
from hotpatch.errors import BuildFailed, PatchRefused
from hotpatch.plan import Plan
from hotpatch.release import python_tag


@frozen
class Origin:
    """Where the two trees are, and how the program in them is started."""

    old: str
    """A folder, or a revision of `repository`."""
    new: str
    repository: Path
    below: str
    """The program's root, below either tree."""
    app: str
    python: str = ""
    """The interpreter that serves; empty: the one that runs this command."""
    modules: tuple[str, ...] = ()
    """Modules that the program imports by names that can't be seen in its sources."""
    unread: tuple[str, ...] = ()
    """Patterns of files, no Python, that look as if the program read them, and that it doesn't."""
    environment: Mapping[str, str] | None = None
    """In which the program is started; None: that of this command."""


@frozen
class Interpreter:
    """A Python, by its executable."""

    executable: str
    tag: str
    path: tuple[str, ...] = ()
    """Its own `sys.path`; empty for the one that runs this command."""


@frozen
class Prepared:
    """All of a release that comes from its sources."""

    change: Change
    python: str
    measurement: bytes = field(repr=False)
    """Empty if it was not measured."""
    plan: Plan


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the two trees are and how the program starts, for `plan` and `build`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS: Final = (
    click.option("--from", "old", metavar="TREE", help="What runs: a folder, or a git revision."),
    click.option("--to", "new", metavar="TREE", help="The fix: a folder, or a git revision."),
    click.option(
        "--repo",
        "repository",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default=".",
        help="The git repository of the revisions; this folder if not given.",
    ),
    click.option(
        "--root",
        "below",
        default=".",
        metavar="FOLDER",
        help="Folder of both trees that the program is imported from, if it is not the top.",
    ),
    click.option("--app", metavar="MODULE:OBJECT", help="The application, as gunicorn is given it."),
    click.option(
        "--python",
        metavar="FILE",
        default="",
        help="The interpreter that serves, in its own environment; that of this command if not given.",
    ),
    click.option(
        "--module",
        "modules",
        multiple=True,
        metavar="NAME",
        help="A module that the program imports by a name it computes; may be repeated.",
    ),
    click.option(
        "--unread",
        multiple=True,
        metavar="PATTERN",
        help="Files, no Python, that the program does not read, as 'static/*.map'; may be repeated.",
    ),
    click.option(
        "--as-service",
        is_flag=True,
        help="Start the program in the environment of the service that runs here (--home), not in this one.",
    ),
)


def prepare(origin: Origin, measured: bool, choices: Mapping[str, str] | None = None) -> Prepared:
    """Compare the trees, and measure the difference unless told not to.  `choices` are the author's settings.

    Raises `BuildFailed` where there is no release to be made of it, `PatchInvalid` with file and line where
    the new sources are no program.
    """
    interpreter = find_interpreter(origin.python)
    with _both(origin, measured) as (old_root, new_root):
        old, new = trees.read_tree(old_root), trees.read_tree(new_root)
        if old == new:
            raise BuildFailed(f"nothing differs between {origin.old} and {origin.new}")
        loaded = (*loaded_by_templates(old_root, old), *loaded_by_templates(new_root, new))
        origin = evolve(origin, modules=tuple(dict.fromkeys((*origin.modules, *loaded))))
        files = _program(old, origin) | _program(new, origin)
        if not measured:
            change = changes.between(old, new, files, origin.unread)
            return Prepared(change, interpreter.tag, b"", Plan((), notes(change)))
        measurement, more = _measure(origin, interpreter, old_root, new_root, old, new)
        change = changes.between(old, new, files | more, origin.unread)
        plan = _plan(measurement, choices)
        plan = evolve(plan, notes=(*plan.notes, *notes(change)))
        return Prepared(change, interpreter.tag, measurement.dump(), plan)


def notes(change: Change) -> tuple[str, ...]:
    """What an operator has to do about the data files that differ."""
    found = []
    if change.data:
        found.append(
            f"data files differ, and no release carries any: {changes.some(change.data)}; put the new ones "
            "in place at the service before the push, or name with --unread what the program does not read"
        )
    if change.gone:
        found.append(
            f"data files are gone in the new version: {changes.some(change.gone)}; the service keeps its "
            "own, for no release takes any away"
        )
    return tuple(found)


@contextlib.contextmanager
def _both(origin: Origin, aside: bool) -> Iterator[tuple[Path, Path]]:
    with trees.opened(origin.old, origin.repository, origin.below, aside) as old:
        with trees.opened(origin.new, origin.repository, origin.below, aside) as new:
            yield old, new


def _program(tree: Tree, origin: Origin) -> frozenset[str]:
    return program.reached(tree.sources, origin.app, origin.modules)


def _measure(
    origin: Origin, interpreter: Interpreter, old_root: Path, new_root: Path, old: Tree, new: Tree
) -> tuple[Any, frozenset[str]]:
    """The measurement, and the paths of the files that a start of the program was seen to load."""
    from hotpatch import engine
    from hotpatch.foreseen import Foresight

    differing = {path for path in new.sources if old.sources.get(path) != new.sources[path]}
    if interpreter.tag != python_tag():
        raise BuildFailed(
            f"{interpreter.executable} is {interpreter.tag}, this command runs on {python_tag()}, and a "
            "release is measured by the Python that serves: "
            f"run `{interpreter.executable} -m hotpatch_agent.cli`"
        )
    changes.check_syntax({path: new.sources[path] for path in differing & _program(new, origin)})
    late = program.dependents(new.sources, origin.app, origin.modules, differing)
    start = engine.Start(
        root=str(old_root),
        app=origin.app,
        modules=tuple(dict.fromkeys((*origin.modules, *late))),
        path=(str(old_root), *interpreter.path) if interpreter.path else (),
        python=interpreter.executable,
        environment=origin.environment,
    )
    try:
        measurement = engine.measure(str(old_root), str(new_root), start, Foresight)
    except PatchRefused as problem:
        raise BuildFailed(str(problem)) from problem
    return measurement, frozenset(measurement.files.values())


def _plan(measurement: Any, choices: Mapping[str, str] | None) -> Plan:
    from hotpatch import engine

    return engine.plan(measurement, choices)


def find_interpreter(named: str) -> Interpreter:
    """The interpreter `named`; empty for the one that runs.  Raises `BuildFailed` if it can't be asked."""
    if not named or Path(named).absolute() == Path(sys.executable).absolute():
        return Interpreter(sys.executable, python_tag())
    program = (
        "import json, platform, sys; "
        "print(json.dumps([f'{sys.implementation.cache_tag} {platform.python_version()}', sys.path[1:]]))"
    )
    try:
        done = subprocess.run([named, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        tag, path = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as problem:
        raise BuildFailed(f"the interpreter {named} does not answer: {problem}") from None
    return Interpreter(named, tag, tuple(path))

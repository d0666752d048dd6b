"""Statements that are as they were, and that hand something else to a library.

`lib.configure(TIMEOUT)` runs at the start alone.  With another TIMEOUT nothing of it is in the sources that
differ but the constant, which is measured, and explains itself; what the library has made of it is its own
secret.  The same for a value that can't be looked into, `DIGEST = sha256(SALT)`.

Pure functions of the sources' changes and of what was measured.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from .effects import KEEP, opaque_kind, origin_of, reaches_out
from .graph import Graph
from .measurement import Problem
from .syntax_changes import Changes
from .syntax_follow import Place, Program
from .syntax_units import NEVER_RUN, Doing, Kind, Unit, related

CALLING: Final = frozenset({Doing.CALL, Doing.REGISTER, Doing.START})
TOLD: Final = frozenset(
    (
        *(
            "atexit",
            "builtins",
            "codecs",
            "contextvars",
            "copyreg",
            "csv",
            "decimal",
            "gc",
            "locale",
            "logging",
        ),
        *(
            "mimetypes",
            "os",
            "random",
            "signal",
            "socket",
            "sys",
            "tempfile",
            "threading",
            "time",
            "warnings",
        ),
        "weakref",
    )
)
"""Modules of whose state `settings` and the witness tell all that their functions set."""
GOING_ON: Final = frozenset({"builtins.generator", "builtins.coroutine", "builtins.async_generator"})
"""What has begun ends on the code that it began with."""


BY_NAME: Final = "typing.ParamSpec "
"""What can't be looked into, and is known by its name all the same."""


def statements(
    changes: Changes,
    modules: Iterable[str],
    values: Collection[Place],
    bodies: Collection[Place],
    contents: Collection[Place],
    accounted: Collection[str],
    graph: Graph,
) -> Iterator[Problem]:
    """`values` are places that have another value, `bodies` those of functions with other code, `contents`
    those of collections that stay and have other items; `modules` the ones that may use them.  A library that
    was given a collection has it; what copied its items can't be looked into.
    """
    program = Program(changes.new, changes.read)
    changed = {(change.module, change.new_line) for change in changes.statements}
    for name in sorted(modules):
        module = program.module(name)
        for unit in module.units if module is not None and (values or bodies or contents) else ():
            if (name, unit.first) in changed or unit.sort in NEVER_RUN or unit.owner:
                continue
            cause = _given(program, name, unit, values, bodies) if unit.effects or unit.binds else None
            if cause is not None:
                yield from _by_library(program, name, unit, cause, accounted)
                yield from _unseen(name, unit, cause, graph, GOING_ON if cause in bodies else frozenset())
            elif unit.binds and (cause := _given(program, name, unit, contents, ())) is not None:
                yield from _unseen(name, unit, cause, graph, GOING_ON)


def _given(
    program: Program, module: str, unit: Unit, values: Collection[Place], bodies: Collection[Place]
) -> Place | None:
    """What the statement works with that is not what it was."""
    for names, places in ((unit.now.reads | unit.now.calls, values), (unit.now.calls, bodies)):
        for name in sorted(names):
            for found in program.resolve(module, unit.owner, name):
                if found[1] and found[1] not in unit.binds:
                    for place in places:
                        if place[0] == found[0] and related(place[1], found[1]):
                            return place
    return None


def _by_library(
    program: Program, module: str, unit: Unit, cause: Place, accounted: Collection[str]
) -> Iterator[Problem]:
    for effect in unit.effects:
        if effect.doing not in CALLING or not reaches_out(module, unit, effect, program, accounted):
            continue
        origin = origin_of(program, module, unit.owner, effect.target.partition(".")[0])
        if origin is not None and origin[0].partition(".")[0] not in TOLD:
            place = f"{module}:{unit.first}"
            why = (
                f"{place}: `{unit.label}` {effect}, outside of the program, and is given "
                f"{'.'.join(cause)} as it is now, which an edit does not pass on: {KEEP.format(place)}"
            )
            yield Problem(module, f"line {unit.first}", why, place)


def _unseen(
    module: str, unit: Unit, cause: Place, graph: Graph, passed: Collection[str]
) -> Iterator[Problem]:
    for name in sorted(unit.binds) if unit.sort in (Kind.CONSTANT, Kind.ATTRIBUTE) else ():
        kind = opaque_kind(graph, module, name)
        if kind is not None and kind not in passed and not kind.startswith(BY_NAME):
            place = f"{module}.{name}"
            why = (
                f"{place} is made from {'.'.join(cause)}, which is another now, and a {kind} does not tell "
                f"what it was made from: {KEEP.format(place)}"
            )
            yield Problem(module, name, why, place)

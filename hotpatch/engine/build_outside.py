"""What is outside of the program is looked up, in modules that are imported where they have not been yet."""

from __future__ import annotations

import importlib
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .reading import MISSING, resolve
from .shape import Step

if TYPE_CHECKING:
    from .build import Builder


class Unbuildable(Exception):
    """A description from which no object can be made; the text says of what.  Never leaves the engine."""


def import_here(name: str) -> types.ModuleType:
    """Clean starts could import it; a process that has gone on since may be refused."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise Unbuildable(
            f"{name} can't be imported in this process: {type(error).__name__}: {error}"
        ) from error


def make_outside(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    import_here(head[0])
    found = resolve(*head)
    if found is MISSING:
        raise Unbuildable(f"{head[0]} has no {head[1]} in this process")
    return found


def make_outside_module(builder: Builder, head: str) -> types.ModuleType:
    """An import puts the module into its package; where that is the program's (a folder without
    `__init__.py` in it, say), the edit itself does so."""
    package, _, name = head.rpartition(".")
    above = builder.world.local.get(package)
    space = {} if above is None else vars(above)
    stood = name in space
    module = import_here(head)
    if not stood:
        space.pop(name, None)
    return module


def bare_package(builder: Builder, name: str) -> types.ModuleType | None:
    """The package of a new module, where it is a folder without `__init__.py`: no graph tells of it."""
    package = name.rpartition(".")[0]
    bare = package and package not in builder.new.roots
    return make_outside_module(builder, package) if bare else None


def make_c_class(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    found = resolve(*head) if type(head[0]) is str else MISSING
    if found is MISSING:
        found = next(
            (
                t
                for t in vars(types).values()
                if isinstance(t, type) and (t.__module__, t.__qualname__) == tuple(head)
            ),
            MISSING,
        )
    if found is MISSING:
        raise Unbuildable(f"the type {head} can't be found")
    return found

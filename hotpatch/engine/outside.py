"""State of the program that lives in modules outside it: registries, settings objects, signal receivers.

A framework keeps the application's models in a registry of its own, `typing` the overloads of its functions.
Such containers are described like the program's own objects, from the outside name down.  Which ones, is
found by looking: from every variable, class attribute and closure of outside modules, along the references
that the garbage collector knows, for something of the program.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from .reading import PLAIN, class_dict
from .world import CELL, OUTSIDE, World

# Their state is of the process, not of the program: threads that run, modules that are loaded, caches of
# source lines, handlers by weak reference.
PROCESS: Final = frozenset(
    [
        "__main__",
        "sys",
        "builtins",
        "gc",
        "threading",
        "_thread",
        "weakref",
        "_weakrefset",
        "importlib",
        "linecache",
        "inspect",
        "tokenize",
        "warnings",
        "atexit",
        "signal",
        "traceback",
        "logging",
        "asyncio",
        "concurrent",
        "multiprocessing",
        "tempfile",
        "subprocess",
        "io",
        "codecs",
        "encodings",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "_imp",
        "zipimport",
        "marshal",
        "posix",
        "os",
        "site",
        "random",
        "copyreg",
        "hotpatch",
        "hotpatch_agent",
        "_hotpatch_describers",
        "gunicorn",
        "pdb",
        "bdb",
        "cProfile",
        "faulthandler",
        "tracemalloc",
    ]
)
CLOSED: Final = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.CodeType,
    types.FrameType,
    types.GeneratorType,
    types.CoroutineType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
MOST_OBJECTS: Final = 3_000_000


def containers(world: World) -> Iterator[tuple[str, Any]]:
    """Everything in outside modules that may hold something, with its name."""
    for name, module in list(sys.modules.items()):
        if (
            name.partition(".")[0] in PROCESS
            or name in world.local
            or not isinstance(module, types.ModuleType)
        ):
            continue
        for key, value in list(vars(module).items()):
            if key.startswith("__") and key.endswith("__"):
                continue
            kind = type(value)
            if kind is types.FunctionType:
                if value.__module__ == name and value.__closure__:
                    yield from _cells(f"{name}:{key}", value)
            elif issubclass(kind, type):
                if value.__module__ == name:
                    for attribute, held in list(class_dict(value).items()):
                        if _may_hold(held):
                            yield f"{OUTSIDE}{name}:{key}.{attribute}", held
            elif _may_hold(value):
                yield f"{OUTSIDE}{name}:{key}", value


def _cells(where: str, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for i, cell in enumerate(function.__closure__ or ()):
        try:
            held = cell.cell_contents
        except ValueError:
            continue
        if _may_hold(held):
            yield f"{OUTSIDE}{where}{CELL}{i}", held


def _may_hold(value: Any) -> bool:
    kind = type(value)
    return (
        kind not in PLAIN
        and not issubclass(kind, CLOSED)
        and not issubclass(kind, type)
        and gc.is_tracked(value)
    )


def holding(world: World, ours: set[int]) -> list[str]:
    """The outside containers from which something of the program can be reached.  `ours` are the ids of
    values of the program's own variables."""
    source: dict[int, str] = {}
    todo: deque[Any] = deque()
    for name, value in sorted(containers(world), key=lambda pair: (len(pair[0]), pair[0])):
        if id(value) not in source and id(value) not in ours:
            source[id(value)] = name
            todo.append(value)
    found: dict[str, None] = {}
    while todo and len(source) < MOST_OBJECTS:
        obj = todo.popleft()
        name = source[id(obj)]
        if name in found:
            continue
        for child in gc.get_referents(obj):
            kind = type(child)
            if kind in PLAIN or id(child) in source:
                continue
            if id(child) in ours or world.is_local(child) or world.is_local(kind):
                found[name] = None
                break
            if issubclass(kind, CLOSED) or issubclass(kind, type):
                continue
            source[id(child)] = name
            todo.append(child)
    return list(found)

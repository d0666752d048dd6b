"""Plugins: refresh handlers for frameworks, loaded once their framework is.

A plugin is an entry point of the group `hotpatch.refresh` whose name is the module that it is for, and
whose value is a `Handler`:

```toml
[project.entry-points."hotpatch.refresh"]
jinja2 = "my_package.refresh:JINJA"
"jinja2:mine" = "my_package.refresh:OTHER"     # a second one for the same module
```

Nothing is imported for a framework that the process hasn't imported by itself.  Those that come with
hotpatch are listed here; an entry point of the same name takes the place of one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hotpatch.refresh.registry import Handler

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "hotpatch.refresh"
BUILT_IN: Final = {
    "functools": "function_caches",
    "abc": "abstract",
    "jinja2": "jinja",
    "django": "django",
    "flask": "flask",
    "starlette": "starlette",
    "fastapi": "fastapi",
    "pydantic": "pydantic",
}

_found: dict[str, Callable[[], object]] | None = None
_loaded: dict[str, Handler] = {}
_failed: dict[str, str] = {}


def plugins() -> tuple[tuple[Handler, ...], tuple[tuple[str, str], ...]]:
    """The handlers of all plugins whose framework is loaded, and (name, error) of those that can't be.

    Each is loaded once a process, and entry points are read from disk once: call this, and `find`, when that
    costs nobody anything.
    """
    for name, load in find().items():
        if name in _loaded or name in _failed or name.partition(":")[0] not in sys.modules:
            continue
        try:
            handler = load()
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises is reported
            _failed[name] = f"{type(error).__name__}: {error}"
            continue
        if isinstance(handler, Handler):
            _loaded[name] = handler
        else:
            _failed[name] = f"the entry point gives {handler!r}, not a hotpatch.refresh.Handler"
    return tuple(_loaded.values()), tuple(_failed.items())


def remade() -> frozenset[str]:
    """The attributes of classes that handlers make anew (`Handler.remakes`)."""
    return frozenset().union(*(handler.remakes for handler in plugins()[0]))


def find() -> dict[str, Callable[[], object]]:
    """All plugins that are installed, by name, unloaded."""
    global _found
    if _found is None:
        from importlib.metadata import entry_points  # and with it email, csv, zipfile and some forty more

        found: dict[str, Callable[[], object]] = {
            name: _built_in(module) for name, module in BUILT_IN.items()
        }
        for point in entry_points(group=GROUP):
            found[point.name] = _entry(point)
        _found = found
    return _found


def _built_in(module: str) -> Callable[[], object]:
    return lambda: importlib.import_module(f"hotpatch.refresh.plugins.{module}").HANDLER


def _entry(point: EntryPoint) -> Callable[[], object]:
    return lambda: point.load()

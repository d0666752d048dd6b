"""hotpatch as a gunicorn configuration.

    gunicorn -c python:hotpatch_agent.gunicorn shop:app

takes the place of `-c`; the service's own `gunicorn.conf.py` in the working folder (or the file that
HOTPATCH_GUNICORN_CONFIG names) is read by this module, and all that it sets holds, hooks included.
In an existing configuration file either of these lines, anywhere in it, does the same:

    from hotpatch_agent.gunicorn import *
    from hotpatch_agent.gunicorn import install; install(globals())

HOTPATCH_HOME names the service's home folder.  Without it, or if it isn't one, the service runs as ever.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

from hotpatch_agent.worker.hooks import engage, user_config

READER = "gunicorn.app.base"
"""The module of gunicorn that reads configurations."""
ENGAGES = ("nworkers_changed", "on_starting", "when_ready")
"""The hooks that bring hotpatch in.  The first one is enough; the others are for a configuration that sets
that one itself, further down."""


def install(config: MutableMapping[str, Any]) -> None:
    """Puts hotpatch into a configuration's names; what is there already still runs."""
    for name in ENGAGES:
        own = config.get(name)
        if getattr(own, "hotpatch", False):
            continue
        config[name] = _HOOKS[name](own)


def _three(own: Callable[..., Any] | None) -> Callable[[Any, Any, Any], None]:
    def nworkers_changed(server: Any, new: Any, old: Any) -> None:
        engage(server, new, old)
        if own is not None:
            own(server, new, old)

    nworkers_changed.hotpatch = True  # type: ignore[attr-defined]
    return nworkers_changed


def _one(own: Callable[..., Any] | None) -> Callable[[Any], None]:
    def starting(server: Any) -> None:
        engage(server)
        if own is not None:
            own(server)

    starting.hotpatch = True  # type: ignore[attr-defined]
    return starting


_HOOKS = {"nworkers_changed": _three, "on_starting": _one, "when_ready": _one}
"""gunicorn counts the arguments of each hook."""


def _importer() -> dict[str, Any] | None:
    """The names of the configuration that gunicorn is reading and that imports this module; None if gunicorn
    reads this module itself, or if nobody reads a configuration."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_import_system(frame):
        frame = frame.f_back
    importer = frame
    while frame is not None and frame.f_globals.get("__name__") != READER:
        frame = frame.f_back
    return None if frame is None or importer is None or importer is frame else importer.f_globals


def _is_import_system(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == __name__ or name.partition(".")[0] in (
        "importlib",
        "_frozen_importlib",
        "_frozen_importlib_external",
    )


def _read(path: Path) -> dict[str, Any]:
    """A configuration file's names, as gunicorn would read them."""
    spec = importlib.util.spec_from_file_location("__config__", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["__config__"] = module
    spec.loader.exec_module(module)
    return vars(module)


def _fill() -> list[str]:
    """Gives this module the names that a configuration takes from it; which they are."""
    into = _importer()
    if into is not None:
        install(into)
        return ["install"]
    path = user_config(os.environ)
    names = dict(_read(path)) if path is not None else {}
    install(names)
    globals().update({name: value for name, value in names.items() if not name.startswith("__")})
    return []


__all__ = _fill()

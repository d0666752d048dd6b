"""How a program is started in a clean process, and what such a start came to."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from hotpatch.errors import PatchRefused

from .bound import Host
from .graph import APP, Graph
from .shape import Step
from .surroundings import Asked, Fact
from .witness import Row
from .world import INSTALLED, OUTSIDE, absolute

SCRIPT = Path(__file__).with_name("clean.py")


@frozen
class Start:
    """How a clean process starts the program, as its server does.

    `root` is the folder of the sources as they are served; paths below it (`path`, `cwd`) are carried over
    to the folder that a clean start is given.  `setup` is source text run before anything is
    imported.  With `app` the application is loaded by gunicorn's rule (`module:object` or
    `module:factory()`); `modules` are imported after it, in order.
    """

    root: str
    app: str = ""
    modules: tuple[str, ...] = ()
    setup: str = ""
    path: tuple[str, ...] = ()
    """`sys.path`; empty: the root, then the interpreter's own."""
    argv: tuple[str, ...] = ("",)
    python: str = sys.executable
    cwd: str = ""
    environment: Mapping[str, str] | None = None
    """None: that of the process which measures."""
    preload: tuple[str, ...] = ()
    """Modules of the standard library that the process has loaded, so that their first import is no
    difference: those that the program names, or that one of two starts loads alone, are loaded beforehand."""
    seconds: float = 300.0
    """How long the starts may take before they are given up."""

    @property
    def given(self) -> dict[str, str]:
        return dict(os.environ if self.environment is None else self.environment)

    @property
    def hashing_otherwise(self) -> Start:
        """The same, where texts have other hashes."""
        seed = "1" if self.given.get("PYTHONHASHSEED") != "1" else "2"
        return evolve(self, environment=self.given | {"PYTHONHASHSEED": seed})


@frozen
class Started:
    """What one clean start came to: plain data, but for the graph."""

    graph: Graph = field(repr=False)
    loaded: tuple[str, ...]
    failed: Mapping[str, str]
    local: Mapping[str, str]
    """The program's modules, loaded in the end: name to file, relative to the root."""
    effects: Mapping[str, Any]
    """What the process has set for itself, by name."""
    witnessed: tuple[Row, ...]
    """What the start did outside of its memory."""
    outside: Mapping[str, str]
    """Modules that are not the program's, with their files."""
    asked: tuple[Asked, ...] = field(repr=False)
    """What the program asked of its surroundings."""
    hashing: Fact
    """What it makes of texts."""
    boot: Fact
    """Which run of the machine it was."""
    host: Host = field(repr=False)

    @property
    def opened(self) -> tuple[str, ...]:
        """Containers of outside modules that were described."""
        return tuple(sorted(name for name in self.graph.roots if name.startswith(OUTSIDE)))

    @property
    def problem(self) -> str | None:
        """Why the application itself did not load; None if it did."""
        return self.failed.get(APP)


def standard_modules() -> tuple[str, ...]:
    """The standard library's modules that this process has loaded, for `Start.preload`.

    Not those of its names that the program, or a package, has put its own in place of: a clean process would
    load the standard library's.
    """
    return tuple(
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in sys.stdlib_module_names
        and name not in ("__main__", "this", "antigravity")
        and _is_of_the_library(getattr(module, "__file__", None))
    )


def _is_of_the_library(file: Any) -> bool:
    """One without a file is built in or frozen."""
    if type(file) is not str:
        return True
    folder = str(Path(os.__file__).parent) + os.sep
    below = file.removeprefix(folder)
    return below != file and not any(below.startswith(name + os.sep) for name in INSTALLED)


def run(
    start: Start,
    roots: Sequence[str],
    preload: Sequence[str] = (),
    opened: Sequence[str] | None = None,
    touched: Sequence[str] = (),
    stored: Sequence[str] = (),
    wake: Sequence[Sequence[Step]] = (),
) -> list[Started]:
    """Start the program once from each of `roots`, each in a process of its own, side by side.

    `opened` names containers of outside modules to be described; None: those that hold something of the
    program, and those of `touched`, names of what may be containers.  `stored` are names that the program
    assigns as attributes, to be looked at in libraries.  `wake` are the ways to objects that are asked for
    something before all is described.  Raises PatchRefused if a start gives
    no account of itself (it died, or took too long).
    """
    home = absolute(start.root)
    # Not TemporaryDirectory: its finalizer would add an exit hook to a process that is patched.
    folder = Path(tempfile.mkdtemp(prefix="hotpatch-"))
    try:
        outs = [folder / f"start{number}" for number in range(len(roots))]
        job = {
            "engine": absolute(str(SCRIPT.parent)),
            "home": home,
            "path": [absolute(p) if p else home for p in start.path] or [home, *_own_path(start)],
            "argv": list(start.argv),
            "cwd": start.cwd,
            "setup": start.setup,
            "app": start.app,
            "modules": list(start.modules),
            "preload": [*start.preload, *preload],
            "opened": None if opened is None else list(opened),
            "touched": list(touched),
            "salt": secrets.token_hex(8),
            "stored": list(stored),
            "wake": marshal.dumps([list(way) for way in wake]).hex(),
            "starts": [
                {"root": absolute(root), "out": str(out)} for root, out in zip(roots, outs, strict=True)
            ],
        }
        (folder / "job.json").write_text(json.dumps(job))
        errors = _spawn(start, folder / "job.json")
        return [_read(out, errors) for out in outs]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own_path(start: Start) -> list[str]:
    return [entry for entry in sys.path if entry and absolute(entry) != absolute(start.root)]


def _spawn(start: Start, job: Path) -> str:
    environment = {"PYTHONHASHSEED": "0"} | start.given
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    flags = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    process = subprocess.Popen(
        [start.python, *flags, str(SCRIPT), str(job)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=start.seconds)
    except subprocess.TimeoutExpired:
        _end_group(process)
        raise PatchRefused(
            f"a clean start of the program did not end within {start.seconds:g} s; "
            "start it by hand from the new sources to see where it waits"
        ) from None
    finally:
        if process.poll() is None:
            _end_group(process)
    if process.returncode:
        last = (errors.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        raise PatchRefused(f"a clean start of the program failed: {last}")
    return errors


def _end_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.communicate()


def _read(out: Path, errors: str) -> Started:
    try:
        data = marshal.loads(out.read_bytes())
    except FileNotFoundError:
        raise PatchRefused(
            "a clean start of the program ended without an account of itself; it may have called os._exit or "
            f"crashed: start it by hand to see {(errors.strip().splitlines() or [''])[-1][:300]}"
        ) from None
    return Started(
        Graph.decode(data["graph"]),
        tuple(data["loaded"]),
        data["failed"],
        data["local"],
        data["effects"],
        tuple(map(tuple, data["witnessed"])),
        data["outside"],
        tuple((Fact(*fact), function, file, line) for fact, function, file, line in data["asked"]),
        Fact(*data["hashing"]),
        Fact(*data["boot"]),
        Host(*data["host"]),
    )

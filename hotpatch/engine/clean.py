"""What a clean process does: start the program from given sources as its server would, write down what
came of it.

Run as a script by `start`.  One process loads what the starts share of the standard library, then forks one
child for each of them, so that all begin from the same memory.  Nothing of hotpatch beyond the describing
modules is loaded, and those import the standard library alone: the program finds the process as a server
would give it.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import marshal
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

ANOTHER_ORDER: Final = 3
"""By this exit status a start says in which order its modules are to be imported instead."""


def load_app(target: str) -> Any:
    """The application object, by gunicorn's rule: `module`, `module:name`, `module:factory(literals)`."""
    name, _, expression = target.partition(":")
    module = importlib.import_module(name)
    tree = ast.parse(expression or "application", mode="eval").body
    if isinstance(tree, ast.Name):
        return vars(module)[tree.id] if tree.id in vars(module) else getattr(module, tree.id)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        factory = getattr(module, tree.func.id)
        return factory(
            *map(ast.literal_eval, tree.args),
            **{word.arg: ast.literal_eval(word.value) for word in tree.keywords if word.arg},
        )
    raise ValueError(f"{target!r} is neither module:name nor module:factory(...)")


def start(job: dict[str, Any]) -> dict[str, Any]:
    """Start the program; tell modules and application as a graph, and what went wrong."""
    from .awake import wake
    from .bound import clocks, host
    from .graph import APP, Describer
    from .libraries import loggers, variables
    from .settings import exit_hooks, settings
    from .surroundings import BOOT, HASHES, ask
    from .telling import OUTSIDE, Telling
    from .witness import Witness
    from .world import World

    root, home, began = job["root"], job["home"], clocks()
    sys.path[:] = [root + p[len(home) :] if is_in(home, p) else p for p in job["path"]]
    sys.argv[:] = job["argv"]
    folder = job["cwd"]
    os.chdir(root + folder[len(home) :] if is_in(home, folder) else folder or root)
    from_source(root)
    witness = Witness(root, job["salt"])
    failed: dict[str, str] = {}
    loaded: list[str] = []
    extra: dict[str, Any] = {}
    space: dict[str, Any] = {"__name__": "__setup__"}
    try:
        exec(job["setup"], space)
        witness.watch_threads()
        if job["app"]:
            extra[APP] = load_app(job["app"])
    except BaseException as error:  # noqa: BLE001  a program may end in SystemExit as well
        failed[APP] = tell(error, root)
    for name in job["modules"]:
        try:
            importlib.import_module(name)
            loaded.append(name)
        except BaseException as error:  # noqa: BLE001
            if name in sys.modules:  # complete, then: it is a package above it that raised, and is gone
                loaded.append(name)
            else:
                failed[name] = tell(error, root)
    witness.end()
    world = World(root)
    wake(world, extra, marshal.loads(bytes.fromhex(job["wake"])))
    describer = Describer(world, with_blobs=True)
    graph = describer.run(extra, job["opened"], job["touched"])
    known = {
        id(obj): i
        for i, obj in enumerate(describer.objects)
        if obj is not None and graph.kind(i) not in OUTSIDE
    }
    say = Telling(describer.shapes, known, lambda i: str(graph.way(i)))
    registered = {id(hook) for hook in exit_hooks(atexit)}
    exits = [(hook, given) for hook, given in witness.exits if id(hook) in registered]
    effects = settings(world.tidy, say, exits)
    effects["libraries"] = variables(world, job["stored"], known.keys())
    effects["loggers"] = loggers(say, known.keys())
    return {
        "graph": graph.encode(),
        "loaded": loaded,
        "failed": failed,
        "local": {
            name: os.path.relpath(vars(module)["__file__"], root) for name, module in world.local.items()
        },
        "effects": effects,
        "witnessed": witness.rows(world.tidy, say),
        "asked": [(tuple(fact), *where) for fact, *where in witness.asked],
        "hashing": tuple(ask(HASHES, "", job["salt"])),
        "boot": tuple(ask(BOOT, "", job["salt"])),
        "host": tuple(host(began)),
        "outside": {
            name: getattr(module, "__file__", None) or ""
            for name, module in list(sys.modules.items())
            if name not in world.local
        },
    }


def is_in(folder: str, path: str) -> bool:
    """Is it this folder, or below it?"""
    return path == folder or path.startswith(folder + os.sep)


def from_source(root: str) -> None:
    """From now on modules of the program are compiled as they are imported, whatever bytecode lies there.

    Marshal sorts the constants of a set, and who goes through one that came from a file may see another order
    than who compiled it: `[x for x in {8, 0}]`.  One tree with bytecode and one without would differ in what
    nobody changed.
    """

    def path_stats(loader: Any, path: str) -> Mapping[str, Any]:
        if path.startswith(root + os.sep):
            raise OSError(f"bytecode of {path} is not asked for")
        return stats(loader, path)

    stats = importlib.machinery.SourceFileLoader.path_stats
    importlib.machinery.SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign,assignment]


def tell(error: BaseException, root: str) -> str:
    """The error in one line, with the place in the program where it rose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(root + os.sep)]
    text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text} ({os.path.relpath(error.filename, root)})"
    if frames:
        return f"{text} ({os.path.relpath(frames[-1].filename, root)}, line {frames[-1].lineno})"
    return text


def main(path: str) -> None:
    with open(path) as file:
        job = json.load(file)
    sys.path[:] = [entry for entry in job["path"] if not is_in(job["home"], entry)]
    os.chdir(os.sep)  # what is loaded for all of the starts may note the folder, which is that of one of them
    for name in job["preload"]:
        with contextlib.suppress(BaseException):  # what doesn't import here is not missed
            importlib.import_module(name)
    import_describers(job["engine"])
    gc.collect()
    gc.freeze()
    shared = {key: value for key, value in job.items() if key not in ("engine", "preload", "starts")}
    children = [
        (begin(number, one := shared | start), number, one) for number, start in enumerate(job["starts"])
    ]
    for pid, number, one in children:
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ANOTHER_ORDER:
            with open(one["out"] + ".modules") as file:
                again = one | {"modules": json.load(file), "reordered": True}
            os.waitpid(begin(number, again), 0)


def begin(number: int, job: dict[str, Any]) -> int:
    """Fork a child that does one start; its pid."""
    pid = os.fork()
    if not pid:
        job["pad"] = padding(number)
        work(job)
    return pid


def padding(number: int) -> list[bytes]:
    """Memory taken before a start, another amount in each, of each size that objects have.

    Starts forked from one process would find their objects at the same addresses, and what a program wrote
    down of an address (`id(f)`, a `repr`) would look like a value that is always the same.
    """
    return [bytes(size) for size in range(1, 512, 8) for _ in range(97 * number)]


def work(job: dict[str, Any]) -> None:
    """In the forked child: never returns."""
    status = 1
    try:
        gc.unfreeze()
        result = start(job)
        if not job.get("reordered") and (modules := in_another_order(job["modules"], result["failed"])):
            with open(job["out"] + ".modules", "w") as file:
                json.dump(modules, file)
            os._exit(ANOTHER_ORDER)
        with open(job["out"] + ".part", "wb") as file:
            marshal.dump(result, file)
        os.rename(job["out"] + ".part", job["out"])  # noqa: PTH104
        status = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def in_another_order(modules: list[str], failed: Mapping[str, str]) -> list[str]:
    """Modules that import each other may start from one of them alone.  A process says in which order its
    modules were complete, and such a one is complete before the one that it was imported by: those that
    failed for this are tried last, in a new process.  Empty if none is."""
    circular = [name for name in modules if "partially initialized module" in failed.get(name, "")]
    return [*(name for name in modules if name not in circular), *circular] if circular else []


def import_describers(folder: str) -> None:
    """Import the describing modules as a package of their own name, without the rest of hotpatch."""
    spec = importlib.machinery.ModuleSpec("_hotpatch_describers", None, is_package=True)
    assert spec.submodule_search_locations is not None
    spec.submodule_search_locations.append(folder)
    package = importlib.util.module_from_spec(spec)
    sys.modules["_hotpatch_describers"] = package
    importlib.import_module("_hotpatch_describers.graph")
    globals()["__package__"] = "_hotpatch_describers"


if __name__ == "__main__":
    sys.path.pop(0)
    sys.modules["__main__"].__dict__.setdefault("__package__", "_hotpatch_describers")
    main(sys.argv[1])

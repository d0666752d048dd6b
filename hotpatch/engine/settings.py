"""What a process has set for itself besides objects of the program: handlers, limits, filters, the
environment.

None of it is looked at in a live process; two clean starts are compared.  A module that the program did
not import is not asked, for importing it would change the process.  Imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .reading import PLAIN
from .telling import by_name, name_of

LEADING_NOWHERE: Final = "import path leading nowhere"
Tidy = Callable[[str], str]
Tell = Callable[[Any], str]


def settings(tidy: Tidy, tell: Tell, exits: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """Plain values, lists of text and tables of text, by name.

    `tidy` takes the root's path out of a text, `tell` says what an object consists of.  `exits` are functions
    that were registered to be called at the exit, with their arguments.
    """
    found: dict[str, Any] = {
        "environment": {name: tidy(value) for name, value in os.environ.items()},
        "import path": [tidy(str(entry)) for entry in sys.path],
        LEADING_NOWHERE: [tidy(entry) for entry in map(str, sys.path) if entry and not os.path.exists(entry)],  # noqa: PTH110
        "import hooks": [*map(_named, sys.meta_path), *map(_named, sys.path_hooks)],
        "folder": tidy(os.getcwd()),  # noqa: PTH109
        "open files": sum(1 for _ in os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,  # noqa: PTH112,PTH208
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "hooks": {name: tell(getattr(sys, name)) for name in _HOOKS},
        "finders of modules": by_name(_finders(tell), str),
        "interpreter's variables": {
            name: tidy(repr(value)) for name, value in vars(sys).items() if _plain(name, value)
        },
        "priority": f"{os.getpriority(os.PRIO_PROCESS, 0)} {sorted(os.sched_getaffinity(0))}"
        if hasattr(os, "sched_getaffinity")
        else "",
        "streams": [_stream(name, getattr(sys, name)) for name in ("stdin", "stdout", "stderr")],
        "file mode mask": _mask(),
        "longest integer": sys.get_int_max_str_digits(),
    }
    for module, (name, ask) in _ASKED:
        if (loaded := sys.modules.get(module)) is not None:
            try:
                found[name] = ask(loaded)
            except Exception as error:  # noqa: BLE001  a module of that name may be the program's own
                found[name] = type(error).__name__
    for module, (name, ask) in _TOLD:
        if (loaded := sys.modules.get(module)) is not None:
            try:
                found[name] = by_name(ask(loaded), tell)
            except Exception as error:  # noqa: BLE001  as above
                found[name] = type(error).__name__
    found["builtins"] = by_name(
        ((k, v) for k, v in vars(sys.modules["builtins"]).items() if k not in ("__builtins__", "_")), tell
    )
    found["arguments of exit hooks"] = by_name(((name_of(each[0]), each) for each in exits), tell)
    return found


def _finders(tell: Tell) -> Iterator[tuple[str, str]]:
    """Those of libraries in an order of their own: which of two was imported first says nothing of the
    program, and `import hooks` tells of others between them."""
    told = [
        (_named(each), tell(each), tell(_class_of(each)).startswith("outside ")) for each in sys.meta_path
    ]
    theirs = iter(sorted((name, text) for name, text, outside in told if outside))
    return (next(theirs) if outside else (name, text) for name, text, outside in told)


def _class_of(finder: Any) -> Any:
    return finder if issubclass(type(finder), type) else type(finder)


def _plain(name: str, value: Any) -> bool:
    """`last_exc` and its like tell what was raised, not what was set."""
    return type(value) in PLAIN and not name.startswith("last_")


def _stream(name: str, stream: Any) -> str:
    said = [getattr(stream, part, "") for part in ("encoding", "errors", "line_buffering")]
    return " ".join([name, type(stream).__qualname__, *map(str, said)])


def _mask() -> str:
    """There is no way to ask but to set it for a moment; nothing else runs in a clean process by now."""
    mask = os.umask(0o77)
    os.umask(mask)
    return oct(mask)


_HOOKS: Final = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")


class _AskedWhether:
    """Equal to nothing; keeps what it was compared with."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.met: list[Any] = []

    def __eq__(self, other: object) -> bool:
        self.met.append(other)
        return False


def exit_hooks(atexit: Any) -> list[Any]:
    """The functions that are called at the exit: C keeps the list, and compares each of them with one that is
    to be taken from it."""
    asking = _AskedWhether()
    with contextlib.suppress(Exception):  # whatever a hook's own `__eq__` raises
        atexit.unregister(asking)
    return asking.met


def _named(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    return str(name)


def handlers(signal: Any) -> Iterator[tuple[str, Any]]:
    """The standard handlers are members of an enum, by which C's numbers are meant."""
    for number in sorted(signal.valid_signals()):
        name = signal.Signals(number).name if number in signal.Signals._value2member_map_ else str(number)
        handler = signal.getsignal(number)
        yield name, str(handler) if isinstance(handler, signal.Handlers) else handler


def _timers(signal: Any) -> list[str]:
    names = [name for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]
    return [f"{name} {[*map(math.ceil, signal.getitimer(getattr(signal, name)))]}" for name in names]


def _finalizers(weakref: Any) -> Iterator[tuple[str, Any]]:
    for info in list(weakref.finalize._registry.values()):
        yield name_of(info.func), (info.func, info.args, info.kwargs, info.atexit, info.weakref())


def _codecs(codecs: Any) -> Iterator[tuple[str, Any]]:
    """The interpreter keeps the functions that look codecs up in a list, and the handlers of errors in a
    table: those in which the standard ones stand."""
    encodings = sys.modules["encodings"]
    for held in gc.get_referrers(encodings.search_function):
        if type(held) is list:
            yield from ((name_of(search), search) for search in held)
    for held in gc.get_referrers(codecs.strict_errors):
        if type(held) is dict and "surrogateescape" in held:
            yield from held.items()


def _random(random: Any) -> str:
    return f"{zlib.crc32(repr(random.getstate()).encode()):08x}"


def _filters(warnings: Any) -> list[str]:
    def pattern(value: Any) -> str:
        return str(getattr(value, "pattern", value))

    return [
        f"{action} {pattern(message)} {category.__qualname__} {pattern(module)} {line}"
        for action, message, category, module, line in warnings.filters
    ]


def _context(decimal: Any) -> list[str]:
    """Without its flags: they tell what was calculated, not what was set."""
    return [
        " ".join(
            [
                f"{name}={getattr(context, name)}"
                for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
            ]
            + sorted(signal.__name__ for signal, on in context.traps.items() if on)
        )
        for context in (decimal.getcontext(), decimal.DefaultContext)
    ]


def _logging(logging: Any) -> list[str]:
    return [
        f"disabled below {logging.root.manager.disable}",
        f"raises {logging.raiseExceptions}",
        f"logger class {_named(logging._loggerClass)}",
        f"record factory {_named(logging._logRecordFactory)}",
        *map(str, _level_names(logging._levelToName)),
    ]


def _contexts(contextvars: Any) -> Iterator[tuple[str, Any]]:
    """What the starting thread's context holds; of decimal's own is told above."""
    for variable, value in contextvars.copy_context().items():
        if variable.name != "decimal_context":
            yield variable.name, value


_DIALECT: Final = ("delimiter", "quotechar", "escapechar", "doublequote", "lineterminator", "quoting")


def _csv(csv: Any) -> list[str]:
    told = [f"longest field {csv.field_size_limit()}"]
    for name in sorted(csv.list_dialects()):
        dialect = csv.get_dialect(name)
        told.append(" ".join([name, *(f"{part}={getattr(dialect, part)!r}" for part in _DIALECT)]))
    return told


def _opener(request: Any) -> Iterator[tuple[str, Any]]:
    for handler in [] if request._opener is None else request._opener.handlers:
        yield _named(type(handler)), {name: part for name, part in vars(handler).items() if name != "parent"}


def _level_names(names: Mapping[int, str]) -> Iterator[str]:
    return (f"{level} {name}" for level, name in sorted(names.items()))


def _types(mimetypes: Any) -> list[str]:
    if not mimetypes.inited or mimetypes._db is None:
        return []
    return sorted(f"{end} {kind}" for table in mimetypes._db.types_map for end, kind in table.items())


_ASKED: Final[tuple[tuple[str, tuple[str, Callable[[Any], Any]]], ...]] = (
    ("threading", ("thread stacks", lambda m: str(m.stack_size()))),
    ("atexit", ("exit hooks", lambda m: [*map(name_of, exit_hooks(m))])),
    ("signal", ("signal timers", _timers)),
    ("random", ("random numbers", _random)),
    ("warnings", ("warning filters", _filters)),
    ("gc", ("collector", lambda m: [str(m.isenabled()), *map(str, m.get_threshold()), str(m.get_debug())])),
    ("locale", ("locale", lambda m: str(m.setlocale(m.LC_ALL, None)))),
    ("decimal", ("decimal context", _context)),
    ("socket", ("socket timeout", lambda m: str(m.getdefaulttimeout()))),
    ("logging", ("logging", _logging)),
    ("mimetypes", ("media types", _types)),
    ("time", ("time zone", lambda m: list(m.tzname))),
    ("tempfile", ("temporary folder", lambda m: str(m.tempdir))),
    ("csv", ("csv dialects", _csv)),
    (
        "multiprocessing",
        ("start method", lambda m: m.get_start_method(allow_none=True) or m.get_all_start_methods()[0]),
    ),
    (
        "xml.etree.ElementTree",
        ("namespaces", lambda m: sorted(f"{p} {uri}" for uri, p in m._namespace_map.items())),
    ),
    ("webbrowser", ("browsers", lambda m: sorted(m._browsers))),
    ("email.charset", ("character sets", lambda m: sorted(m.CHARSETS))),
    ("zoneinfo", ("time zone path", lambda m: list(m.TZPATH))),
    ("faulthandler", ("fault handler", lambda m: str(m.is_enabled()))),
    ("asyncio.events", ("event loop policy", lambda m: _named(m._event_loop_policy))),
    (
        "resource",
        ("limits", lambda m: [f"{n} {m.getrlimit(getattr(m, n))}" for n in dir(m) if "RLIMIT_" in n]),
    ),
)
"""Module, and what it is asked; only one that is loaded."""
_TOLD: Final[tuple[tuple[str, tuple[str, Callable[[Any], Any]]], ...]] = (
    ("threading", ("thread hooks", lambda m: [("excepthook", m.excepthook)])),
    ("signal", ("signal handlers", handlers)),
    ("warnings", ("warning hooks", lambda m: [(n, getattr(m, n)) for n in ("showwarning", "formatwarning")])),
    ("contextvars", ("context variables", _contexts)),
    ("weakref", ("finalizers", _finalizers)),
    ("codecs", ("codecs", _codecs)),
    ("gc", ("collector's callbacks", lambda m: [(name_of(each), each) for each in m.callbacks])),
    ("urllib.request", ("opener", _opener)),
    ("copyreg", ("reducers", lambda m: [(_named(k), f) for k, f in m.dispatch_table.items()])),
    (
        "sqlite3",
        (
            "database adapters",
            lambda m: [*((_named(k[0]), f) for k, f in m.adapters.items()), *m.converters.items()],
        ),
    ),
)
"""As above; the answers are objects by name, and told."""

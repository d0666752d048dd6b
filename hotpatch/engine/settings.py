"""What a process has set for itself besides objects of the program: handlers, limits, filters, the
environment.

None of it is looked at in a live process; two clean starts are compared.  A module that the program did
not import is not asked, for importing it would change the process.  Imports the standard library alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Tidy = Callable[[str], str]


def settings(tidy: Tidy) -> dict[str, Any]:
    """Plain values, lists of text and tables of text, by name.

    `tidy` takes the root's path out of a text.
    """
    found: dict[str, Any] = {
        "environment": {name: tidy(value) for name, value in os.environ.items()},
        "import path": [tidy(str(entry)) for entry in sys.path],
        "import hooks": [*map(_named, sys.meta_path), *map(_named, sys.path_hooks)],
        "folder": tidy(os.getcwd()),  # noqa: PTH109
        "open files": sum(1 for _ in os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,  # noqa: PTH112,PTH208
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "hooks": [f"{name} {_named(getattr(sys, name))}" for name in _HOOKS],
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
    found["builtins"] = sorted(map(_builtin, vars(sys.modules["builtins"]).items()))
    return found


def _stream(name: str, stream: Any) -> str:
    said = [getattr(stream, part, "") for part in ("encoding", "errors", "line_buffering")]
    return " ".join([name, type(stream).__qualname__, *map(str, said)])


def _mask() -> str:
    """There is no way to ask but to set it for a moment; nothing else runs in a clean process by now."""
    mask = os.umask(0o77)
    os.umask(mask)
    return oct(mask)


def _builtin(item: tuple[str, Any]) -> str:
    name, value = item
    return f"{name} {value!r}" if type(value) in (int, float, bool, str) else name


_HOOKS: Final = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")


def _named(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    return str(name)


def _handlers(signal: Any) -> list[str]:
    return [
        f"{signal.Signals(n).name if n in signal.Signals._value2member_map_ else n} {_handler(signal, n)}"
        for n in sorted(signal.valid_signals())
    ]


def _handler(signal: Any, number: int) -> str:
    handler = signal.getsignal(number)
    return _named(handler) if callable(handler) else str(handler)


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


def _contexts(contextvars: Any) -> list[str]:
    """What the starting thread's context holds, where it is plain."""
    return sorted(
        f"{variable.name} {value!r}"
        for variable, value in contextvars.copy_context().items()
        if type(value) in (int, float, bool, str, type(None))
    )


_DIALECT: Final = ("delimiter", "quotechar", "escapechar", "doublequote", "lineterminator", "quoting")


def _csv(csv: Any) -> list[str]:
    told = [f"longest field {csv.field_size_limit()}"]
    for name in sorted(csv.list_dialects()):
        dialect = csv.get_dialect(name)
        told.append(" ".join([name, *(f"{part}={getattr(dialect, part)!r}" for part in _DIALECT)]))
    return told


def _opener(request: Any) -> list[str]:
    return [] if request._opener is None else sorted(map(_named, map(type, request._opener.handlers)))


def _level_names(names: Mapping[int, str]) -> Iterator[str]:
    return (f"{level} {name}" for level, name in sorted(names.items()))


def _types(mimetypes: Any) -> list[str]:
    if not mimetypes.inited or mimetypes._db is None:
        return []
    return sorted(f"{end} {kind}" for table in mimetypes._db.types_map for end, kind in table.items())


_ASKED: Final[tuple[tuple[str, tuple[str, Callable[[Any], Any]]], ...]] = (
    ("threading", ("thread hooks", lambda m: [_named(m.excepthook), str(m.stack_size())])),
    ("atexit", ("exit hooks", lambda m: m._ncallbacks())),
    ("signal", ("signal handlers", _handlers)),
    ("warnings", ("warning filters", _filters)),
    ("gc", ("collector", lambda m: [str(m.isenabled()), *map(str, m.get_threshold()), str(m.get_debug())])),
    ("locale", ("locale", lambda m: str(m.setlocale(m.LC_ALL, None)))),
    ("decimal", ("decimal context", _context)),
    ("socket", ("socket timeout", lambda m: str(m.getdefaulttimeout()))),
    ("logging", ("logging", _logging)),
    ("mimetypes", ("media types", _types)),
    ("time", ("time zone", lambda m: list(m.tzname))),
    ("tempfile", ("temporary folder", lambda m: str(m.tempdir))),
    ("contextvars", ("context variables", _contexts)),
    ("csv", ("csv dialects", _csv)),
    (
        "multiprocessing",
        ("start method", lambda m: str(m.get_start_method(allow_none=True))),
    ),
    (
        "sqlite3",
        ("database adapters", lambda m: sorted([*(_named(k[0]) for k in m.adapters), *m.converters])),
    ),
    (
        "xml.etree.ElementTree",
        ("namespaces", lambda m: sorted(f"{p} {uri}" for uri, p in m._namespace_map.items())),
    ),
    ("webbrowser", ("browsers", lambda m: sorted(m._browsers))),
    ("email.charset", ("character sets", lambda m: sorted(m.CHARSETS))),
    ("zoneinfo", ("time zone path", lambda m: list(m.TZPATH))),
    ("urllib.request", ("opener", _opener)),
    ("faulthandler", ("fault handler", lambda m: str(m.is_enabled()))),
    (
        "copyreg",
        ("reducers", lambda m: sorted(f"{_named(k)} {_named(f)}" for k, f in m.dispatch_table.items())),
    ),
    ("asyncio.events", ("event loop policy", lambda m: _named(m._event_loop_policy))),
    (
        "resource",
        ("limits", lambda m: [f"{n} {m.getrlimit(getattr(m, n))}" for n in dir(m) if "RLIMIT_" in n]),
    ),
)
"""Module, and what it is asked; only one that is loaded.

Deliberately not asked: `random` (its state is never the same), `codecs` (keeps no list to look at)."""

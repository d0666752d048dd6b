"""What a start does outside of its own memory, written down while it does it.

By CPython's audit events; where the interpreter has none for threads (3.11), by standing in front of the
call that starts one.  Only what the starting thread itself does counts: what other threads do goes on by
itself, in the live process too.

Imports the standard library alone: it works in the clean process.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, Final

from . import surroundings
from .surroundings import Asked
from .world import INSTALLED

EVENTS: Final = {
    "socket.connect": "connects to",
    "socket.bind": "listens on",
    "socket.sendto": "sends to",
    "subprocess.Popen": "starts the process",
    "os.system": "runs the command",
    "os.posix_spawn": "starts the process",
    "os.exec": "becomes the process",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "_thread.start_new_thread": "starts a thread",
    "_thread.start_joinable_thread": "starts a thread",
    "sqlite3.connect": "opens the database",
    "os.remove": "deletes",
    "os.rename": "renames",
    "os.link": "links",
    "os.symlink": "links",
    "os.truncate": "truncates",
    "os.chmod": "changes the mode of",
    "os.chown": "changes the owner of",
    "os.mkdir": "makes the folder",
    "os.rmdir": "deletes the folder",
    "os.chdir": "changes into the folder",
    "os.putenv": "sets the environment variable",
    "os.unsetenv": "deletes the environment variable",
    "fcntl.flock": "locks the file",
    "fcntl.lockf": "locks the file",
    "mmap.__new__": "maps a file",
    "signal.pthread_kill": "signals",
    "os.kill": "signals",
    "os.killpg": "signals",
    "resource.setrlimit": "sets a limit",
    "syslog.openlog": "opens the system's log",
    "syslog.syslog": "writes to the system's log",
    "sys.addaudithook": "adds an audit hook",
    "sys.setprofile": "sets a profiler",
    "sys.settrace": "sets a tracer",
    "ctypes.dlopen": "loads the library",
    "urllib.Request": "requests",
    "ftplib.connect": "connects to",
    "smtplib.connect": "connects to",
}
LASTING: Final = frozenset(
    {"starts a thread", "starts the process", "forks", "listens on", "connects to", "opens the database"}
    | {"locks the file", "adds an audit hook", "sets a profiler", "sets a tracer", "sets a limit"}
)
"""What goes on in a process that did it, after the statement is gone from its sources."""
IMPORTING: Final = "<frozen importlib._bootstrap>"
STARTERS: Final = (
    (_thread, "start_new_thread"),
    (threading, "_start_new_thread"),
    (threading, "_start_joinable_thread"),
)
MOST_EVENTS: Final = 2000

Row = tuple[str, str, str, str, int, str]
"""What (one of EVENTS, or `writes the file`), to what, and where in the program: the innermost function
(`file:name`), then file and line of the statement at a module's top that it was done for; and what a thread
was given."""


class Witness:
    """Sees from its making on until `end`."""

    def __init__(self, root: str, salt: str) -> None:
        """`salt` is for the digests of what is asked."""
        self.seen: list[tuple[str, str, str, str, int, Any]] = []
        self.exits: list[tuple[Any, Any]] = []
        """Functions registered to be called at the exit, and their arguments, which C keeps to itself."""
        self.asked: dict[Asked, None] = {}
        """What the program asked of its surroundings."""
        self._salt = salt
        self._root = root + os.sep
        self._thread = _thread.get_ident()
        self._on = True
        self._starters: dict[Any, tuple[Any, Any]] = {}
        sys.addaudithook(self._hook)
        self.watch_threads()
        self._watch_exits()
        self._ask = self._watch_environment()

    def watch_threads(self) -> None:
        """To be called again after a set-up that may have put calls of its own there, as gevent does: those
        raise no event."""
        for module, name in STARTERS:
            found = getattr(module, name, None)
            silent = sys.version_info < (3, 12) or type(found) is not types.BuiltinFunctionType
            if found is not None and silent and self._starters.get((module, name), (0, 0))[1] is not found:
                self._stand_before(module, name)

    def end(self) -> None:
        """An audit hook stays for good; it is silent from now on."""
        self._on = False
        type(os.environ).__getitem__ = self._ask  # type: ignore[method-assign]
        for (module, name), (before, instead) in self._starters.items():
            if getattr(module, name) is instead:
                setattr(module, name, before)

    def rows(self, tidy: Callable[[str], str], tell: Callable[[Any], str]) -> list[Row]:
        """What was seen, as text."""
        return [
            (does, tidy(what), function, file, line, "" if given is None else tell(given))
            for does, what, function, file, line, given in self.seen
        ]

    def _watch_exits(self) -> None:
        """For good: whoever holds on to this function holds what stands in its module."""
        enter = atexit.register

        def register(func: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.exits.append((func, (args, kwargs)))
            return enter(func, *args, **kwargs)

        register.__module__, register.__qualname__ = "atexit", "register"
        atexit.register = register

    def _watch_environment(self) -> Callable[..., Any]:
        ask = type(os.environ).__getitem__

        def __getitem__(environ: Any, key: Any) -> Any:
            name = os.fsdecode(key) if type(key) is bytes else str(key)
            if self._sees() and name not in surroundings.SET_BY_US:
                self._asks(surroundings.ENVIRONMENT, name)
            return ask(environ, key)

        type(os.environ).__getitem__ = __getitem__  # type: ignore[method-assign]
        return ask

    def _asks(self, kind: str, name: str) -> None:
        self._on = False
        try:
            if len(self.asked) < MOST_EVENTS and (where := self._where(sys._getframe(2))):
                self.asked[(surroundings.ask(kind, name, self._salt), *where)] = None
        finally:
            self._on = True

    def _sees(self) -> bool:
        return self._on and _thread.get_ident() == self._thread

    def _stand_before(self, module: Any, name: str) -> None:
        start: Callable[..., Any] = getattr(module, name)

        def start_new_thread(*arguments: Any, **words: Any) -> Any:
            self._hook("_thread.start_new_thread", arguments)
            return start(*arguments, **words)

        self._starters[module, name] = start, start_new_thread
        setattr(module, name, start_new_thread)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._sees() or len(self.seen) >= MOST_EVENTS:
            return
        if event == "socket.gethostname":
            self._asks(surroundings.HOST, "")
        elif event == "open" and (path := _read_beside(self._root, *arguments)):
            self._asks(surroundings.FILE, path)
        self._on = False
        try:
            does = EVENTS.get(event) or ("writes the file" if event == "open" and _writes(*arguments) else "")
            if does and (where := self._where(sys._getframe(1))):
                given = _given(*arguments[:2]) if event.startswith("_thread.") else None
                self.seen.append((does, _detail(event, arguments), *where, given))
        finally:
            self._on = True

    def _where(self, frame: types.FrameType | None) -> tuple[str, str, int] | None:
        """None: an outside module does it while it is imported, as it would in any other process that
        imports it."""
        function, file, line = "", "", 0
        while frame is not None:
            code = frame.f_code
            if not function and code.co_filename == IMPORTING:
                return None
            if code.co_filename.startswith(self._root):
                path = code.co_filename[len(self._root) :]
                if not function:
                    function, file, line = f"{path}:{code.co_qualname}", path, frame.f_lineno
                if code.co_name == "<module>":
                    return function, path, frame.f_lineno
            frame = frame.f_back
        return function, file, line


def _detail(event: str, arguments: tuple[Any, ...]) -> str:
    if event.startswith("_thread."):
        return _runs(arguments[0] if arguments else None)
    if event == "open":
        return str(arguments[0])
    plain = [a.decode("utf-8", "replace") if type(a) is bytes else str(a) for a in arguments if _plain(a)]
    return " ".join(plain[:2])[:200]


def _plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(type(part) in (str, int) for part in value)
    return type(value) in (str, bytes, int)


def _runs(function: Any) -> str:
    """The function that a new thread runs, by name: numbers in a thread's own name follow its history."""
    thread = getattr(function, "__self__", None)
    own = ""
    if isinstance(thread, threading.Thread):
        own = "" if thread.name.startswith("Thread-") else f" as {thread.name}"
        function = getattr(thread, "_target", None) if type(thread) is threading.Thread else type(thread)
    name = getattr(function, "__qualname__", None)
    return (f"{getattr(function, '__module__', '')}.{name}" if type(name) is str else "") + own


def _given(function: Any, arguments: Any = ()) -> Any:
    """What a new thread works with, as of now: it may take it up, or forget it, at once."""
    thread = getattr(function, "__self__", None)
    if not isinstance(thread, threading.Thread):
        return (function, arguments if type(arguments) is tuple else ())
    taken = {name: part for name, part in vars(thread).items() if name in _TAKEN or name not in _USUAL}
    return {name: part.copy() if type(part) in (list, dict) else part for name, part in taken.items()}


_TAKEN: Final = frozenset({"_target", "_args", "_kwargs"})
_USUAL: Final = frozenset(vars(threading.Thread(name="usual")))
"""What any thread has of its own."""


def _read_beside(root: str, path: Any, mode: Any, flags: Any) -> str:
    """The file's path, if it belongs neither to the program nor to what is installed; else empty."""
    if type(path) is not str or _writes(path, mode, flags):
        return ""
    path = os.path.abspath(path)  # noqa: PTH100
    passed = (root, "/dev/", "/proc/", "/sys/", os.path.dirname(os.__file__) + os.sep)  # noqa: PTH120
    is_installed = any(f"{os.sep}{name}{os.sep}" in path for name in INSTALLED)
    return "" if is_installed or path.startswith(passed) else path


def _writes(path: Any, mode: Any, flags: Any) -> bool:
    if type(path) is not str or path.startswith(("/dev/", "/proc/")) or "__pycache__" in path:
        return False
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) if type(flags) is int else bool({*"wax+"} & {*str(mode)})

"""A real gunicorn for tests: started on a free port in a folder of its own, hammered, stopped for good.

    with Service(tmp_path, {"app.py": SOURCE}, settings={"workers": 2}) as service:
        with service.load(clients=4) as load:
            ...
        assert load.failed == []

The service leads a process group of its own.  Leaving the block ends it, checks that nothing of the group
lives on, and shows the log if the test failed inside the block.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from attrs import define, field, frozen

WAIT = 60.0
"""Seconds after which a condition that has not come true fails the test; none of them takes long."""

GUNICORN = Path(sys.executable).with_name("gunicorn")
"""Its script, as people start it.  `python -m gunicorn` can't be started again by USR2: the new master finds
gunicorn's own `http` where it looks for the standard library's."""


def wait_until(condition: Callable[[], Any], what: str, seconds: float = WAIT) -> Any:
    """The first true value of `condition()`.  Fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.01)


@frozen
class Answer:
    status: int
    body: str
    began: float
    """`time.monotonic()` when the request was sent."""
    seconds: float


class Service:
    """One gunicorn master and its workers.  `settings` become the config file's, `config` its further text.

    The test makes the home folder (`home.folder.create`); without `home` HOTPATCH_HOME is unset.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, str],
        *,
        app: str = "app:app",
        settings: Mapping[str, Any] | None = None,
        config: str = "from hotpatch_agent.gunicorn import *\n",
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._seconds = itertools.count(int(time.time()) - 100_000)
        self.root = folder / "app"
        self.log = folder / "gunicorn.log"
        self.app = app
        self.home = home
        self._short = Path(tempfile.mkdtemp(prefix="hp-"))  # a socket's path must be short
        self._settings = {"bind": "127.0.0.1:0", "workers": 1, "timeout": 30, "graceful_timeout": 20}
        # A client that the machine holds up for the default 2 s would be cut off, by no fault of the service.
        self._settings |= {"keepalive": 75}
        self._settings |= {"control_socket": str(self._short / "ctl"), **(settings or {})}
        self.config = config
        self.config_argument = ""
        """What `-c` is given; empty: the file that is written with `settings` and `config`."""
        self._environ = dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.root.mkdir(parents=True, exist_ok=True)
        self.write(files)

    def write(self, files: Mapping[str, str | None]) -> None:
        """Puts sources into the program's folder, as a deployment does; None takes a file away."""
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.write_text(text)
            # Bytecode goes by size and second: of two versions within one the first would be loaded again.
            second = next(self._seconds)
            os.utime(fresh, (second, second))
            fresh.rename(path)

    # -- life ----------------------------------------------------------------------------------

    def start(self, wait: bool = True) -> Self:
        """Starts the master; with `wait` returns when the first request is answered, whatever its status."""
        config = self.folder / "gunicorn.conf.py"
        lines = [f"{name} = {value!r}\n" for name, value in self._settings.items()]
        config.write_text("".join(lines) + self.config)
        environ = {name: value for name, value in os.environ.items() if name != "HOTPATCH_HOME"}
        environ |= {"PYTHONUNBUFFERED": "1", **self._environ}
        if self.home is not None:
            environ["HOTPATCH_HOME"] = str(self.home)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(GUNICORN), "-c", self.config_argument or str(config), self.app],
                cwd=self.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.port = wait_until(self._find_port, "gunicorn listens")
            wait_until(self._answers, "gunicorn answers")
        return self

    def _find_port(self) -> int | None:
        assert self._process is not None
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", self.text())
        if found is None and self._process.poll() is not None:
            raise AssertionError(f"gunicorn ended with {self._process.returncode}:\n{self.text()}")
        return int(found[1]) if found else None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"gunicorn ended with {self._process.returncode}:\n{self.text()}")
        try:
            self.get("/")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def stop(self) -> int:
        """Asks the master to end, and ends it if it doesn't; gives its exit status."""
        assert self._process is not None
        group = self._process.pid
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            os.killpg(group, signal.SIGKILL)
            self._process.wait()
            raise AssertionError(f"gunicorn did not end when asked:\n{self.text()[-4000:]}") from None
        try:
            wait_until(lambda: not self._group(), "all of the service's processes end")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        return self._process.returncode

    def _group(self) -> list[int]:
        assert self._process is not None
        return [pid for pid in psutil.pids() if _session(pid) == self._process.pid and alive(pid)]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                sys.stderr.write(f"--- the service's log ---\n{self.text()[-20000:]}\n")
                if self.home is not None:
                    sys.stderr.write(describe_home(self.home))
            self.stop()
        finally:
            shutil.rmtree(self._short, ignore_errors=True)

    # -- looks ---------------------------------------------------------------------------------

    @property
    def control_socket(self) -> str:
        """Where the master listens for orders."""
        return str(self._settings["control_socket"])

    @property
    def master(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The master's exit status; None while it lives."""
        assert self._process is not None
        return self._process.poll()

    def text(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def workers(self) -> list[int]:
        """The pids of the master's living children, oldest first."""
        children = psutil.Process(self.master).children()
        return sorted(child.pid for child in children if alive(child.pid))

    def signal(self, number: int, pid: int | None = None) -> None:
        """Sends a signal to the master, or to a worker of it."""
        os.kill(self.master if pid is None else pid, number)

    # -- requests ------------------------------------------------------------------------------

    def get(self, path: str = "/", method: str = "GET", body: bytes | None = None) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        with contextlib.closing(connection):
            return _ask(connection, path, method, body)

    def body(self, path: str = "/") -> str:
        return self.get(path).body

    @contextlib.contextmanager
    def load(self, clients: int = 4, path: str = "/", pause: float = 0.002) -> Iterator[Load]:
        """Keep-alive clients that ask all the time, some hundred times a second each; they begin before the
        block and end after it.

        A client counts every request, repeats none, and opens a new connection only where the server said
        `Connection: close`, or after a failure, which is kept in `failed`.
        """
        load = Load(self, path, pause)
        threads = [threading.Thread(target=load.run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(load.answers) >= clients, "the clients are being served")
            yield load
        finally:
            load.stop()
            for thread in threads:
                thread.join()


@define(eq=False)
class Load:
    """What the clients have seen so far.  Appended to by their threads, read by the test's."""

    service: Service
    path: str
    pause: float
    answers: list[Answer] = field(factory=list)
    failed: list[str] = field(factory=list)
    _stop: threading.Event = field(factory=threading.Event)

    def run(self) -> None:
        connection = self._connect()
        last = time.monotonic()
        while not self._stop.is_set():
            try:
                answer = _ask(connection, self.path, "GET", None)
            except (OSError, http.client.HTTPException) as error:
                idle = time.monotonic() - last
                self.failed.append(f"{type(error).__name__}: {error} ({idle:.2f} s after the last answer)")
                connection.close()
                connection = self._connect()
                continue
            self.answers.append(answer)
            last = time.monotonic()
            if answer.status != 200:
                self.failed.append(f"{answer.status}: {answer.body[:200]}")
            self._stop.wait(self.pause)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=WAIT)

    def stop(self) -> None:
        self._stop.set()

    def bodies(self) -> Counter[str]:
        """How often each body was answered."""
        return Counter(answer.body for answer in list(self.answers))

    def settle(self, more: int = 20) -> None:
        """Waits until `more` further requests were answered."""
        have = len(self.answers)
        wait_until(lambda: len(self.answers) >= have + more, f"{more} more answers")

    def last_of(self, body: str) -> float:
        """When the last request began that was answered so; -inf if none was."""
        return max((a.began for a in list(self.answers) if a.body == body), default=float("-inf"))


def _ask(connection: http.client.HTTPConnection, path: str, method: str, body: bytes | None) -> Answer:
    began = time.monotonic()
    connection.request(method, path, body)
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    return Answer(response.status, text, began, time.monotonic() - began)


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def describe_home(home: Path) -> str:
    """The home folder's small files as they stand, for a failed test."""
    if not home.exists():
        return f"--- no home at {home} ---\n"
    parts = []
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.parent.name != "trust":
            small = path.suffix in (".json", ".rec", ".request") and path.stat().st_size < 4000
            parts.append(f"{path.relative_to(home)}: {path.read_text() if small else '...'}\n")
    return f"--- the home folder ---\n{''.join(parts)}"

"""One way to bring an edit into a process that runs, in a process of its own; started by `versus_peers`.

    python -m benchmarks.contenders NAME ROOT OBJECTS

imports the program below ROOT with OBJECTS other objects alive, then obeys orders from its standard input,
one JSON object a line, and answers each with one.  The parent has put the sources in place by then.

    {"do": "apply", "changed": [files], "measurement": file, "tick": bool}
    {"do": "back", "changed": [files]}
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import sys
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

TICK_SECONDS = 5e-5
SWITCH_SECONDS = 5e-4
"""The interpreter's patience with a thread that runs, of 5 ms by default, would hide shorter holds."""


class Contender(Protocol):
    def apply(self, changed: Sequence[str], measurement: bytes) -> None: ...
    def back(self, changed: Sequence[str]) -> None: ...


class Hotpatch:
    """What a serving process does: reads the measurement, stages, commits.  The measurement was made by a
    builder, the proof is a forked child's."""

    def __init__(self, root: Path) -> None:
        from hotpatch import engine

        self._engine, self._root = engine, str(root)
        self._undo: Any = None

    def apply(self, changed: Sequence[str], measurement: bytes) -> None:
        staged = self._engine.stage(self._engine.Measurement.load(measurement), self._root)
        self._undo = self._engine.commit_quietly(staged)

    def back(self, changed: Sequence[str]) -> None:
        self._undo.revert()


class Reload:
    """`importlib.reload` of the modules whose files changed."""

    def __init__(self, root: Path) -> None:
        pass

    def apply(self, changed: Sequence[str], measurement: bytes) -> None:
        for file in changed:
            importlib.reload(sys.modules[Path(file).stem])

    def back(self, changed: Sequence[str]) -> None:
        self.apply(changed, b"")


class Autoreload:
    """IPython's `%autoreload 2`, by the extension's own reloader (which tries `deduperreload` first)."""

    def __init__(self, root: Path) -> None:
        from IPython.core.interactiveshell import InteractiveShell  # type: ignore[import-not-found,unused-ignore]
        from IPython.extensions.autoreload import ModuleReloader  # type: ignore[import-not-found,unused-ignore]

        make: Any = ModuleReloader
        self._reloader = make(InteractiveShell.instance())
        self._reloader.enabled = True
        self._reloader.check(check_all=True)

    def apply(self, changed: Sequence[str], measurement: bytes) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            self._reloader.check(check_all=True)
        if "[autoreload of" in said.getvalue():
            raise RuntimeError(said.getvalue().strip().splitlines()[-1])

    def back(self, changed: Sequence[str]) -> None:
        self.apply(changed, b"")


class Jurigged:
    """jurigged, driven as its watcher does when a file has changed."""

    def __init__(self, root: Path) -> None:
        from jurigged.register import registry  # type: ignore[import-untyped,import-not-found,unused-ignore]

        self._registry, self._root = registry, root
        self._problems: list[BaseException] = []
        registry.set_logger(self._note)
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and Path(file).parent == root:
                registry.prepare(module.__name__, file)
                registry.get(file)

    def _note(self, event: Any) -> None:
        if isinstance(event, BaseException):
            self._problems.append(event)

    def apply(self, changed: Sequence[str], measurement: bytes) -> None:
        self._problems.clear()
        for file in changed:
            self._registry.get(str(self._root / file)).refresh()
        if self._problems:
            raise self._problems[0]

    def back(self, changed: Sequence[str]) -> None:
        self.apply(changed, b"")


CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    "hotpatch": Hotpatch,
    "reload": Reload,
    "autoreload": Autoreload,
    "jurigged": Jurigged,
}


class Ticker:
    """A thread that asks for the GIL all the time.  What it finds missing between two ticks is the time in
    which the main thread let nobody in: by the wall clock; and by the CPU time that the main thread took
    meanwhile, less the time for which the ticking thread could have run and had no processor.  The second
    leaves out what other processes took from both."""

    def __init__(self) -> None:
        self._wall, self._cpu, self._queued = array("q"), array("q"), array("q")
        self._clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ticker:
        self._before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread.start()
        self._wait_for_ticks()
        return self

    def _wait_for_ticks(self) -> None:
        """So that whatever lies between two calls of this lies between two ticks."""
        had = len(self._cpu)
        while len(self._cpu) < had + 2:
            time.sleep(1e-3)

    def __exit__(self, *_: object) -> None:
        self._wait_for_ticks()
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._before)

    def _run(self) -> None:
        with open("/proc/thread-self/schedstat", "rb") as scheduler:
            while not self._stop.is_set():
                queued = int(os.pread(scheduler.fileno(), 128, 0).split()[1])
                self._queued.append(queued)
                self._wall.append(time.perf_counter_ns())
                self._cpu.append(time.clock_gettime_ns(self._clock))
                time.sleep(TICK_SECONDS)

    def longest(self) -> tuple[float, float]:
        """Milliseconds: by the wall clock, by CPU time."""
        gaps = zip(_gaps(self._cpu), _gaps(self._queued), strict=True)
        return max(_gaps(self._wall)) / 1e6, max(cpu - queued for cpu, queued in gaps) / 1e6


def _gaps(ticks: Sequence[int]) -> list[int]:
    return [b - a for a, b in itertools.pairwise(ticks)]


def _applied(contender: Contender, order: dict[str, Any]) -> dict[str, Any]:
    measurement = Path(order["measurement"]).read_bytes()
    answer: dict[str, Any] = {"error": None}
    ticker = Ticker() if order["tick"] else None
    with ticker or contextlib.nullcontext():
        began, cpu = time.perf_counter(), time.thread_time()
        try:
            contender.apply(order["changed"], measurement)
        except Exception as error:  # noqa: BLE001  how a contender refuses is its own affair
            answer["error"] = f"{type(error).__name__}: {error}"[:300]
        answer["ms"] = (time.perf_counter() - began) * 1e3
        answer["cpu_ms"] = (time.thread_time() - cpu) * 1e3
    if ticker is not None:
        answer["hold_ms"], answer["hold_cpu_ms"] = ticker.longest()
        answer["floor_ms"] = _held_by_a_loop(answer["cpu_ms"] / 1e3)
    return answer


def _held_by_a_loop(seconds: float) -> float:
    """Milliseconds for which the ticking thread missed the GIL beside as much work of plain Python, which
    gives way at each turn: what the machine and the interpreter alone come to."""
    with Ticker() as ticker:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
    return ticker.longest()[1]


def _probed() -> Any:
    try:
        return sys.modules["front"].probe()
    except Exception as error:  # noqa: BLE001  a torn program is a finding
        return f"{type(error).__name__}: {error}"


def _answer(contender: Contender, order: dict[str, Any]) -> dict[str, Any]:
    if order["do"] == "apply":
        answer = _applied(contender, order)
    else:
        answer = {"error": None}
        try:
            contender.back(order["changed"])
        except Exception as error:  # noqa: BLE001
            answer["error"] = f"{type(error).__name__}: {error}"[:300]
    return {**answer, "probe": _probed()}


def main() -> None:
    name, root, objects = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    sys.path.insert(0, str(root))
    front = importlib.import_module("front")
    front.warm()
    alive = [[] for _ in range(objects)]  # type: ignore[var-annotated]
    contender = CONTENDERS[name](root) if name != "fresh" else None
    gc.collect()
    print(json.dumps({"probe": front.probe(), "alive": len(alive)}), flush=True)
    if contender is None:
        return
    for line in sys.stdin:
        print(json.dumps(_answer(contender, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

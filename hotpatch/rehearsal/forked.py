"""The parent's side: fork at a good moment, listen, keep the time, end the child, name how it ended.

Called from the agent's thread of a serving worker.  The fork is all that the worker feels (it holds the
GIL while the kernel copies page tables); the rest is a wait without the GIL.  The child is ended
by its own process group and reaped by its own pid, so that nobody else's children are touched.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from attrs import define, evolve

from hotpatch.errors import CheckDied, CheckHung
from hotpatch.native import original
from hotpatch.rehearsal.channel import READ_BYTES, Hearer, TooMuch
from hotpatch.rehearsal.child import Rehearsal, live
from hotpatch.rehearsal.verdict import MIB, Limits, Verdict, refusal

GLANCES: Final = 5
"""A hung child that wants the processor at each of so many looks, 2 ms apart, loops; else it waits.  Its
share of the processor would tell as much on an idle machine alone."""

LOOK: Final = 0.1
"""Seconds between two looks at whether it was called off."""

IDLE: Final = 3.0
"""Seconds for which a child that builds, commits or proves, which waits for nothing outside, may have all its
threads asleep before it is taken to wait for a lock that nobody holds any more."""

warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)


@define
class Ended:
    """How a child came to its end."""

    verdict: Verdict
    hung_waiting: bool = False
    """It waited for something that never came, such as a lock that another thread held at the fork."""


def run_forked(
    rehearsal: Rehearsal,
    limits: Limits,
    quiet: AbstractContextManager[object],
    called_off: Callable[[], bool],
    idle: float,
) -> Ended:
    """One child from fork to grave; `quiet` is held while it forks, `idle` is how long it may sleep outside
    its checks.  OSError if the system can't."""
    began = time.monotonic()
    with quiet:
        child = _spawn(rehearsal, limits)
    try:
        ended = child.listen(limits, called_off, idle)
    finally:
        child.end()
    verdict = ended.verdict if ended is not None else child.autopsy(limits)
    seconds = {**verdict.seconds, "total": time.monotonic() - began}
    return Ended(evolve(verdict, seconds=seconds), ended is not None and ended.hung_waiting)


def _spawn(rehearsal: Rehearsal, limits: Limits) -> _Child:
    worker = os.getpid()
    reader, writer = os.pipe()
    fork: Callable[[], int] = original("os", "fork")
    try:
        pid = fork()
    except BaseException:
        os.close(reader)
        os.close(writer)
        raise
    if pid == 0:
        live(rehearsal, limits, writer, worker)
    os.close(writer)
    return _Child(pid, reader)


@define
class _Child:
    pid: int
    reader: int
    step: str = "fork"
    status: int | None = None

    def listen(self, limits: Limits, called_off: Callable[[], bool], idle: float) -> Ended | None:
        """Until the verdict is there, the time is over, or the pipe ends without a verdict (None)."""
        poll = original("select", "poll")()
        poll.register(self.reader, select.POLLIN)
        hearer = Hearer(limits.report_bytes)
        awake = time.monotonic()
        last = awake + limits.total_seconds
        deadline = awake + limits.step_seconds
        while True:
            if self.in_a_check or _states(self.pid) != {"S"}:
                awake = time.monotonic()
            left = min(deadline, last, awake + idle) - time.monotonic()
            if left <= 0:
                return Ended(self._hung(limits), hung_waiting=not self._loops())
            if called_off():
                return Ended(refusal(CheckDied(f"{self.step}: called off")))
            if not poll.poll(1000 * min(left, LOOK)):
                continue
            data = os.read(self.reader, READ_BYTES)
            if not data:
                return None
            try:
                fresh = hearer.take(data)
            except TooMuch as error:
                return Ended(refusal(CheckDied(f"{self.step}: {error}")))
            for message in fresh:
                if "verdict" in message:
                    return Ended(Verdict.load(message["verdict"]))
                self.step = str(message.get("step", self.step))
                deadline = time.monotonic() + self._seconds(limits)

    @property
    def in_a_check(self) -> bool:
        return self.step.startswith("check ")

    def _seconds(self, limits: Limits) -> float:
        return limits.check_seconds if self.in_a_check else limits.step_seconds

    def _hung(self, limits: Limits) -> Verdict:
        return refusal(CheckHung(f"{self.step}: did not end within {self._seconds(limits):g} s"))

    def end(self) -> None:
        """Kills the child's process group, reaps the child.  The pid is ours until it is reaped."""
        os.close(self.reader)
        for kill in (os.killpg, os.kill):  # before it made its own group, only the pid is there
            try:
                kill(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            _pid, self.status = original("os", "waitpid")(self.pid, 0)
        except ChildProcessError:
            self.status = None  # the program reaps all children by itself

    def _loops(self) -> bool:
        for _ in range(GLANCES):
            if "R" not in _states(self.pid):
                return False
            original("time", "sleep")(0.002)
        return True

    def autopsy(self, limits: Limits) -> Verdict:
        """The verdict on a child that died before it had one."""
        if self.status is None:
            return refusal(CheckDied(f"{self.step}: the rehearsal process died"))
        if os.WIFEXITED(self.status):
            code = os.WEXITSTATUS(self.status)
            return refusal(CheckDied(f"{self.step}: the rehearsal process exited with status {code}"))
        number = os.WTERMSIG(self.status)
        if number == signal.SIGXCPU:
            return refusal(CheckHung(f"{self.step}: used up its processor time"))
        name = signal.Signals(number).name
        hint = f" (it may use {limits.memory // MIB} MiB more than the worker)" if number in _MEMORY else ""
        return refusal(
            CheckDied(
                f"{self.step}: the rehearsal process was killed by {name}, {signal.strsignal(number)}{hint}"
            )
        )


_MEMORY: Final = frozenset({signal.SIGKILL, signal.SIGABRT, signal.SIGBUS})


def _states(pid: int) -> set[str]:
    """What the threads of a process are doing, in the kernel's letters: `R` has or wants the processor."""
    found = set[str]()
    with contextlib.suppress(OSError):  # the process has ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # or that thread
                found.add((task / "stat").read_text().rpartition(")")[2].split(maxsplit=1)[0])
    return found

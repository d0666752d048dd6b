"""Whatever a change or its checks do in the rehearsal child, the process that forked it goes on unharmed."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve

from hotpatch.errors import CheckDied, CheckFailed, CheckHung, PatchInvalid, PatchRefused
from hotpatch.plan import Effect
from hotpatch.rehearsal import Limits, Verdict, forked, rehearse
from hotpatch.release import Check

QUICK = Limits(check_seconds=1.0, step_seconds=20.0, total_seconds=60.0)


@define
class Counter:
    """Something live that a change alters."""

    value: int = 1


@define
class SetValue:
    """A change of one value, with what its proof finds."""

    counter: Counter
    findings: Sequence[str] = ()
    blockers: Sequence[str] = ()

    def stage(self) -> Sequence[str]:
        return self.blockers

    def commit(self) -> None:
        self.counter.value = 2

    def prove(self) -> Sequence[str]:
        return self.findings


def python(source: str) -> Check:
    return Check(name="trial", kind="python", source=source)


def verdict_of(source: str, app: Any = None, limits: Limits = QUICK) -> Verdict:
    return rehearse(None, [python(source)], app, limits)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    descriptors, children = open_descriptors(), child_processes()
    yield
    assert open_descriptors() == descriptors
    assert child_processes() <= children


# -- outcomes ----------------------------------------------------------------------------------


def test_a_good_change_is_live_and_the_process_keeps_its_own_state() -> None:
    counter = Counter()
    check = python("def check_value(app):\n    assert app.value == 2, app.value\n")
    verdict = rehearse(SetValue(counter), [check], counter, QUICK)
    assert verdict.effect is Effect.LIVE, verdict
    assert counter.value == 1
    assert list(verdict.seconds) == ["stage", "commit", "proof", "check trial", "total"]


def test_what_the_proof_finds_makes_the_verdict_reload() -> None:
    verdict = rehearse(
        SetValue(Counter(), findings=["shop.TOTAL is 1, a fresh start has 2"]), [], None, QUICK
    )
    assert verdict.effect is Effect.RELOAD
    assert verdict.findings == ("shop.TOTAL is 1, a fresh start has 2",)


def test_what_a_check_does_to_live_state_is_no_finding_of_the_proof() -> None:
    class Careful(SetValue):
        def prove(self) -> Sequence[str]:
            return [] if self.counter.value == 2 else [f"the counter is {self.counter.value}"]

    counter = Counter()
    check = python("def check_that_counts(app):\n    app.value += 1\n")
    assert rehearse(Careful(counter), [check], counter, QUICK).effect is Effect.LIVE


def test_a_change_that_cannot_be_proven_is_checked_all_the_same() -> None:
    class Unproven(SetValue):
        def prove(self) -> Sequence[str]:
            raise PatchRefused("the live process was changed otherwise")

    verdict = rehearse(Unproven(Counter()), [python("def check():\n    pass\n")], None, QUICK)
    assert verdict.effect is Effect.RELOAD
    assert verdict.findings == ("the live process was changed otherwise",)
    wrong = rehearse(Unproven(Counter()), [python("def check():\n    assert False\n")], None, QUICK)
    assert wrong.effect is Effect.REFUSE


def test_blockers_are_told() -> None:
    verdict = rehearse(SetValue(Counter(), blockers=["shop.loop line 3 never returns"]), [], None, QUICK)
    assert verdict.effect is Effect.LIVE
    assert verdict.blockers == ("shop.loop line 3 never returns",)


@pytest.mark.parametrize(
    ("raised", "effect", "error"),
    [
        (PatchRefused("layout differs"), Effect.RELOAD, ""),
        (PatchInvalid("does not compile"), Effect.REFUSE, "PatchInvalid"),
        (ZeroDivisionError("oops"), Effect.REFUSE, "PatchInvalid"),
    ],
)
def test_what_staging_raises_decides_the_verdict(raised: Exception, effect: Effect, error: str) -> None:
    class Raises(SetValue):
        def stage(self) -> Sequence[str]:
            raise raised

    verdict = rehearse(Raises(Counter()), [], None, QUICK)
    assert (verdict.effect, verdict.error) == (effect, error)
    assert str(raised) in verdict.reason + "".join(verdict.findings)


def test_a_verdict_survives_being_written_down() -> None:
    verdict = verdict_of("def check_it():\n    raise ValueError('no')\n")
    assert Verdict.load(verdict.dump()) == verdict


# -- checks that say no ------------------------------------------------------------------------


def test_a_failed_assertion_names_check_line_and_source() -> None:
    verdict = verdict_of("def check_total(app):\n    assert app == 3\n", app=4)
    with pytest.raises(CheckFailed, match=r"trial: check_total: AssertionError .line 2: assert app == 3"):
        verdict.raise_refusal()


def test_a_check_that_exits_says_no() -> None:
    assert verdict_of("import sys\ndef check_it():\n    sys.exit(0)\n").error == "CheckFailed"


def test_a_check_source_without_a_check_is_refused() -> None:
    assert verdict_of("def helper():\n    pass\n").error == "CheckFailed"


def test_a_coroutine_check_is_awaited() -> None:
    verdict = verdict_of("async def check_it():\n    raise ValueError('awaited')\n")
    assert "awaited" in verdict.reason


# -- checks that misbehave ---------------------------------------------------------------------


def test_a_segfault_is_a_refusal_that_names_the_signal() -> None:
    verdict = verdict_of("import ctypes\ndef check_it():\n    ctypes.string_at(0)\n")
    with pytest.raises(CheckDied, match=r"check trial: .*SIGSEGV"):
        verdict.raise_refusal()


def test_an_exit_without_a_word_is_a_refusal_that_names_the_status() -> None:
    verdict = verdict_of("import os\ndef check_it():\n    os._exit(0)\n")
    with pytest.raises(CheckDied, match=r"check trial: .*exited with status 0"):
        verdict.raise_refusal()


def test_an_endless_loop_is_ended_and_not_tried_twice() -> None:
    attempts: list[int] = []
    source = """
def check_it():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
    verdict = rehearse(None, [python(source)], None, QUICK, quiet=counted(attempts))
    with pytest.raises(CheckHung, match="check trial: did not end within 1 s"):
        verdict.raise_refusal()
    assert attempts == [0]


def test_memory_beyond_the_limit_is_a_refusal_that_says_so() -> None:
    source = "kept = []\ndef check_it():\n    while True:\n        kept.append(bytearray(2**20))\n"
    limits = evolve(QUICK, memory=64 * 2**20, check_seconds=30.0)
    with pytest.raises(CheckDied, match="out of memory"):
        verdict_of(source, limits=limits).raise_refusal()


def test_a_fork_bomb_is_stopped_and_leaves_nothing_alive(tmp_path: Path) -> None:
    source = f"""
import os
def check_it():
    while True:
        os.fork()
        with open({str(tmp_path / "pids")!r}, "a") as pids:
            pids.write(f"{{os.getpid()}}\\n")
"""
    limits = evolve(QUICK, processes=6)
    with pytest.raises(CheckDied, match="more processes"):
        verdict_of(source, limits=limits).raise_refusal()
    pids = {int(line) for line in (tmp_path / "pids").read_text().split()}
    assert 1 <= len(pids) <= 7
    wait_until(lambda: not any(alive(pid) for pid in pids))


def test_a_process_that_a_check_leaves_behind_is_ended(tmp_path: Path) -> None:
    source = f"""
import pathlib, subprocess
def check_it():
    process = subprocess.Popen(["sleep", "1000"])
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(process.pid))
"""
    assert verdict_of(source).effect is Effect.LIVE
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not alive(pid))


def test_a_flood_of_words_is_cut_off() -> None:
    source = """
import os
def check_it():
    for descriptor in range(3, 64):
        try:
            while "pipe:" in os.readlink(f"/proc/self/fd/{descriptor}"):
                os.write(descriptor, b'{}\\n' * 1000)
        except OSError:
            continue
"""
    limits = evolve(QUICK, check_seconds=20.0, report_bytes=100_000)
    with pytest.raises(CheckDied, match="wrote more than"):
        verdict_of(source, limits=limits).raise_refusal()


# -- locks held at the fork --------------------------------------------------------------------


class HeldAtTheFork:
    """A lock of the program's that another thread holds at the first fork, and no longer at the second."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.attempts: list[int] = []

    @contextmanager
    def quiet(self, attempt: int) -> Iterator[None]:
        self.attempts.append(attempt)
        if attempt == 1:
            self.lock.release()
        yield


def test_a_lock_held_at_the_fork_does_not_blame_a_good_change() -> None:
    held = HeldAtTheFork()
    check = python("def check_it(app):\n    with app:\n        pass\n")
    verdict = rehearse(None, [check], held.lock, QUICK, quiet=held.quiet)
    assert verdict.effect is Effect.LIVE, verdict
    assert held.attempts == [0, 1]


@define
class WaitsForALock(SetValue):
    """A change whose building needs a lock of the program's."""

    lock: Any = None

    def stage(self) -> Sequence[str]:
        with self.lock:
            return super().stage()


def test_a_step_that_waits_for_a_lock_held_at_the_fork_is_tried_again_long_before_its_limit() -> None:
    held = HeldAtTheFork()
    hours = evolve(QUICK, step_seconds=7200.0, total_seconds=7200.0)
    verdict = rehearse(WaitsForALock(Counter(), lock=held.lock), [], None, hours, quiet=held.quiet)
    assert verdict.effect is Effect.LIVE, verdict
    assert held.attempts == [0, 1]


def test_a_step_that_sleeps_of_its_own_accord_has_its_whole_limit() -> None:
    class Sleeps(SetValue):
        def stage(self) -> Sequence[str]:
            time.sleep(forked.IDLE + 1)
            return super().stage()

    assert rehearse(Sleeps(Counter()), [], None, QUICK).effect is Effect.LIVE


def test_a_deadlock_in_a_check_is_a_refusal() -> None:
    source = """
import threading
def check_it():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""
    with pytest.raises(CheckHung):
        verdict_of(source, limits=evolve(QUICK, check_seconds=0.5)).raise_refusal()


# -- what the child shares with the worker -----------------------------------------------------


def test_a_client_sees_its_connection_end_while_the_child_still_runs() -> None:
    ours, theirs = socket.socketpair()
    ended: list[bytes] = []
    forked = threading.Event()

    def serve() -> None:
        forked.wait()
        time.sleep(0.3)  # let the child pass its isolation; the assertion holds at any length
        ours.close()
        ended.append(theirs.recv(1))
        theirs.close()

    @contextmanager
    def quiet(_attempt: int) -> Iterator[None]:
        yield
        forked.set()

    server = threading.Thread(target=serve)
    server.start()
    check = python("import time\ndef check_it():\n    time.sleep(1000)\n")
    rehearse(None, [check], None, evolve(QUICK, check_seconds=2.0), quiet=quiet)
    server.join()
    assert ended == [b""]


def test_the_child_cannot_speak_on_the_workers_connections() -> None:
    ours, theirs = socket.socketpair()
    source = """
def check_it(app):
    try:
        app.send(b"x")
    except OSError:
        return
    raise AssertionError
"""
    with ours, theirs:
        assert verdict_of(source, app=ours).effect is Effect.LIVE
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_the_child_cannot_change_the_workers_epoll_set() -> None:
    reader, writer = os.pipe()
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        source = f"""
def check_it(app):
    try:
        app.unregister({reader})
    except OSError:
        pass
"""
        verdict_of(source, app=epoll)
        os.write(writer, b"x")
        assert epoll.poll(5.0) == [(reader, select.EPOLLIN)]
    os.close(reader)
    os.close(writer)


def test_the_child_has_default_signal_handlers() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        source = "import os, signal\ndef check_it():\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        assert "SIGTERM" in verdict_of(source).reason
    finally:
        signal.signal(signal.SIGTERM, before)


def test_unflushed_output_is_not_printed_twice(capfd: pytest.CaptureFixture[str]) -> None:

    sys.stdout.write("from the worker")
    verdict_of("def check_it():\n    print('from the child')\n")
    sys.stdout.flush()
    out = capfd.readouterr().out
    assert out.count("from the worker") == 1
    assert "from the child" in out


def child_processes() -> set[str]:
    """Children of this process, also those that have ended and nobody has waited for."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update((task / "children").read_text().split())
        except OSError:  # the thread has ended
            continue
    return found


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def counted(attempts: list[int]) -> Any:
    @contextmanager
    def quiet(attempt: int) -> Iterator[None]:
        attempts.append(attempt)
        yield

    return quiet


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_child_ends_with_the_process_that_forked_it(tmp_path: Path) -> None:
    source = f"""
import os, pathlib, time
def check():
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    time.sleep(1000)
"""
    script = f"""
import os, pathlib
from hotpatch.rehearsal import Limits, rehearse
from hotpatch.release import Check
source = {source!r}
rehearse(None, [Check(name="c", kind="python", source=source)], None, Limits(check_seconds=1000.0))
"""
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    try:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        child = int((tmp_path / "pid").read_text())
        assert alive(child)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not alive(child))

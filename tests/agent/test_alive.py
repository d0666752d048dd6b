"""Who lives is told by the kernel: a lock ends with its process, and with nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from hotpatch_agent.home.alive import Lock, is_held

HOLDER = (
    "import sys, time\nfrom pathlib import Path\nfrom hotpatch_agent.home.alive import Lock\n"
    "lock = Lock.take(Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.read()\n"
)


def test_a_lock_is_held_while_its_process_lives_and_free_once_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_held(path)
        assert Lock.try_take(path) is None
        holder.send_signal(signal.SIGKILL)

    assert not is_held(path)
    lock = Lock.try_take(path)
    assert lock is not None
    lock.release()


def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock.take(path)
    go_on, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(done[1], b"1")
        os.read(go_on[0], 1)
        os._exit(0)
    try:
        os.read(done[0], 1)
        lock.release()
        assert not is_held(path)
    finally:
        os.write(go_on[1], b"1")
        os.waitpid(child, 0)
        for descriptor in (*go_on, *done):
            os.close(descriptor)


def test_a_forked_child_does_not_unlock_its_parents_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock.take(path)
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)

    assert is_held(path)
    lock.release()


def test_a_file_that_is_not_there_is_held_by_nobody(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")


def test_a_lock_is_on_the_file_of_that_name_even_if_it_was_removed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = Lock.take(path)
    path.unlink()
    second = Lock.try_take(path)

    assert second is not None
    assert is_held(path)
    second.release()
    assert not is_held(path)
    first.release()

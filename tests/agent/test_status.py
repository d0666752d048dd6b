"""A worker's status is what it says itself, and the dead are told from the living."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from attrs import evolve
from hotpatch_agent import wire
from hotpatch_agent.clock import now
from hotpatch_agent.home.alive import Lock
from hotpatch_agent.home.status import Blocker, Board, Phase, Problem, Status, forget, read_roll, worker_id

from tests.agent.samples import adopting, status

WORKER = """
import os, sys
import shutil
from pathlib import Path
from attrs import evolve
from hotpatch_agent.home.status import Board, worker_id
from tests.agent.samples import status
board = Board(Path(sys.argv[1]), worker_id())
board.write(evolve(status(os.getpid()), worker=worker_id()))
print(worker_id(), flush=True)
sys.stdin.read()
board.leave()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert worker.stdout is not None
    return worker, worker.stdout.readline().strip()


def test_a_status_comes_back_as_it_was(tmp_path: Path) -> None:
    full = adopting(status(7, (1, 2)), Phase.HELD, 3, 9, 1.5, Problem("Busy", 27, "busy"), "stream")
    full = evolve(full, blockers=(Blocker("request", "shop.stream", "GET /events", 5.0),), undoable=(2,))

    assert wire.load(Status, wire.dump(full)) == full


def test_a_killed_worker_is_told_from_a_living_one_and_from_one_that_left(tmp_path: Path) -> None:
    lives, lives_id = start(tmp_path)
    killed, killed_id = start(tmp_path)
    left, _ = start(tmp_path)
    try:
        left.communicate("")
        killed.send_signal(signal.SIGKILL)
        killed.communicate()

        roll = read_roll(tmp_path)

        assert [one.worker for one in roll.alive] == [lives_id]
        assert [one.worker for one in roll.dead] == [killed_id]
        assert roll.debris == ()
        forget(tmp_path, killed_id)
        assert read_roll(tmp_path).dead == ()
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        lives.communicate("")


def test_an_unchanged_status_is_not_written_again(tmp_path: Path) -> None:
    board = Board(tmp_path, "7-1")
    assert board.write(status(7))
    file = tmp_path / "7-1.json"
    inode = file.stat().st_ino

    assert not board.write(status(7))
    assert file.stat().st_ino == inode
    assert board.write(status(7, (1,)))
    board.leave()


def test_what_a_power_cut_left_unreadable_is_debris_and_a_living_worker_is_not(tmp_path: Path) -> None:
    (tmp_path / "5-1.json").write_bytes(b"")
    (tmp_path / "5-1.lock").touch()
    (tmp_path / "6-1.lock").touch()
    starting = Lock.take(tmp_path / "7-1.lock")

    roll = read_roll(tmp_path)

    assert roll.debris == ("5-1", "6-1")
    for worker in roll.debris:
        forget(tmp_path, worker)
    assert [child.name for child in tmp_path.iterdir()] == ["7-1.lock"]
    starting.release()


def test_workers_are_listed_in_the_order_of_their_start(tmp_path: Path) -> None:
    boards = [Board(tmp_path, f"{pid}-1") for pid in (9, 8, 7)]
    for board, pid, started in zip(boards, (9, 8, 7), (3.0, 1.0, 2.0), strict=True):
        board.write(status(pid, started=started))

    assert [one.pid for one in read_roll(tmp_path).alive] == [8, 7, 9]
    for board in boards:
        board.leave()


def test_the_id_of_a_process_names_it_and_not_its_child() -> None:
    assert worker_id().startswith(f"{os.getpid()}-")
    assert worker_id() == worker_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, worker_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() != worker_id()
    os.close(reader)
    os.close(writer)


def test_time_goes_forward_between_two_looks() -> None:
    first, second = now(), now()

    assert second.since(first) >= 0
    assert first.boot == second.boot
    assert second.since(evolve(first, boot="another")) == float("inf")


def test_a_worker_that_took_its_lock_after_it_was_taken_for_dead_is_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / f"{worker_id()}.lock").touch()
    assert read_roll(tmp_path).debris == (worker_id(),)
    board = Board(tmp_path, worker_id())
    forget(tmp_path, worker_id())
    board.write(evolve(status(os.getpid()), worker=worker_id()))
    assert [one.worker for one in read_roll(tmp_path).alive] == [worker_id()]
    board.leave()


def test_a_worker_whose_home_was_removed_and_put_back_counts_as_alive_again(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    folder.mkdir()
    board = Board(folder, "7-1")
    board.write(status(7))
    shutil.rmtree(folder)
    folder.mkdir()

    board.keep()

    assert [one.worker for one in read_roll(folder).alive] == ["7-1"]
    board.leave()
    assert list(folder.iterdir()) == []

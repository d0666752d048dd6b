"""Whom the master ends when it is to have one worker less."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from gunicorn.arbiter import Arbiter
from hotpatch_agent.leader.replace import BUT, LEAVER
from hotpatch_agent.worker import who_leaves
from hotpatch_agent.worker.who_leaves import choose_leaver


def master(*pids: int) -> SimpleNamespace:
    """Workers of these pids, the oldest first."""
    return SimpleNamespace(WORKERS={pid: SimpleNamespace(age=age) for age, pid in enumerate(pids, 1)})


def first(server: SimpleNamespace) -> int:
    """The one that gunicorn ends first."""
    return int(min(server.WORKERS, key=lambda pid: server.WORKERS[pid].age))


def test_the_one_that_the_leader_named_goes_first(tmp_path: Path) -> None:
    server = master(11, 12, 13)
    (tmp_path / LEAVER).write_text("12\n")
    choose_leaver(server, tmp_path)
    assert first(server) == 12


def test_where_those_that_stay_are_named_one_that_comes_later_goes_first(tmp_path: Path) -> None:
    """The successor that was to go has died, and the master has started another one in between."""
    server = master(11, 12)
    (tmp_path / LEAVER).write_text(f"{BUT} 11 12\n")
    choose_leaver(server, tmp_path)
    server.WORKERS[14] = SimpleNamespace(age=4)
    assert first(server) == 14


def test_those_that_stayed_are_as_old_as_before_the_next_time(tmp_path: Path) -> None:
    server = master(11, 12)
    (tmp_path / LEAVER).write_text(f"{BUT} 11\n")
    choose_leaver(server, tmp_path)
    assert first(server) == 12
    (tmp_path / LEAVER).unlink()
    choose_leaver(server, tmp_path)
    assert first(server) == 11


def test_a_hup_ends_old_workers_though_they_were_to_stay_the_time_before(tmp_path: Path) -> None:
    server = master(11, 12)
    (tmp_path / LEAVER).write_text(f"{BUT} 11 12\n")
    choose_leaver(server, tmp_path)
    who_leaves.forget(server, tmp_path)
    server.WORKERS[13] = SimpleNamespace(age=3)
    assert first(server) == 11
    choose_leaver(server, tmp_path)
    assert first(server) == 11


def test_what_makes_no_sense_is_nobodys_name(tmp_path: Path) -> None:
    server = master(11, 12)
    for text in ("", "but", "twelve", "99"):
        (tmp_path / LEAVER).write_text(text)
        choose_leaver(server, tmp_path)
        assert first(server) == 11


class Master:
    """gunicorn's own loop over its workers, of which one is too many when it looks for the second time: the
    number changes in another thread, just after the loop has put its workers in order."""

    cfg = SimpleNamespace(enable_backlog_metric=False)
    log = SimpleNamespace(debug=lambda *_, **__: None)
    _last_logged_active_worker_count = 0

    def __init__(self, *pids: int, then: Callable[[], None], fewer: int = 1) -> None:
        self.WORKERS = {pid: SimpleNamespace(age=age) for age, pid in enumerate(pids, 1)}
        self.asked: list[int] = []
        self._then, self._fewer, self._looks = then, fewer, 0

    @property
    def num_workers(self) -> int:
        self._looks += 1
        if self._looks < 2:
            return len(self.WORKERS)
        if self._looks == 2:
            self._then()
        return len(self.WORKERS) - self._fewer

    def manage_workers(self) -> None:
        Arbiter.manage_workers(self)

    def kill_worker(self, pid: int, number: int) -> None:
        assert number == signal.SIGTERM
        self.asked.append(pid)


def watched(home: Path, *pids: int, names: str = "", fewer: int = 1) -> Master:
    def then() -> None:
        if names:
            (home / LEAVER).write_text(names)

    server = Master(*pids, then=then, fewer=fewer)
    who_leaves.watch_over(server, home)
    who_leaves.watch_over(server, home)
    server.manage_workers()
    return server


def test_the_one_that_is_named_goes_even_where_the_master_was_at_it_already(tmp_path: Path) -> None:
    assert watched(tmp_path, 11, 12, 13, names="12\n").asked == [12]
    assert watched(tmp_path, 11, 12, 13, names=f"{BUT} 11 12\n").asked == [13]


def test_where_nobody_is_named_the_oldest_go_each_of_them_once(tmp_path: Path) -> None:
    assert watched(tmp_path, 11, 12, 13, fewer=2).asked == [11, 12]


def test_one_that_is_named_and_others_are_asked_once_each(tmp_path: Path) -> None:
    assert watched(tmp_path, 11, 12, 13, names="12\n", fewer=2).asked == [12, 11]


def test_one_that_takes_its_time_is_asked_again_and_nobody_else(tmp_path: Path) -> None:
    server = watched(tmp_path, 11, 12, 13, names=f"{BUT} 11 12\n")
    server.manage_workers()
    assert server.asked == [13, 13]

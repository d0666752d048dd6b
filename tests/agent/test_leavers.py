"""Whom the master ends when it is to have one worker less."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from hotpatch_agent.leader.replace import BUT, LEAVER, choose_leaver


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


def test_what_makes_no_sense_is_nobodys_name(tmp_path: Path) -> None:
    server = master(11, 12)
    for text in ("", "but", "twelve", "99"):
        (tmp_path / LEAVER).write_text(text)
        choose_leaver(server, tmp_path)
        assert first(server) == 11

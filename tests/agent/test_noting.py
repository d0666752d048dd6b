"""The master says how many workers it means to have, as soon as its disk lets it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hotpatch_agent.home.headcount import Headcount, note_wanted, read_wanted
from hotpatch_agent.worker import hooks

from hotpatch.errors import DiskFull


def test_a_number_that_could_not_be_noted_is_noted_once_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    log = SimpleNamespace(warning=lambda *words: said.append(words))
    server = SimpleNamespace(manage_workers=lambda: None, num_workers=3, log=log)
    home, count = SimpleNamespace(path=tmp_path), Headcount(tmp_path, "1-1")
    count.begins_with(3)
    for name, value in (("home", home), ("headcount", count), ("unnoted", "")):
        monkeypatch.setattr(hooks._Master, name, value)

    def full(*_: object) -> None:
        raise DiskFull("no space left")

    monkeypatch.setattr(hooks, "note_wanted", full)
    hooks._keep_noting(server)
    hooks._keep_noting(server)
    hooks._note(server, home, count)
    server.manage_workers()
    assert len(said) == 1
    monkeypatch.setattr(hooks, "note_wanted", note_wanted)
    server.manage_workers()
    assert read_wanted(tmp_path) == count.wanted


def test_a_number_that_has_gone_with_the_home_folder_is_noted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SimpleNamespace(manage_workers=lambda: None, num_workers=3, log=None)
    home, count = SimpleNamespace(path=tmp_path), Headcount(tmp_path, "1-1")
    count.begins_with(3)
    for name, value in (("home", home), ("headcount", count), ("unnoted", "")):
        monkeypatch.setattr(hooks._Master, name, value)
    hooks._keep_noting(server)
    server.manage_workers()
    (tmp_path / "wanted").unlink()
    server.manage_workers()
    assert read_wanted(tmp_path) == count.wanted

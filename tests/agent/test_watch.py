"""A wait ends when something happens in a folder, when it is woken, or when its time is over; never else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hotpatch_agent.home import watch as module
from hotpatch_agent.home.watch import Glances, Watch, watch_over


def waits(watch: Watch, seconds: float | None) -> threading.Thread:
    thread = threading.Thread(target=watch.wait, args=(seconds,), daemon=True)
    thread.start()
    return thread


def test_a_file_that_arrives_by_rename_or_link_ends_the_wait(tmp_path: Path) -> None:
    watch = watch_over(tmp_path)
    (tmp_path / ".a.tmp").write_text("a")
    thread = waits(watch, None)
    thread.join(0.2)
    assert thread.is_alive(), "a file that is still being written is no news"
    (tmp_path / ".a.tmp").rename(tmp_path / "a")
    thread.join(20)
    assert not thread.is_alive()
    thread = waits(watch, None)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    thread.join(20)
    assert not thread.is_alive()
    watch.close()


def test_a_wake_before_the_wait_is_not_lost(tmp_path: Path) -> None:
    watch = watch_over(tmp_path)
    watch.wake()
    thread = waits(watch, None)
    thread.join(20)
    assert not thread.is_alive()
    watch.close()


def test_a_folder_that_was_removed_from_the_watch_ends_no_wait(tmp_path: Path) -> None:
    watch = watch_over(tmp_path)
    watch.remove(tmp_path)
    watch.wait(0.0)  # the kernel's word that the watch has ended
    thread = waits(watch, None)
    (tmp_path / "a").touch()
    thread.join(0.2)
    assert thread.is_alive()
    watch.wake()
    thread.join(20)
    watch.close()


def test_where_the_kernel_gives_no_watch_the_folders_are_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoneLeft:
        @staticmethod
        def inotify_init1(_flags: int) -> int:
            return -1

    monkeypatch.setattr(module, "_libc", NoneLeft)
    watch = watch_over(tmp_path)
    assert isinstance(watch, Glances)
    thread = waits(watch, None)
    thread.join(20)
    assert not thread.is_alive()
    watch.wake()
    watch.wait(None)
    watch.close()

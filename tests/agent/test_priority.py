"""A worker that is started beside others takes what they leave, and has its usual priority when it serves."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hotpatch_agent.process import priority

from tests.agent.pushing import Pusher, settled
from tests.agent.shop import APP, RELOAD, make


def standing(thread: int = 0) -> tuple[int, int]:
    return os.getpriority(os.PRIO_PROCESS, thread), os.sched_getscheduler(thread)


@pytest.mark.parametrize("allowed", [True, False])
def test_what_is_done_gently_gives_way_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    if allowed and not priority.may_undo():
        pytest.skip("this user may not take a nice value back")
    monkeypatch.setattr(priority, "may_undo", lambda: allowed)
    usual = standing()
    end, threads = threading.Event(), []
    with priority.gently():
        assert standing() == ((priority.NICER, os.SCHED_OTHER) if allowed else (0, os.SCHED_BATCH))
        threads.append(threading.Thread(target=end.wait))
        threads[0].start()
        born = threads[0].native_id
        assert born is not None and standing(born) == standing()
    assert standing() == usual == standing(born)
    end.set()
    threads[0].join()


def test_alone_nothing_is_done_gently() -> None:
    usual = standing()
    with priority.gently(beside_others=False):
        assert standing() == usual


NOTING = f"""
import os
from pathlib import Path

standing = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)
Path(f"loaded-{{os.getpid()}}").write_text(str(standing))
{RELOAD["shop.py"]}
"""


def test_only_successors_are_loaded_gently_and_serve_as_others_do(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        pusher.push(APP, {**APP, "shop.py": NOTING})
        workers = [status.pid for status in settled(pusher, service, 2)]
        for pid in workers:
            assert (service.root / f"loaded-{pid}").read_text() != "(0, 0)"
            assert {standing(int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()} == {(0, 0)}

"""A worker that can't start on the head does not end the service: its successor starts on what does start."""

from __future__ import annotations

import http.client
import logging
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from hotpatch_agent.clock import now
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Board, Status
from hotpatch_agent.worker.start import Start

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, bodies, make


def brittle(flag: Path, how: str) -> dict[str, str]:
    """The program in a version that no longer starts once the flag is there."""
    text = f"""
import os

VERSION = "brittle"

def _start():
    if os.path.exists({str(flag)!r}):
        {how}
    return 1

STARTED = _start()

def answer(path):
    return VERSION
"""
    return {**APP, "shop.py": text}


HOW = ["raise RuntimeError('not here')", "os._exit(1)", "raise SystemExit(3)", "os._exit(3)", "os._exit(4)"]


@pytest.mark.parametrize(
    ("worker_class", "how"),
    [
        *(("gthread", how) for how in HOW),
        *(pytest.param("sync", how, marks=pytest.mark.exhaustive) for how in HOW),
    ],
)
def test_a_release_that_fails_in_a_fresh_process_is_taken_back_and_the_service_lives(
    pusher: Pusher, tmp_path: Path, how: str, worker_class: str
) -> None:
    flag = tmp_path / "flag"
    with make(pusher, worker_class) as service:
        settled(pusher, service, 2)
        end = pusher.push(APP, brittle(flag, how))
        assert isinstance(end, facts.Settled)
        assert {*bodies(service, 10)} == {"brittle"}
        flag.touch()
        with service.load(clients=2, path="/slow") as load:
            victim = service.workers()[0]
            service.signal(signal.SIGTERM, victim)
            wait_until(lambda: victim not in service.workers(), "it has gone")
            wait_until(lambda: pusher.of_kind(facts.Quarantined), "the release is quarantined")
            wait_until(lambda: set(bodies(service, 10)) == {"one"}, "all run the code on disk")
        assert load.failed == []
        assert service.ended is None
        assert all(status.stack == () for status in settled(pusher, service, 2))


def test_a_worker_that_fell_back_says_so(pusher: Pusher, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        pusher.push(APP, brittle(flag, "raise RuntimeError('not here')"))
        flag.touch()
        service.signal(signal.SIGKILL, service.workers()[0])
        wait_until(
            lambda: service.ended is not None or "started on the code on disk" in service.text(), "told"
        )
        (status,) = settled(pusher, service, 1)
        assert "could not start on release 1" in status.note
        assert "not here" in status.note
        assert service.body() == "one"


def test_a_program_that_does_not_start_by_itself_fails_as_it_would_without(pusher: Pusher) -> None:
    service = make(pusher, workers=1)  # two that fail at once trip gunicorn over itself: status 1
    service.write({"app.py": "raise RuntimeError('broken on disk')\n"})
    with pytest.raises(AssertionError, match="gunicorn ended with 3"):
        service.start()
    service.stop()


def test_a_damaged_ledger_keeps_no_worker_from_serving(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, {**APP, "shop.py": APP["shop.py"].replace("one", "two")})
        (pusher.home.ledger / "0000000002.rec").write_text("nonsense\n")
        service.signal(signal.SIGHUP)
        wait_until(lambda: "damaged" in service.text(), "the damage is told")
        assert set(bodies(service, 10)) <= {"one", "two"}
        wait_until(
            lambda: all("damaged" in status.trouble for status in settled(pusher, service, 2)),
            "every worker's status tells of it",
        )


def test_a_home_that_can_not_be_used_keeps_no_worker_from_serving(pusher: Pusher) -> None:
    service = make(pusher)
    ledger = pusher.home.ledger
    ledger.rmdir()
    ledger.write_text("not a folder")
    with service:
        assert set(bodies(service, 5)) == {"one"}
        assert "hotpatch is off in this worker" in service.text()


@pytest.mark.parametrize("status", [3, 4])
@pytest.mark.parametrize("worker_class", ["gthread", "sync"])
def test_a_release_that_ends_workers_with_the_servers_own_word_for_no_is_quarantined(
    pusher: Pusher, worker_class: str, status: int
) -> None:
    deadly = f"import os\n\ndef answer(path):\n    return 'two' if path != '/die' else os._exit({status})\n"
    with make(pusher, worker_class) as service:
        settled(pusher, service, 2)
        assert isinstance(pusher.push(APP, {**APP, "shop.py": deadly}), facts.Settled)
        for _ in range(2):
            with pytest.raises((OSError, http.client.HTTPException)):
                service.get("/die")
            settled(pusher, service, 2)
        wait_until(lambda: pusher.of_kind(facts.Quarantined), "the release is quarantined")
        wait_until(lambda: set(bodies(service, 10)) == {"one"}, "all run the code on disk")
        assert service.ended is None


@pytest.mark.parametrize("status", [3, 4])
def test_sources_on_disk_that_end_a_new_worker_leave_the_old_ones(pusher: Pusher, status: int) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        old = service.workers()
        service.write({"shop.py": f"import os\nos._exit({status})\n"})
        with service.load(clients=2) as load:
            assert pusher.reload() != 0
            wait_until(lambda: service.workers() == old, "no other worker is started any more")
            load.settle()
        (end,) = pusher.of_kind(facts.Reloaded)
        assert isinstance(end, facts.Reloaded) and end.problem is not None
        assert "ended while it was started" in end.problem.text
        assert load.failed == []
        assert load.bodies().keys() == {"one"}
        assert service.ended is None


def test_a_program_that_ends_itself_by_itself_ends_the_service_as_it_would_without(pusher: Pusher) -> None:
    service = make(pusher, workers=1)
    service.write({"app.py": "import os\nos._exit(3)\n"})
    with pytest.raises(AssertionError, match="gunicorn ended with 3"):
        service.start()
    service.stop()


def test_what_is_decided_before_a_new_worker_can_be_seen_is_not_decided_without_it(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    pusher.make_home()
    history, asked = History(pusher.home.ledger), facts.Reloading("ann")
    write = Board.write

    def late(board: Board, status: Status) -> bool:
        history.refresh()
        if history.state.reload is None:
            history.append(asked, "1-1", now())
        return write(board, status)

    monkeypatch.setattr(Board, "write", late)
    config = SimpleNamespace(worker_class_str="sync")
    worker = SimpleNamespace(cfg=config, log=logging.getLogger(), load_wsgi=None, run=None, handle_exit=None)
    start = Start(worker, pusher.home, None)

    start._prepare()

    assert history.state.reload is not None and start._status is not None
    assert start._status.started.since(history.state.reload.since) >= 0
    assert pusher.statuses() == (start._status,)
    start._board.leave()

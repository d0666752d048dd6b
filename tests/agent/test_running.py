"""What a program may ask hotpatch about itself: which release answers, and how the rollout stands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hotpatch_agent import clock, running
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.folder import Home, Service, create
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy_file import read

from hotpatch.epochs import control
from tests.epochs.requests import Open

DIGEST = "d" * 64


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a test says of this process outlives it."""
    monkeypatch.setattr(running, "_release", None)
    monkeypatch.setattr(running, "_by_epoch", {})
    monkeypatch.setattr(running, "_reader", running._Reader())
    monkeypatch.delenv("HOTPATCH_HOME", raising=False)
    yield
    control.end_canary()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOTPATCH_HOME", str(tmp_path / "home"))
    return create(tmp_path / "home", Service("shop", "test", "shop:app"))


def test_without_hotpatch_nothing_is_known() -> None:
    assert (running.release(), running.answering(), running.rollout()) == (None, None, None)


def test_a_request_is_answered_by_its_own_release_though_others_get_another() -> None:
    old, new = control.current(), control.next_epoch()
    running.note(3)
    running.note_epoch(old, 3)
    running.note_epoch(new, 4)
    control.set_canary(new, lambda request: request == "tester")
    tester, other = Open("tester"), Open("anybody")
    try:
        assert (tester.run(running.answering), other.run(running.answering)) == (4, 3)
        assert (running.release(), running.answering()) == (3, 3)
    finally:
        tester.end()
        other.end()


def test_a_stream_stays_with_the_release_that_it_began_on() -> None:
    running.note(3)
    running.note_epoch(control.current(), 3)
    stream = Open()
    try:
        after = control.next_epoch()
        running.note_epoch(after, 4)
        control.set_default(after)
        assert (stream.run(running.answering), running.answering()) == (3, 4)
    finally:
        stream.end()


def test_the_rollout_is_told_as_it_stands_in_the_ledger(home: Home) -> None:
    running.note(0)
    assert running.rollout() == {"rollout": None, "versions": []}
    history = History(home.ledger)
    strategy = read("", {"strategy": "canary", "steps": "5%, 25%"})
    for fact in (
        facts.Offered(1, DIGEST, "one.bundle", "", Terms()),
        facts.Rehearsed(1, DIGEST, facts.How.LIVE, "1-1"),
        Began(1, DIGEST, strategy, "one.bundle"),
        Moved(1, Event.NEXT, step=0),
        Moved(1, Event.YES),
    ):
        history.refresh()
        history.append(fact, "1-1", clock.now())
    told = running.rollout()
    assert told is not None
    assert (told["rollout"]["release"], told["rollout"]["station"]) == (1, "moving")
    assert (told["rollout"]["steps"], told["rollout"]["step"]) == ([0.05, 0.25], 1)


def test_a_ledger_that_can_t_be_read_is_no_error_of_the_program(home: Home) -> None:
    running.note(0)
    (home.ledger / "0000000001.rec").write_text("no record")
    (home.ledger / "0000000002.rec").write_text("no record")
    assert running.rollout() is None


def test_a_forked_child_can_ask_though_another_thread_was_asking_at_the_fork(home: Home) -> None:
    running.note(0)
    with running._reader.lock:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = int(running.rollout() != {"rollout": None, "versions": []})
            finally:
                os._exit(code)  # whatever was raised: a copy of the test's process must not go on
    assert os.waitpid(pid, 0)[1] == 0

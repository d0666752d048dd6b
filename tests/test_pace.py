"""Work beside requests gives them the GIL; no other work rests."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from hotpatch import pace
from hotpatch.pace import breathe, paced, unpaced


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(pace, "original", lambda _module, _name: taken.append)
    monkeypatch.setattr(pace, "SLICE", 0.0)
    return taken


@pytest.fixture
def no_switches() -> Iterator[None]:
    """Nobody is made to give up the GIL."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.usefixtures("no_switches")
def test_another_thread_gets_on_while_paced_work_computes() -> None:
    turns = 0
    over = False

    def request() -> None:
        nonlocal turns
        while not over:
            turns += 1
            threading.Event().wait(0.0001)  # as reading and writing do, it lets go of the GIL

    other = threading.Thread(target=request)
    other.start()
    try:
        with paced(lambda: True):
            before = turns

            def after_a_breath() -> bool:
                breathe()
                return turns > before + 3

            computing(after_a_breath)
    finally:
        over = True
        other.join()


def computing(until: object) -> None:
    """Work that never waits for anything, for as long as it takes."""
    for _ in range(50_000_000):
        if until():  # type: ignore[operator]
            return
    pytest.fail("no other thread had a turn")


def test_work_rests_while_requests_are_served(rests: list[float]) -> None:
    with paced(lambda: True):
        breathe()
    assert rests == [pace.REST]


def test_work_does_not_rest_while_none_are(rests: list[float]) -> None:
    with paced(lambda: False):
        breathe()
    assert rests == []


def test_work_that_did_not_ask_for_it_does_not_rest(rests: list[float]) -> None:
    with paced(lambda: True):
        pass
    breathe()
    assert rests == []


def test_work_that_others_wait_for_does_not_rest(rests: list[float]) -> None:
    with paced(lambda: True):
        with unpaced():
            breathe()
        assert rests == []
        breathe()
    assert rests == [pace.REST]


def test_another_threads_pace_is_its_own(rests: list[float]) -> None:
    with paced(lambda: True):
        other = threading.Thread(target=breathe)
        other.start()
        other.join()
    assert rests == []


def test_a_process_forked_in_the_midst_of_it_does_not_rest(rests: list[float]) -> None:
    with paced(lambda: True):
        pid = os.fork()
        if pid == 0:
            breathe()
            os._exit(len(rests))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Any

import pytest

from hotpatch.epochs import EPOCH, control, pinned, pins
from hotpatch.epochs.pins import DEFAULT, Released, admit, enter, fresh, leave
from tests.epochs.waiting import until


def commit() -> int:
    epoch = control.next_epoch()
    control.set_default(epoch)
    return epoch


def test_a_request_keeps_its_epoch_through_a_commit_and_follows_afterwards() -> None:
    pin = enter()
    before = pin.epoch
    after = commit()
    assert pin.epoch == before != after
    leave(pin)
    assert pin.epoch == after


def test_work_outside_any_request_takes_the_default_call_by_call() -> None:
    assert EPOCH.get() is DEFAULT
    assert EPOCH.get().epoch == pins.policy.epoch
    epoch = commit()
    assert EPOCH.get().epoch == epoch


def test_pinned_makes_a_unit_of_background_work() -> None:
    with pinned("price update"):
        before = EPOCH.get().epoch
        commit()
        assert EPOCH.get().epoch == before
        (flight,) = control.requests_in_flight()
        assert (flight.what, flight.epoch) == ("price update", before)
    assert EPOCH.get() is DEFAULT


def test_pinned_as_an_async_context_manager() -> None:
    async def unit() -> tuple[int, int]:
        async with pinned():
            before = EPOCH.get().epoch
            commit()
            await asyncio.sleep(0)
            return before, EPOCH.get().epoch

    before, after = asyncio.run(unit())
    assert before == after


def test_a_sub_request_takes_its_parents_epoch() -> None:
    parent = enter({"type": "http"})
    token = EPOCH.set(parent)
    try:
        commit()
        child = enter({"type": "http"})
        assert child.epoch == parent.epoch
        leave(child)
    finally:
        EPOCH.reset(token)
        leave(parent)


def test_a_request_that_inherits_the_context_of_an_ended_one_is_no_sub_request() -> None:
    ended = enter()
    leave(ended)
    token = EPOCH.set(ended)
    try:
        epoch = commit()
        pin = enter()
        assert pin.epoch == epoch
        leave(pin)
    finally:
        EPOCH.reset(token)


def test_lazy_flusher_released() -> None:
    go, seen = threading.Event(), []

    def flusher() -> None:
        seen.append(EPOCH.get().epoch)
        go.wait(10)
        seen.append(EPOCH.get().epoch)

    pin = enter()
    token = EPOCH.set(pin)
    thread = threading.Thread(target=flusher)
    thread.start()
    EPOCH.reset(token)
    until(lambda: seen, "the flusher runs")
    before = pin.epoch
    leave(pin)
    epoch = commit()
    go.set()
    thread.join(10)
    assert seen == [before, epoch]
    assert type(pin) is Released


def test_a_released_pin_drops_the_requests_data() -> None:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    references = sys.getrefcount(environ)
    pin = enter(environ)
    leave(pin)
    assert sys.getrefcount(environ) == references


def test_leave_twice_is_harmless_and_counts_once() -> None:
    commit()
    pin = enter({"type": "http"})
    leave(pin)
    leave(pin, failed=True)
    assert control.counts()[-1].requests == 1
    assert control.counts()[-1].errors == 0


def test_requests_in_flight_says_what_since_when_and_on_which_epoch() -> None:
    older = enter({"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/shop", "PATH_INFO": "/buy"})
    newer = enter({"type": "websocket", "path": "/live"})
    try:
        first, second = control.requests_in_flight()
        assert (first.what, second.what) == ("POST /shop/buy", "websocket /live")
        assert first.seconds >= second.seconds >= 0
        assert first.epoch == second.epoch == control.current()
    finally:
        leave(older)
        leave(newer)


def test_counts_by_epoch_have_requests_errors_and_quantiles() -> None:
    first = commit()
    for failed in (False, True, False):
        leave(enter({"type": "http"}), failed)
    second = commit()
    leave(enter({"type": "http"}))
    by_epoch = {count.epoch: count for count in control.counts()}
    assert (by_epoch[first].requests, by_epoch[first].errors) == (3, 1)
    assert (by_epoch[second].requests, by_epoch[second].errors) == (1, 0)
    assert by_epoch[first].p50 is not None and by_epoch[first].p99 is not None
    assert by_epoch[first].p50 <= by_epoch[first].p99


def test_totals_have_the_requests_of_epochs_that_are_long_over() -> None:
    before = control.totals()
    for _ in range(2 * control.KEPT_TALLIES):
        commit()
        leave(enter({"type": "http"}), failed=True)
    after = control.totals()
    assert after.requests - before.requests == after.errors - before.errors == 2 * control.KEPT_TALLIES


def test_counters_lose_nothing_without_a_lock() -> None:
    epoch = commit()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=_requests, args=(20_000,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    (count,) = [count for count in control.counts() if count.epoch == epoch]
    assert (count.requests, count.errors) == (80_000, 80_000)


def _requests(number: int) -> None:
    for _ in range(number):
        leave(enter({"type": "http"}), failed=True)


def test_enter_without_second_look_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window that the second look closes, opened on purpose: the policy changes between the reading
    of it and the publication of the pin.  Without the second look the pin would be on the old epoch while
    the drain has already found nobody there."""
    old = control.current()
    drained_while_unpublished: list[bool] = []

    class Publishing(set[pins.Pin]):
        def add(self, pin: pins.Pin) -> None:
            if not drained_while_unpublished:
                commit()
                drained_while_unpublished.append(old not in control.pinned_epochs())
            super().add(pin)

    monkeypatch.setattr(pins, "open_pins", Publishing())
    pin = enter()
    assert drained_while_unpublished == [True]
    assert pin.epoch == control.current() != old
    leave(pin)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_under_load_child_enters() -> None:
    """Forks of a loaded process: the child can enter and leave at once, finds nothing in flight, and no
    gate although the parent holds a barrier over and over."""
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            leave(enter({"type": "http"}))

    def barriers() -> None:
        from hotpatch.epochs import barrier

        while not stop.is_set():
            with barrier(0.002):
                pass
            commit()

    threads = [threading.Thread(target=load) for _ in range(3)] + [threading.Thread(target=barriers)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            child = os.fork()
            if child == 0:
                try:
                    signal.alarm(10)
                    good = not pins.open_pins and pins.policy.epoch == DEFAULT.epoch
                    pin = enter()
                    leave(pin)
                    commit()
                    os._exit(0 if good and pin.epoch == control.current() else 1)
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def test_nothing_on_the_request_path_takes_a_lock() -> None:
    """A lock acquired in `admit`, `enter`, `leave` or `answered` would be a C call on a lock object."""
    seen: set[str] = set()

    def profile(frame: Any, event: str, function: Any) -> None:
        if event == "c_call":
            seen.add(getattr(function, "__qualname__", repr(function)))
        elif event == "call":
            seen.add(frame.f_code.co_qualname)

    sys.setprofile(profile)
    leave(enter({"type": "http"}), failed=True)
    sys.setprofile(None)
    assert not [name for name in seen if "lock" in name.lower() or "acquire" in name or "__enter__" in name]
    assert "set.add" in seen and "leave" in seen, "the profile saw the path"


def test_a_canary_admits_by_its_pick_and_second_look_covers_it() -> None:
    old = control.current()
    new = control.next_epoch()
    control.set_canary(new, lambda request: request["user"] == "guinea pig")
    pig, other, unit = enter({"user": "guinea pig"}), enter({"user": "x"}), enter()
    assert (pig.epoch, other.epoch, unit.epoch) == (new, old, old)
    control.end_canary()
    again = enter({"user": "guinea pig"})
    assert (pig.epoch, again.epoch) == (new, old)
    for pin in (pig, other, unit, again):
        leave(pin)


def test_admit_tells_the_gate_that_holds() -> None:
    from hotpatch.epochs import barrier

    with barrier(0.01) as hold:
        assert hold.quiet
        assert admit(fresh(None), None) is pins.policy.gate is not None

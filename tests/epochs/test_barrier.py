from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from hotpatch.epochs import EPOCH, Hold, barrier, pins
from hotpatch.epochs.pins import enter, enter_async, leave
from hotpatch.errors import Busy
from tests.epochs.waiting import until


def in_thread(target: Any) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def test_quiet_at_once_when_nothing_is_in_flight() -> None:
    with barrier(5) as hold:
        assert hold.quiet and hold.waited_for == () and not pins.open_pins


def test_waits_for_those_in_flight_and_holds_the_new() -> None:
    order: list[str] = []
    first = enter()

    def late() -> None:
        pin = enter()
        order.append("late")
        leave(pin)

    def end_first() -> None:
        until(lambda: pins.policy.gate, "the barrier is up")
        thread = in_thread(late)
        order.append("first ends")
        leave(first)
        threads.append(thread)

    threads = [in_thread(end_first)]
    with barrier(20) as hold:
        assert hold.quiet
        threads[0].join(20)
        order.append("commit")
    for thread in threads:
        thread.join(20)
    assert order == ["first ends", "commit", "late"]


def test_past_the_budget_it_names_whom_it_waited_for_and_holds_nobody_longer() -> None:
    pin = enter({"REQUEST_METHOD": "GET", "PATH_INFO": "/events"})
    with barrier(0.02) as hold:
        assert not hold.quiet
        assert [flight.what for flight in hold.waited_for] == ["GET /events"]
        assert hold.seconds >= 0.02
        other = enter()  # would block for ever, were the gate still shut
        leave(other)
    leave(pin)


def test_always_releases_also_when_the_body_raises() -> None:
    with pytest.raises(ZeroDivisionError), barrier(1):
        raise ZeroDivisionError
    leave(enter())


def test_a_second_barrier_at_the_same_time_is_refused() -> None:
    with barrier(1):
        with pytest.raises(Busy):
            with barrier(1):
                pass
        assert pins.policy.gate is not None, "the refused one must not open the first one's gate"


def test_a_request_that_starts_sub_requests_inside_itself_does_not_deadlock() -> None:
    finished = threading.Event()
    parent = enter()

    def request() -> None:
        token = EPOCH.set(parent)
        until(lambda: pins.policy.gate, "the barrier is up")
        leave(enter())
        EPOCH.reset(token)
        leave(parent)
        finished.set()

    thread = in_thread(request)
    with barrier(20) as hold:
        assert hold.quiet and finished.is_set()
    thread.join(20)


def test_a_barrier_held_from_inside_a_request_does_not_wait_for_that_request() -> None:
    pin = enter()
    token = EPOCH.set(pin)
    try:
        with barrier(20) as hold:
            assert hold.quiet and hold.seconds < 10
    finally:
        EPOCH.reset(token)
        leave(pin)


def test_holding_an_asgi_request_does_not_block_the_loop() -> None:
    async def main() -> list[str]:
        order: list[str] = []

        async def request() -> None:
            pin = await enter_async()
            order.append("request")
            leave(pin)

        up, go = threading.Event(), threading.Event()

        def hold() -> None:
            with barrier(1):
                up.set()
                go.wait(20)

        thread = in_thread(hold)
        while not up.is_set():
            await asyncio.sleep(0)
        task = asyncio.create_task(request())
        for _ in range(50):
            await asyncio.sleep(0)
        order.append("the loop runs")
        go.set()
        await asyncio.wait_for(task, 20)
        thread.join(20)
        return order

    assert asyncio.run(main()) == ["the loop runs", "request"]


def test_a_held_task_can_be_cancelled() -> None:
    async def main() -> None:
        up, go = threading.Event(), threading.Event()

        def hold() -> None:
            with barrier(1):
                up.set()
                go.wait(20)

        thread = in_thread(hold)
        while not up.is_set():
            await asyncio.sleep(0)
        task = asyncio.create_task(enter_async())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        thread.join(20)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert not pins.open_pins


def test_a_child_forked_while_a_barrier_is_held_does_not_hang() -> None:
    with barrier(1):
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(10)
                leave(enter())
                with barrier(1) as hold:
                    os._exit(0 if hold.quiet else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_forked_inside_the_barrier_may_leave_it_and_enter() -> None:
    child = -1
    with barrier(1):
        child = os.fork()
        if child == 0:
            signal.alarm(10)
    if child == 0:
        leave(enter())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def straddlers(hold_requests: bool, enough: Callable[[int, int], bool]) -> int:
    """Two values that change together, without any lock, while threads read both: how many requests saw
    them differ, when `enough(commits, straddlers)`."""
    values = [0, 0]
    stop = threading.Event()
    straddled: list[tuple[int, int]] = []
    requests = [0]

    def load() -> None:
        while not stop.is_set():
            pin = enter()
            one = values[0]
            time.sleep(0.0001)
            two = values[1]
            leave(pin)
            requests[0] += 1
            if one != two:
                straddled.append((one, two))

    threads = [in_thread(load) for _ in range(3)]
    commits = 0
    try:
        while not enough(commits, len(straddled)):
            before = requests[0]
            until(lambda before=before: requests[0] > before, "requests go on between commits")  # type: ignore[misc]
            with barrier(5) if hold_requests else nullcontext(Hold(True, (), 0.0)) as hold:
                assert hold.quiet
                values[0] += 1
                time.sleep(0.0001)
                values[1] += 1
                commits += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    return len(straddled)


def test_no_request_straddles_a_barrier() -> None:
    assert straddlers(True, lambda commits, seen: commits >= 200 or seen > 0) == 0


def test_without_the_barrier_requests_straddle() -> None:
    assert straddlers(False, lambda commits, seen: commits >= 20_000 or seen > 0) > 0

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, thread
from contextlib import contextmanager
from typing import Any

from hotpatch.epochs import EPOCH, control
from hotpatch.epochs.pins import DEFAULT, Pin, enter, leave


@contextmanager
def request() -> Iterator[Pin]:
    pin = enter()
    token = EPOCH.set(pin)
    try:
        yield pin
    finally:
        EPOCH.reset(token)
        leave(pin)


def current() -> Pin:
    return EPOCH.get()


def test_a_thread_carries_the_pin_of_the_request_that_starts_it() -> None:
    seen: list[Pin] = []
    with request() as pin:
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        timer = threading.Timer(0, lambda: seen.append(current()))
        timer.start()
        timer.join()
        assert seen == [pin, pin]


def test_a_thread_started_outside_any_request_has_none() -> None:
    seen: list[Pin] = []
    thread = threading.Thread(target=lambda: seen.append(current()))
    thread.start()
    thread.join()
    assert seen == [DEFAULT]


def test_thread_started_before_stage_keeps_epoch() -> None:
    """Carrying is on before any rollout begins: the thread was started when there was one version only."""
    go, seen = threading.Event(), []

    def work() -> None:
        go.wait(10)
        seen.append(current().epoch)

    with request() as pin:
        thread = threading.Thread(target=work)
        thread.start()
        control.set_default(control.next_epoch())
        go.set()
        thread.join()
        assert seen == [pin.epoch] and pin.epoch != control.current()


def test_executor_worker_does_not_keep_first_pin() -> None:
    with ThreadPoolExecutor(1) as pool:
        with request() as first:
            assert pool.submit(current).result() is first
            with request() as second:
                assert list(pool.map(lambda _: current(), [1])) == [second]
            assert pool.submit(current).result() is first
        assert pool.submit(current).result() is DEFAULT


def test_what_waits_for_an_executors_result_runs_on_the_epoch_of_its_request() -> None:
    seen, go = list[object](), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with request() as pin:
            future = pool.submit(go.wait)
            future.add_done_callback(lambda _: seen.append(current()))
            go.set()
            future.result()
            pool.submit(int).result()
        assert seen == [pin]


def test_an_executors_item_from_outside_any_request_is_as_python_made_it() -> None:
    made = list[type]()

    class Noting(queue.SimpleQueue[Any]):
        def put(self, item: Any, *args: Any) -> None:
            made.append(type(item))
            super().put(item, *args)

    with ThreadPoolExecutor(1) as pool:
        pool._work_queue = Noting()
        pool.submit(int).result()
        with request():
            pool.submit(int).result()
    assert [kind is thread._WorkItem for kind in made if kind is not type(None)] == [True, False]


def test_an_exception_in_an_executors_item_is_delivered_as_before() -> None:
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(lambda: 1 / 0).exception()
    assert isinstance(error, ZeroDivisionError)


GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent, threading
from gevent.pool import Pool
from concurrent.futures import ThreadPoolExecutor
from hotpatch.epochs import EPOCH, barrier, carry, control
from hotpatch.epochs.pins import DEFAULT, enter, leave, open_pins
carry.install()

def look():
    gevent.sleep(0)
    return EPOCH.get()

def request():
    pin = enter()
    token = EPOCH.set(pin)
    spawned = [gevent.spawn(look), gevent.spawn_later(0.001, look), Pool(2).spawn(look)]
    seen = []
    thread = threading.Thread(target=lambda: seen.append(look()))
    thread.start(); thread.join()
    control.set_default(control.next_epoch())
    assert [g.get() for g in spawned] == [pin] * 3, "greenlets"
    assert seen == [pin], "threads"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result() is pin, "executor"
    inner = gevent.spawn(lambda: gevent.spawn(look).get()).get()
    assert inner is pin, "grandchildren"
    EPOCH.reset(token)
    leave(pin)
    assert gevent.spawn(look).get() is DEFAULT

gevent.spawn(request).get()

# A barrier under gevent holds greenlets, not the hub.
order = []
pin = enter()
def late():
    p = enter(); order.append('late'); leave(p)
def end():
    gevent.sleep(0.01); g = gevent.spawn(late); gevent.sleep(0.01); order.append('end'); leave(pin)
gevent.spawn(end)
with barrier(10) as hold:
    assert hold.quiet
    order.append('commit')
gevent.sleep(0.01)
assert order == ['end', 'commit', 'late'], order
assert not open_pins
print('good')
"""


def test_gevent_spawn_inherits_pin() -> None:
    done = subprocess.run([sys.executable, "-c", GEVENT], capture_output=True, text=True, timeout=60)
    assert done.stdout == "good\n", done.stderr

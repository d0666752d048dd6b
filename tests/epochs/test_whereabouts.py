"""Where a request is: thread, task or greenlet, function and line, for every kind of request."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotpatch import epochs
from hotpatch.engine.stacks import in_threads
from hotpatch.epochs import pin_requests
from hotpatch.epochs.whereabouts import BETWEEN, Located
from hotpatch.epochs.wsgi import ends_requests
from tests.epochs.requests import Open
from tests.epochs.waiting import until

HERE = str(Path(__file__).parent)
ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}


def line_of(function: Callable[..., object], offset: int) -> str:
    return f"line {function.__code__.co_firstlineno + offset})"


@contextmanager
def asked(app: Callable[..., object], go: threading.Event) -> Iterator[None]:
    """A WSGI request in a thread of its own, until the block is left."""

    def serve() -> None:
        body = pin_requests(app, "wsgi")(dict(ENVIRON), lambda status, headers: None)
        list(body)
        if hasattr(body, "close"):
            body.close()

    thread = threading.Thread(target=serve, name="serving")
    thread.start()
    try:
        yield
    finally:
        go.set()
        thread.join()


def found(where: str) -> Located:
    """The one request that is pinned, once it is at a place that says so."""

    def there() -> Located | None:
        return next((one for one in epochs.located(sys.maxsize, HERE) if where in one.where), None)

    until(lambda: there() is not None, f"a request is in {where}")
    one = there()
    assert one is not None
    return one


def test_a_request_in_a_thread_is_where_the_programs_innermost_function_is() -> None:
    go, begun = threading.Event(), threading.Event()

    def helper() -> bytes:
        begun.set()
        go.wait()
        return b"x"

    def app(environ: object, start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [])
        return [helper()]

    with asked(app, go):
        begun.wait()
        one = found("helper")
        assert one.what == "GET /a"
        assert one.holders == ("thread serving",)
        assert one.where.endswith(line_of(helper, 2))
    assert epochs.located(sys.maxsize, HERE) == ()


class Telling:
    """A response of a server that says when a request is over, and gets bodies as they are."""

    status: str | None = None

    def start_response(self, status: str, headers: object, exc_info: object = None) -> None:
        self.status, self.status_code = status, int(status[:3])

    def serve(self, app: Callable[..., object], over: Callable[[object, bool], None]) -> None:
        environ = dict(ENVIRON)
        list(pin_requests(app, "wsgi")(environ, self.start_response))
        over(self, False)


def test_a_request_whose_body_the_server_iterates_by_itself_is_in_the_generator() -> None:
    go, begun = threading.Event(), threading.Event()
    over = ends_requests(Telling)

    def app(environ: object, start: Callable[..., object]) -> Iterator[bytes]:
        start("200 OK", [])
        yield b"x"
        begun.set()
        go.wait()

    thread = threading.Thread(target=Telling().serve, args=(app, over), name="serving")
    thread.start()
    try:
        begun.wait()
        one = found("app")
        assert one.holders == ("thread serving",)
        assert one.where.endswith(line_of(app, 4))
    finally:
        go.set()
        thread.join()
    assert epochs.located(sys.maxsize, HERE) == ()


def test_a_request_in_the_middle_of_its_body_is_in_the_generator() -> None:
    go, begun = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield b"1"
        begun.set()
        go.wait()
        yield b"2"

    def app(environ: object, start: Callable[..., object]) -> Iterator[bytes]:
        start("200 OK", [])
        return body()

    with asked(app, go):
        begun.wait()
        assert found("body").where.endswith(line_of(body, 3))


def test_a_request_whose_client_is_slow_is_between_two_parts() -> None:
    def app(environ: object, start: Callable[..., object]) -> Iterator[bytes]:
        start("200 OK", [])
        yield b"1"
        yield b"2"

    body = pin_requests(app, "wsgi")(dict(ENVIRON), lambda status, headers: None)
    parts = iter(body)
    next(parts)
    try:
        assert [one.where for one in epochs.located(sys.maxsize, HERE)] == [BETWEEN]
    finally:
        body.close()


@pytest.mark.parametrize("below", [0, sys.maxsize])
def test_those_on_a_later_epoch_are_left_out(below: int) -> None:
    pin = epochs.enter("a unit")
    try:
        assert len(epochs.located(below, HERE)) == (below > 0)
    finally:
        epochs.leave(pin)


def test_a_request_in_a_task_is_where_it_or_a_task_of_its_own_waits() -> None:
    async def main() -> tuple[Located, ...]:
        go, begun = asyncio.Event(), asyncio.Event()

        async def parts() -> AsyncIterator[bytes]:
            yield b"1"
            begun.set()
            await go.wait()
            yield b"2"

        async def streaming() -> None:
            async for _ in parts():
                pass

        async def app(scope: object, receive: object, send: object) -> None:
            await asyncio.create_task(streaming(), name="streams")

        pinned = pin_requests(app, "asgi")
        request = asyncio.create_task(pinned({"type": "http", "method": "GET", "path": "/s"}, None, None))
        await begun.wait()
        await asyncio.sleep(0)
        seen = await asyncio.to_thread(epochs.located, sys.maxsize, HERE)
        go.set()
        await request
        return seen

    (one,) = asyncio.run(main())
    assert one.what == "GET /s"
    assert "task streams" in one.holders
    assert "parts (" in one.where


# -- which stacks serve requests ----------------------------------------------------------------


def serving(name: str) -> bool:
    """Is the thread of this name taken for one that serves a request?"""
    return next(epochs.serves(frames) for holder, frames in in_threads() if holder == f"thread {name}")


def test_a_thread_serves_while_a_request_runs_in_it() -> None:
    go, begun = threading.Event(), threading.Event()

    def app(environ: object, start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [])
        begun.set()
        go.wait()
        return []

    with asked(app, go):
        begun.wait()
        assert serving("serving")


def test_a_thread_serves_while_a_server_iterates_a_requests_body() -> None:
    go, begun = threading.Event(), threading.Event()

    def app(environ: object, start: Callable[..., object]) -> Iterator[bytes]:
        start("200 OK", [])
        begun.set()
        go.wait()
        yield b"x"

    thread = threading.Thread(target=Telling().serve, args=(app, ends_requests(Telling)), name="serving")
    thread.start()
    try:
        begun.wait()
        assert serving("serving")
    finally:
        go.set()
        thread.join()


def test_a_thread_that_a_request_started_serves_until_the_request_ends() -> None:
    go, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait()

    unit = Open("a unit")
    thread = threading.Thread(target=work, name="started")
    unit.run(thread.start)
    try:
        begun.wait()
        assert serving("started")
        unit.end()
        assert not serving("started")
    finally:
        unit.end()
        go.set()
        thread.join()


def test_a_pools_thread_serves_while_it_does_what_a_request_handed_in() -> None:
    go, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait()

    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
        unit = Open("a unit")
        done = unit.run(pool.submit, work)
        begun.wait()
        try:
            assert serving("pool_0")
        finally:
            unit.end()
            go.set()
        done.result()
        go.clear()
        begun.clear()
        pool.submit(work)
        begun.wait()
        try:
            assert not serving("pool_0")
        finally:
            go.set()


# -- by force ---------------------------------------------------------------------------------


def test_by_force_requests_in_flight_follow_the_default() -> None:
    pin = epochs.enter("old")
    with epochs.one_step(0.0, force=True) as hold:
        assert not hold.quiet
    try:
        assert pin.epoch == epochs.current()
    finally:
        epochs.leave(pin)


def test_without_force_a_step_that_was_not_quiet_changes_nobodys_epoch() -> None:
    pin = epochs.enter("old")
    before = epochs.current()
    with epochs.one_step(0.0) as hold:
        assert not hold.quiet
    try:
        assert (pin.epoch, epochs.current()) == (before, before)
    finally:
        epochs.leave(pin)

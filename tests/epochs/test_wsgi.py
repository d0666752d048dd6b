from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from hotpatch.epochs import EPOCH, control, pin_requests, pins
from hotpatch.epochs.wsgi import ends_requests

Sent = list[tuple[str, list[tuple[str, str]]]]


def epoch() -> int:
    return EPOCH.get().epoch


def commit() -> None:
    control.set_default(control.next_epoch())


def call(app: Any, environ: dict[str, Any] | None = None) -> tuple[Any, Sent]:
    sent: Sent = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[..., None]:
        sent.append((status, headers))
        return lambda data: None

    return app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **(environ or {})}, start_response), sent


def test_wsgi_body_and_close_pinned() -> None:
    seen: list[int] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(3):
                seen.append(epoch())
                yield b"x"

        def close(self) -> None:
            seen.append(epoch())

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        seen.append(epoch())
        start_response("200 OK", [])
        return Body()

    body, _ = call(app)
    for _chunk in body:
        commit()
    commit()
    body.close()
    assert len(set(seen)) == 1 and len(seen) == 5
    assert epoch() != seen[0]
    assert not pins.open_pins


def test_an_application_that_is_itself_a_generator_is_pinned() -> None:
    seen: list[int] = []

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        seen.append(epoch())
        yield b"x"
        seen.append(epoch())

    body, sent = call(app)
    chunks = iter(body)
    assert next(chunks) == b"x"
    commit()
    assert list(chunks) == []
    body.close()
    assert sent and seen[0] == seen[1] != epoch()


def test_write_runs_on_the_requests_epoch() -> None:
    seen: list[int] = []

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        commit()
        write(b"x")
        seen.append(epoch())
        return []

    call(app)
    assert seen[0] != epoch()


def test_file_wrapper_still_sendfile() -> None:
    from gunicorn.http.wsgi import FileWrapper

    closed: list[int] = []

    class File(io.BytesIO):
        def fileno(self) -> int:
            return 99

        def close(self) -> None:
            closed.append(epoch())

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](File(b"data"))

    body, _ = call(app, {"wsgi.file_wrapper": FileWrapper})
    assert type(body) is FileWrapper, "the server looks at the type"
    assert len(pins.open_pins) == 1, "pinned to its last byte"
    before = epoch()
    commit()
    body.close()
    assert closed == [before] and not pins.open_pins


def test_a_file_wrapper_that_cannot_be_sent_by_sendfile_is_read_on_the_requests_epoch() -> None:
    from gunicorn.http.wsgi import FileWrapper

    seen: list[int] = []

    class Reader:
        def read(self, size: int) -> bytes:
            seen.append(epoch())
            return b"" if len(seen) > 2 else b"x"

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Reader())

    body, _ = call(app, {"wsgi.file_wrapper": FileWrapper})
    commit()
    assert b"".join(body) == b"xx"
    body.close()
    assert len(set(seen)) == 1 and seen[0] != epoch()


def test_a_list_is_handed_to_the_server_as_it_is() -> None:
    body, _ = call(pin_requests(lambda environ, start: [b"x"]))
    assert body == [b"x"] and type(body) is list and not pins.open_pins


def test_the_length_of_a_sized_body_is_still_known() -> None:
    class Sized:
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

    body, _ = call(pin_requests(lambda environ, start: Sized()))
    assert len(body) == 1
    body.close()
    plain, _ = call(pin_requests(lambda environ, start: (c for c in [b"x"])))
    assert not hasattr(plain, "__len__")
    plain.close()


def test_an_exception_in_the_application_ends_the_pin_and_counts_as_an_error() -> None:
    commit()

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(app)
    assert not pins.open_pins
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (1, 1)


def test_an_exception_in_the_body_counts_as_an_error_once() -> None:
    commit()

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"x"
        raise ZeroDivisionError

    body, _ = call(app)
    with pytest.raises(ZeroDivisionError):
        list(body)
    body.close()
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (1, 1)


def test_a_status_of_500_and_above_counts_as_an_error() -> None:
    commit()

    def app(environ: Any, start_response: Any) -> Any:
        start_response(environ["status"], [])
        return [b""]

    for status in ("200 OK", "404 Not Found", "500 Oops", "503 Later"):
        call(pin_requests(app), {"status": status})
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (4, 2)


def test_a_body_that_the_server_forgets_does_not_hold_its_epoch() -> None:
    body, _ = call(pin_requests(lambda environ, start: iter([b"x"])))
    assert pins.open_pins
    del body
    assert not pins.open_pins


def test_a_response_header_can_name_the_version_and_is_off_by_default() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("A", "b")])
        return [b""]

    _, sent = call(pin_requests(app))
    assert sent == [("200 OK", [("A", "b")])]
    _, sent = call(pin_requests(app, header=("X-Version", lambda epoch: f"e{epoch}")))
    assert sent == [("200 OK", [("A", "b"), ("X-Version", f"e{epoch()}")])]


def test_pinning_twice_is_pinning_once() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        return []

    once = pin_requests(app)
    assert pin_requests(once) is once


def test_a_request_begun_between_two_chunks_of_another_is_one_of_its_own() -> None:
    """A server that interleaves requests in one thread: the second is no sub-request of the first."""
    seen: dict[str, list[int]] = {"first": [], "second": []}

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        for _ in range(3):
            seen[environ["PATH_INFO"]].append(epoch())
            yield b"x"

    def interleave() -> None:
        first, _ = call(app, {"PATH_INFO": "first"})
        chunks = iter(first)
        next(chunks)
        commit()
        second, _ = call(app, {"PATH_INFO": "second"})
        for _ in zip(second, chunks, strict=False):
            pass
        first.close()
        second.close()

    copy_context().run(interleave)
    assert len(set(seen["first"])) == len(set(seen["second"])) == 1
    assert seen["first"][0] < seen["second"][0] == epoch()
    assert not pins.open_pins


def test_a_body_iterated_and_closed_in_another_thread_is_pinned() -> None:
    seen: list[int] = []

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        for _ in range(3):
            seen.append(epoch())
            yield b"x"

    body, _ = call(app)
    commit()

    def serve() -> None:
        list(body)
        body.close()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert len(seen) == 3 and len(set(seen)) == 1 and seen[0] != control.current()
    assert not pins.open_pins
    assert epoch() == control.current()


def test_a_sub_request_inside_a_streamed_body_takes_its_epoch() -> None:
    seen: list[int] = []

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        seen.append(epoch())
        if environ["PATH_INFO"] == "outer":
            yield b"x"
            yield from app({**environ, "PATH_INFO": "inner"}, start_response)
        yield b"y"

    body, _ = call(app, {"PATH_INFO": "outer"})
    chunks = iter(body)
    next(chunks)
    commit()
    list(chunks)
    body.close()
    assert len(seen) == 2 and seen[0] == seen[1] != epoch()


class Telling:
    """A response of a server that says when a request is over."""

    status: str | None = None

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status, self.status_code = status, int(status[:3])

    def serve(self, app: Any, path: str = "/") -> Any:
        return app({"REQUEST_METHOD": "GET", "PATH_INFO": path}, self.start_response)


over = ends_requests(Telling)


def test_a_server_that_says_when_a_request_is_over_gets_the_body_itself_and_the_pin_lasts_until_then() -> (
    None
):
    seen: list[int] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        for _ in range(3):
            seen.append(epoch())
            yield b"x"

    server = Telling()
    body = server.serve(pin_requests(app))
    assert type(body) is type(app(None, None))
    commit()
    assert list(body) == [b"x"] * 3
    assert len(pins.open_pins) == 1
    over(server, False)
    assert not pins.open_pins
    assert len(set(seen)) == 1 and seen[0] != epoch()


def test_such_a_server_says_whether_the_request_failed_and_it_counts_once() -> None:
    commit()
    app = pin_requests(lambda environ, start: start("200 OK", []) or [b"x"])
    for failed in (False, True):
        server = Telling()
        server.serve(app)
        over(server, failed)
        over(server, failed)
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (2, 1)


def test_an_application_that_raises_has_ended_before_such_a_server_says_so() -> None:
    commit()

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        raise ZeroDivisionError

    server = Telling()
    with pytest.raises(ZeroDivisionError):
        server.serve(app)
    assert not pins.open_pins and EPOCH.get() is pins.DEFAULT
    over(server, True)
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (1, 1)


def test_a_requests_data_goes_with_its_end_whoever_still_carries_its_pin() -> None:
    server = Telling()
    carried: list[Any] = []

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        carried.append(EPOCH.get())
        return [b"x"]

    server.serve(app)
    over(server, False)
    (pin,) = carried
    assert (pin.what, pin.reply, pin.phase) == (None, None, pins.ENDED)
    assert type(pin) is pins.Released


def test_what_runs_there_between_two_requests_gets_the_default_and_the_next_is_let_in_at_once() -> None:
    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        return [str(epoch()).encode()]

    server = Telling()
    server.serve(app)
    over(server, False)
    commit()
    assert epoch() == pins.DEFAULT.epoch
    assert pins.enter_at_once({}, pins.Pin, None) is not None
    pins.open_pins.clear()
    assert server.serve(app) == [str(epoch()).encode()]
    over(server, False)


def test_a_request_inside_one_of_such_a_server_ends_with_its_own_body() -> None:
    @pin_requests
    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"x"]

    @pin_requests
    def outer(environ: Any, start_response: Any) -> Any:
        body = Telling().serve(inner)
        assert len(pins.open_pins) == 1
        return body

    server = Telling()
    assert server.serve(outer) == [b"x"]
    assert len(pins.open_pins) == 1
    over(server, False)
    assert not pins.open_pins


def test_such_a_server_need_not_be_told_of_an_answer_that_becomes_an_error_after_the_call() -> None:
    commit()

    @pin_requests
    def app(environ: Any, start_response: Any) -> Any:
        def late() -> Iterator[bytes]:
            start_response("500 Oops", [], (None, None, None))
            yield b"x"

        start_response("200 OK", [])
        return late()

    server = Telling()
    assert list(server.serve(app)) == [b"x"]
    over(server, False)
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (1, 1)


def test_an_answer_that_such_a_server_never_gets_ends_its_request_and_counts() -> None:
    commit()
    server = Telling()
    server.serve(pin_requests(lambda environ, start_response: []))
    over(server, False)
    assert not pins.open_pins
    assert (control.counts()[-1].requests, control.counts()[-1].errors) == (1, 0)


def test_an_answer_that_begins_with_its_body_counts_from_then_once_one_such_was_seen() -> None:
    commit()

    def answer(start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        yield b"y"

    app = pin_requests(lambda environ, start_response: answer(start_response))
    first, second = Telling(), Telling()
    list(first.serve(app))
    over(first, False)
    chunks = iter(second.serve(app))
    assert control.counts()[-1].requests == 1
    next(chunks)
    assert control.counts()[-1].requests == 2, "while its body goes on"
    list(chunks)
    over(second, False)
    assert control.counts()[-1].requests == 2

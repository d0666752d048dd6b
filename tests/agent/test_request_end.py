"""Under gunicorn's own WSGI workers a request is pinned until gunicorn says that it is over."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.pushing import Pusher
from tests.agent.service import Service, wait_until
from tests.agent.shop import threads

APP = {
    "app.py": """
import json
from hotpatch import epochs

class Body:
    def __init__(self, parts):
        self.parts = parts
    def __iter__(self):
        return iter(self.parts)
    def close(self):
        CLOSED.append(len(epochs.requests_in_flight()))

CLOSED = []

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/counts":
        start_response("200 OK", [("Content-Type", "application/json")])
        one = epochs.counts()[-1]
        flights = sorted(flight.what for flight in epochs.requests_in_flight())
        return [json.dumps([one.requests, one.errors, flights, CLOSED]).encode()]
    if path == "/raises":
        raise ZeroDivisionError
    if path == "/500":
        start_response("500 Oops", [])
        return [b"x"]
    start_response("200 OK", [])
    return Body(torn() if path == "/torn" else endless() if path == "/endless" else [b"x", b"y"])

def torn():
    yield b"x"
    raise OSError("not the client's fault")

def endless():
    while True:
        yield b"x" * 65536
""",
}
HOOK = """
from hotpatch_agent.gunicorn import *

def post_request(worker, req, environ, resp):
    with open("hooked", "a") as file:
        file.write(environ["PATH_INFO"] + "\\n")
"""

ASKED: list[list[Any]] = []
"""The answers to the last questions for the counts."""


@pytest.fixture(params=["sync", "gthread", "gevent"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    pusher = Pusher(tmp_path)
    settings = {"worker_class": request.param, "threads": threads(request.param)}
    with Service(tmp_path, APP, home=pusher.make_home(), settings=settings, config=HOOK) as service:
        yield service


def counts(service: Service) -> list[Any]:
    """What is counted once this question is the only request: the one before may end after its last byte."""

    def alone() -> list[Any] | None:
        found: list[Any] = json.loads(service.body("/counts"))
        ASKED.append(found)
        return found if found[2] == ["GET /counts"] else None

    found: list[Any] = wait_until(alone, "nothing else is in flight")
    return found


def asked(service: Service, path: str) -> tuple[int, int]:
    """By how much the counts of requests and errors grew with one request, the questions apart."""
    before = counts(service)
    ASKED.clear()
    try:
        service.get(path)
    except (OSError, http.client.HTTPException):
        assert path == "/torn"
    after = counts(service)
    return after[0] - before[0] - len(ASKED), after[1] - before[1]


def test_each_request_counts_once_and_an_error_as_one_wherever_it_comes_from(service: Service) -> None:
    assert asked(service, "/") == (1, 0)
    assert asked(service, "/500") == (1, 1)
    assert asked(service, "/raises") == (1, 1)
    assert asked(service, "/torn") == (1, 1)


def test_the_close_of_a_body_is_part_of_its_request_and_the_services_own_hook_runs(service: Service) -> None:
    service.get("/")
    assert 0 not in counts(service)[3], "what was in flight at each close"
    wait_until(lambda: "/counts" in (service.root / "hooked").read_text(), "the hook has run")
    assert "/\n" in (service.root / "hooked").read_text()


def test_a_client_that_goes_away_ends_its_request_and_is_no_error(service: Service) -> None:
    before = counts(service)
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.recv(10)
    assert counts(service)[1] == before[1]

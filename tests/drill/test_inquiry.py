"""Each worker is asked, also where a connection is closed after one answer and the next meets another."""

from __future__ import annotations

import http.server
import itertools
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hotpatch_agent.drill import inquiry
from hotpatch_agent.drill.inquiry import Inquiry, Word
from hotpatch_agent.load.wire import Request

WORKERS = (1, 2, 3)


class Turns(http.server.BaseHTTPRequestHandler):
    """Each connection meets the next worker, which answers once."""

    turn = itertools.cycle(WORKERS)

    def do_GET(self) -> None:
        worker = next(self.turn)
        self.send_response(200)
        for name, value in (("X-Worker", worker), ("X-Release", 7), ("Content-Length", 0)):
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Turns) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_all_answers_to_a_probe_of_several_requests_are_one_workers(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE_SECONDS", 10.0)
    service: Any = SimpleNamespace(port=port, workers=lambda: list(WORKERS))
    heard: list[set[str]] = []

    def judge(answers: list[Any]) -> str:
        heard.append({answer.headers["x-worker"] for answer in answers})
        return "new"

    probe: Any = SimpleNamespace(requests=lambda nonce: [Request("GET", "/")] * 3, judge=judge)
    assert Inquiry(service).ask_all(probe) == dict.fromkeys(WORKERS, Word("new", 7))
    assert heard == [{"1"}, {"2"}, {"3"}]

"""A visitor of the shop's page: keeps its event stream open, and asks what the page asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from types import TracebackType
from typing import Any, Self

from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.inquiry import PATIENCE_SECONDS, Inquiry
from hotpatch_agent.drill.service import HOST, Service
from hotpatch_agent.load.wire import Request

KEY = "cookie:visitor"
"""What lots are drawn for: a visitor stays with a version."""


def cookie(number: int) -> dict[str, str]:
    """The header by which the shop knows visitor `number`."""
    return {"Cookie": f"visitor={number}"}


def asks_rollout(inquiry: Inquiry, number: int) -> dict[str, Any]:
    """What the page of this visitor is told: which release answers, and how the rollout stands."""
    (answer,) = inquiry.ask([Request("GET", "/rollout", "", cookie(number))])
    found: dict[str, Any] = json.loads(answer.body)
    return found


class OpenPage:
    """The page's stream, open from the start.  Use it as a context manager: leaving it closes the page."""

    def __init__(self, service: Service, number: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, service.port, timeout=PATIENCE_SECONDS)
        self._connection.request("GET", "/events", headers=cookie(number))
        # Known before the answer: one that is to be the last takes the socket out of the connection.
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self._told: dict[str, Any] | None = None
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="open-page", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The visitor leaves.  Harmless to repeat."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._connection.close()

    def release(self) -> int:
        """The release that the stream says it runs on, with its next pulse; DrillFailed if it has ended."""
        with self._news:
            self._told = None
            self._news.wait_for(lambda: self._told is not None or self._ended, PATIENCE_SECONDS)
            if self._told is None:
                raise DrillFailed(f"the page's stream {'was cut' if self._ended else 'has fallen silent'}")
            return int(self._told["release"])

    @property
    def ended(self) -> bool:
        return self._ended

    def _read(self) -> None:
        kind = ""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            for line in iter(self._answer.readline, b""):
                kind = self._note(kind, line.decode().rstrip("\n"))
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _note(self, kind: str, line: str) -> str:
        name, _, text = line.partition(": ")
        if name == "data" and kind == "stream":
            with self._news:
                self._told = json.loads(text)
                self._news.notify_all()
        return text if name == "event" else kind

"""Bursts of one request over a few connections that stay open: a service kept busy for a tenth of a second.

Short bursts, so that two services can be asked in turns so quickly that whatever else the machine does meets
both.
"""

from __future__ import annotations

import selectors
import socket
import time
from types import TracebackType
from typing import Self

from hotpatch_agent.drill.service import HOST


class Saturation:
    """`connections` at once, each asking anew as soon as it is answered.  RuntimeError for any but a 200."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
        self._selector = selectors.DefaultSelector()
        self._sockets = [socket.create_connection((HOST, port)) for _ in range(connections)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(each, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        for each in self._sockets:
            each.close()

    def burst(self, requests: int) -> float:
        """The seconds until so many requests are answered, no fewer than there are connections."""
        waiting = dict.fromkeys(self._sockets, b"")
        to_send = requests - len(waiting)
        answered = 0
        began = time.perf_counter()
        for first in waiting:
            first.sendall(self._request)
        while answered < requests:
            for key, _ in self._selector.select():
                each = key.fileobj
                assert isinstance(each, socket.socket)
                waiting[each] += each.recv(1 << 16)
                if whole(waiting[each]):
                    waiting[each] = b""
                    answered += 1
                    if to_send > 0:
                        to_send -= 1
                        each.sendall(self._request)
        return time.perf_counter() - began


def whole(answer: bytes) -> bool:
    """Is this all of an answer?  RuntimeError if it is none that the benchmark may count."""
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the service does not answer as it must: {answer[:80]!r}")
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return len(body) >= int(length)

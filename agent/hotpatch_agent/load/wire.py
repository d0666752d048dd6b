"""One keep-alive connection to an HTTP/1.1 server, with asyncio's streams and nothing else.

What the peer does is told apart exactly: an answer; an end of the connection between two requests, which HTTP
allows; and an end while a request was under way, which is a drop, however it came about.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

from attrs import field, frozen

LONGEST_LINE: Final = 1 << 20


@frozen
class Request:
    method: str
    path: str
    """As it goes over the wire: percent-encoded, `..` kept."""
    body: str = ""
    headers: Mapping[str, str] = field(factory=dict)

    def encoded(self, host: str) -> bytes:
        body = self.body.encode()
        own = {name.lower() for name in self.headers}
        lines = [f"{self.method} {self.path} HTTP/1.1", *([] if "host" in own else [f"Host: {host}"])]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if "content-length" not in own and (body or self.method not in ("GET", "HEAD")):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@frozen
class Answer:
    """`seconds` from the first byte sent to the last byte received; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class DroppedError(Exception):
    """The request got no whole answer; the text says what came instead."""


class Connection:
    """Belongs to one task.  Opened by the first request, and again after the server has closed it."""

    def __init__(self, host: str, port: int, patience: float) -> None:
        """`patience`: seconds after which a request without a whole answer counts as dropped."""
        self._host = host
        self._port = port
        self._patience = patience
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.opened = 0
        """How many times it was opened: one more than the server closed it."""
        self.worker = ""
        """Who is at its other end, or was before it was closed, by the last answer's X-Worker; until that is
        known, the connection's own name (see `name`), by which a machine can tell who holds its other end."""

    async def ask(self, request: Request) -> Answer:
        """The answer, or DroppedError, after which the connection is closed."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                status, headers, body = await self._exchange(request)
        except TimeoutError:
            self.close()
            raise DroppedError(f"no whole answer in {self._patience:g} s") from None
        except ConnectionRefusedError:
            self.close()
            raise DroppedError("connection refused") from None
        except asyncio.IncompleteReadError as error:
            self.close()
            raise DroppedError("cut short" if error.partial else "closed without an answer") from None
        except OSError as error:
            self.close()
            raise DroppedError(f"connection lost: {error.strerror or error}") from None
        return Answer(status, headers, body, time.monotonic() - began)

    async def listen(self, request: Request) -> AsyncIterator[bytes]:
        """The pieces of an answer without end, as they come; DroppedError when it ends in any way."""
        try:
            reader = await self._send(request)
            status, headers = await read_head(reader)
            self.worker = headers.get("x-worker", self.worker)
            if status != 200 or headers.get("transfer-encoding") != "chunked":
                raise DroppedError(f"no stream, but status {status}")
            while chunk := await read_chunk(reader):
                yield chunk
        except (OSError, asyncio.IncompleteReadError) as error:
            raise DroppedError(f"the stream was cut: {error}") from None
        finally:
            self.close()
        raise DroppedError("the stream was ended")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        reader = await self._send(request)
        status, headers = await read_head(reader)
        self.worker = headers.get("x-worker", self.worker)
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while piece := await read_chunk(reader):
                pieces.append(piece)
            body = b"".join(pieces)
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            body = await reader.read()
            self.close()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    async def _send(self, request: Request) -> asyncio.StreamReader:
        if self._streams is not None and ended(self._streams[1]):
            self.close()
        if self._streams is None:
            self.worker = ""
            self._streams = await asyncio.open_connection(self._host, self._port, limit=LONGEST_LINE)
            self.opened += 1
            self.worker = name(self._streams[1].get_extra_info("sockname")[1])
        reader, writer = self._streams
        writer.write(request.encoded(f"{self._host}:{self._port}"))
        await writer.drain()
        return reader


def name(port: int) -> str:
    """Of a connection, by the port from which the client opened it."""
    return f":{port}"


def ended(writer: asyncio.StreamWriter) -> bool:
    """Whether the peer has closed the connection, asked of the kernel, between two requests."""
    look = select.poll()
    look.register(writer.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
    return writer.is_closing() or bool(look.poll(0))


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(status_line.split(" ", 2)[1]), {
        name.strip().lower(): value.strip() for name, _, value in pairs
    }


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    """One chunk of a chunked body; empty after the last."""
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    return (await reader.readexactly(size + 2))[:-2]

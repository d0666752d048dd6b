"""What the rehearsal child tells its parent: bounded lines of JSON over a pipe, nothing that could be run."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from attrs import define, field

TEXT_LIMIT: Final = 2000
"""Characters of one text in a message: a reason is read by people."""
LIST_LIMIT: Final = 100
READ_BYTES: Final = 64 * 1024


class TooMuch(Exception):
    """The child wrote more than it may."""


def short(text: str) -> str:
    """One printable line of at most TEXT_LIMIT characters."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 3] + "..."


@define
class Teller:
    """The child's end.  Every message is one write, so that none is torn when the child dies."""

    descriptor: int

    def tell(self, **message: Any) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.descriptor, data) :]


@define
class Hearer:
    """The parent's end: takes bytes as they come, gives whole messages.

    Raises TooMuch beyond `limit` bytes.  A line that is no JSON object is left out: the code under test
    shares the child with the teller and may have written to any descriptor.
    """

    limit: int
    heard: int = 0
    rest: bytes = b""
    messages: list[dict[str, Any]] = field(factory=list)

    def take(self, data: bytes) -> list[dict[str, Any]]:
        self.heard += len(data)
        if self.heard > self.limit:
            raise TooMuch(f"the rehearsal child wrote more than {self.limit} bytes")
        *lines, self.rest = (self.rest + data).split(b"\n")
        fresh = [message for line in lines if (message := _parse(line)) is not None]
        self.messages += fresh
        return fresh


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None

"""Commands and URLs, asked within a time limit: the only way in which a rollout touches the world outside.

Everything here blocks its caller for up to the limit, so it is called in a thread of its own (`errands`),
never in one that serves requests or that decides.  A command gets a JSON document on its standard input, is
the leader of a new session, and is killed with all its children when its time is over.  An URL must be http
or https; redirects are followed, up to a bound of urllib's own; the limit holds for the whole answer, not
only for each packet of it (the look-up of a name is the system's, and may take longer).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from attrs import frozen

MOST: Final = 1 << 20
"""Bytes of an answer that are read at most."""
TOLD: Final = 300
"""Characters of an answer that a reason quotes at most."""
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "TMPDIR")


@frozen
class Said:
    """What came back: `ok` is exit code 0, or a status of 200 to 299."""

    ok: bool
    status: int | None
    """Exit code or HTTP status; None if there was no answer."""
    text: str
    """The answer's body, or why there is none."""

    def told(self) -> str:
        """For a reason: short, on one line."""
        line = " ".join(self.text.split())
        return line if len(line) <= TOLD else line[:TOLD] + " ..."


def run(command: tuple[str, ...], document: Mapping[str, Any], timeout: float) -> Said:
    """Run a command with this document on its standard input.  Does not raise: what went wrong is said.

    It inherits a handful of variables, not the service's whole environment, which may hold its secrets; what
    happened is also in `HOTPATCH_EVENT` and `HOTPATCH_RELEASE`.
    """
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment["HOTPATCH_EVENT"] = str(document.get("event", ""))
    environment["HOTPATCH_RELEASE"] = str(document.get("release", ""))
    # Files, not pipes: a grandchild that keeps a pipe open would hold us, and so would one that never reads.
    with tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as answer:
        sent.write(json.dumps(document).encode())
        sent.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=sent,
                stdout=answer,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Said(False, None, f"{command[0]} can't be run: {error}")
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            return Said(False, None, f"{command[0]} gave no answer within {timeout:g} s")
        answer.seek(0)
        text = answer.read(MOST).decode("utf-8", "replace")
    return Said(code == 0, code, text or f"exit code {code}")


def fetch(url: str, timeout: float, document: Mapping[str, Any] | None = None) -> Said:
    """Get an URL, or post this document to it as JSON.  Does not raise: what went wrong is said."""
    if not url.startswith(("http://", "https://")):
        return Said(False, None, f"{url} is neither http nor https")
    body = json.dumps(document).encode() if document is not None else None
    headers = {"User-Agent": "hotpatch", "Content-Type": "application/json"}
    end = monotonic() + timeout
    try:
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Said(True, answer.status, _read(answer, end))
        except urllib.error.HTTPError as error:
            with error:
                text = _read(error, end)
            return Said(False, error.code, f"status {error.code}: {text}" if text else f"status {error.code}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            return Said(False, None, f"{url} gave no answer within {timeout:g} s")
        return Said(False, None, f"{url} gave no answer: {reason}")


def _read(answer: Any, end: float) -> str:
    """The body, piece by piece, so that a server that drips can't hold us beyond the limit."""
    pieces: list[bytes] = []
    size = 0
    while size < MOST:
        if monotonic() > end:
            raise TimeoutError
        piece = answer.read1(min(65_536, MOST - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces).decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

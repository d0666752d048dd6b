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
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from attrs import frozen

from hotpatch.native import original

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
            pid = _spawn(command, environment, sent.fileno(), answer.fileno())
        except (OSError, ValueError) as error:
            return Said(False, None, f"{command[0]} can't be run: {error}")
        code = _wait(pid, timeout)
        if code is None:
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


def _spawn(command: tuple[str, ...], environment: Mapping[str, str], stdin: int, stdout: int) -> int:
    """Start it in a session of its own; the pid.  Raises OSError or ValueError if it can't be started."""
    # Not by `subprocess`: gevent takes that apart, and its own waits on the main thread alone.
    spawn = original("os", "posix_spawnp")
    wired = [(os.POSIX_SPAWN_DUP2, here, there) for here, there in ((stdin, 0), (stdout, 1), (stdout, 2))]
    # A listening socket that a daemon of the command's inherited would outlive the service.
    closed = [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()]
    pid: int = spawn(
        command[0],
        command,
        environment,
        file_actions=[*wired, *closed],
        setsid=True,
        setsigdef=(signal.SIGPIPE,),
    )
    return pid


def _inheritable() -> list[int]:
    """Descriptors beside the standard three that a child would get; one closed meanwhile does no harm."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _wait(pid: int, timeout: float) -> int | None:
    """The exit code; None if it had to be killed, with its children, because its time was over."""
    wait, sleep = original("os", "waitpid"), original("time", "sleep")
    end, pause = monotonic() + timeout, 0.001
    while True:
        ended, status = wait(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if monotonic() > end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            wait(pid, 0)
            return None
        sleep(pause)
        pause = min(2 * pause, 0.05)

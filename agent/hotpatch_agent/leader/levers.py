"""The master's two levers, one worker more and one less: through its control socket, else by signals.

gunicorn listens on a control socket from 25.1 on, unless that is turned off: JSON after a length, mode 0600.
It tells what a signal leaves open, whether the master has taken the order.  All services of a user may share
its default path, and the one that was started last has it: whoever answers is asked first whether he is our
master.  gunicorn ends all conversations whenever it forks, and listens anew a moment after; so it is asked
again for a while.  A signal is sent where nothing was ordered through the socket.  An order that was sent and
not answered may have been taken, or not.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from pathlib import Path
from time import monotonic
from typing import Any, Final

from hotpatch.native import original

PATIENCE: Final = 5.0
"""Seconds for each word of the master's."""
AWAY: Final = 2.0
"""Seconds for which a master that doesn't listen may be about to, having forked."""
LONGEST: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")


class Levers:
    """Those of one master; for the leader's thread."""

    def __init__(self, master: int, config: Any, log: Any) -> None:
        self._master = master
        self._path = control_socket(config)
        self._log = log

    def more(self) -> bool:
        """One worker more.  Is it certain that the master was told?"""
        return self._pull("worker add 1", signal.SIGTTIN)

    def less(self) -> bool:
        """One worker less.  Is it certain that the master was told?"""
        return self._pull("worker remove 1", signal.SIGTTOU)

    def _pull(self, order: str, lever: signal.Signals) -> bool:
        answered = None if self._path is None else self._order(order)
        if answered is None and os.getppid() == self._master:  # else he has gone, and this worker is about to
            self._log.info("hotpatch: asking the master by %s", lever.name)
            os.kill(self._master, lever)
        return answered is not False

    def _order(self, order: str) -> bool | None:
        """Has our master answered it?  None if it was not sent to him."""
        given_up = monotonic() + AWAY
        while os.getppid() == self._master:
            with original("socket", "socket")(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                try:
                    connection.connect(self._path)
                    if ask(connection, "show stats").get("pid") != self._master:
                        return None  # another service's, on a path that both were given
                    return self._answered(connection, order)
                except ValueError:
                    return None
                except OSError:
                    if monotonic() >= given_up:
                        return None
            original("time", "sleep")(0.02)
        return None

    def _answered(self, connection: Any, order: str) -> bool:
        """Has he answered it?  Raises BrokenPipeError if he had closed the connection before it was sent."""
        try:
            told = ask(connection, order)
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            self._log.warning("hotpatch: the master has not answered to '%s': %s", order, error)
            return False
        self._log.info("hotpatch: %s: the master means to have %s", order, told.get("total"))
        return True


def control_socket(config: Any) -> str | None:
    """Where the master listens, as its configuration says; None if it doesn't, or can't."""
    path = getattr(config, "control_socket", None)
    if not path or getattr(config, "control_socket_disable", False):
        return None
    return str(Path(path) if Path(path).is_absolute() else Path.cwd() / path)


def ask(connection: Any, command: str) -> dict[str, Any]:
    """The master's answer to a command.  Raises OSError, or ValueError if it makes no sense or says no."""
    line = json.dumps({"id": 1, "command": command, "args": []}).encode()
    connection.sendall(_LENGTH.pack(len(line)) + line)
    (length,) = _LENGTH.unpack(_receive(connection, _LENGTH.size))
    if length > LONGEST:
        raise ValueError(f"an answer of {length} bytes")
    answer = json.loads(_receive(connection, length))
    if (
        not isinstance(answer, dict)
        or answer.get("status") != "ok"
        or not isinstance(answer.get("data"), dict)
    ):
        raise ValueError(f"it says {answer!r}")
    data: dict[str, Any] = answer["data"]
    return data


def _receive(connection: Any, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise ConnectionResetError("the connection was closed")
        found += piece
    return found

"""A terminal window in which a command runs, and that can be closed under it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from hotpatch_agent.drill.commands import HOTPATCH, end_group

END_SECONDS = 60.0


class Window:
    """`hotpatch ARGUMENTS` on a terminal of its own, as a person runs it.  Use it as a context manager:
    leaving it ends the command."""

    def __init__(self, *arguments: object, environ: Mapping[str, str]) -> None:
        self._screen, terminal = pty.openpty()
        self.shown = ""
        """What the command has written so far, as of the last `look`."""
        try:
            self._process = subprocess.Popen(
                [*HOTPATCH, *map(str, arguments)],
                env={**os.environ, "TERM": "xterm", **environ},
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        finally:
            os.close(terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_screen()
        end_group(self._process)

    def look(self) -> bool:
        """Take in what was written since the last look, so that the command is never held up by a screen that
        is full; says whether the command still runs."""
        while self._screen >= 0 and select.select([self._screen], [], [], 0)[0]:
            try:
                piece = os.read(self._screen, 1 << 16)
            except OSError:
                break  # its last writer has gone
            if not piece:
                break
            self.shown += piece.decode(errors="replace")
        return self._process.poll() is None

    def close(self) -> int:
        """Close the window: the kernel hangs up on whatever runs in it.  The command's exit code; for one
        that a signal ended, its negative number."""
        self._close_screen()
        return self._process.wait(END_SECONDS)

    def _close_screen(self) -> None:
        if self._screen >= 0:
            os.close(self._screen)
            self._screen = -1


def _take_terminal() -> None:
    """In the new process, leader of a session without a terminal: this one becomes its own."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

"""Named places at which a test may end the process as a power cut would.

`HOTPATCH_FAILPOINT=name` makes the process kill itself with SIGKILL when it reaches the place of that name;
`name:3` at the third time.  With the variable unset a failpoint is one comparison with None.  Every durable
step of the home folder has such a name: `<what>.<step>`, listed in docs/ledger-format.md.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "HOTPATCH_FAILPOINT"


class _Armed:
    """Counts visits to one name; in the visit that was asked for it kills this process."""

    __slots__ = ("left", "name")

    def __init__(self, text: str) -> None:
        name, _, count = text.partition(":")
        self.name = name
        self.left = int(count or 1)

    def visit(self, name: str) -> None:
        if name != self.name:
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


_armed: _Armed | None = _Armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def failpoint(what: str, step: str) -> None:
    """A place where dying must lose nothing.  Safe in any thread and after fork."""
    if _armed is not None:
        _armed.visit(f"{what}.{step}")

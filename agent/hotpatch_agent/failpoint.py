"""Named places at which a test may end the process as a power cut would.

`HOTPATCH_FAILPOINT=name` makes the process kill itself with SIGKILL when it reaches the place of that name;
`name:3` at the third time.  With the variable unset a failpoint is one comparison with None.  Every durable
step of the home folder has such a name: `<what>.<step>`, listed in docs/ledger-format.md.

Two more variables are for services of many processes, which all inherit them.  With
`HOTPATCH_FAILPOINT_SHOT=path` nothing happens, and no visit counts, until that file is there; the one
process that dies has taken it away first: its new name is `<path>.<pid>`.  With
`HOTPATCH_FAILPOINT_VICTIM=parent` the process kills its parent, the master where it is a worker, and goes on.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

VARIABLE: Final = "HOTPATCH_FAILPOINT"
SHOT: Final = "HOTPATCH_FAILPOINT_SHOT"
VICTIM: Final = "HOTPATCH_FAILPOINT_VICTIM"


class _Armed:
    """Counts visits to one name; in the visit that was asked for it kills this process, or its parent."""

    __slots__ = ("left", "name", "parent", "shot")

    def __init__(self, text: str, shot: str, victim: str) -> None:
        name, _, count = text.partition(":")
        self.name = name
        self.left = int(count or 1)
        self.shot = Path(shot) if shot else None
        self.parent = victim == "parent"

    def visit(self, name: str) -> None:
        if name != self.name or (self.shot is not None and not self.shot.exists()):
            return
        self.left -= 1
        if self.left == 0 and self._take_shot():
            os.kill(os.getppid() if self.parent else os.getpid(), signal.SIGKILL)

    def _take_shot(self) -> bool:
        """Is it this process that dies?  A rename succeeds once."""
        if self.shot is None:
            return True
        try:
            self.shot.rename(f"{self.shot}.{os.getpid()}")
        except FileNotFoundError:
            return False
        return True


def _arm() -> _Armed | None:
    text = os.environ.get(VARIABLE)
    return _Armed(text, os.environ.get(SHOT, ""), os.environ.get(VICTIM, "")) if text else None


_armed: _Armed | None = _arm()


def failpoint(what: str, step: str) -> None:
    """A place where dying must lose nothing.  Safe in any thread and after fork."""
    if _armed is not None:
        _armed.visit(f"{what}.{step}")

"""Which release this process runs, for the program itself to ask: for its page, its logs, its metrics.

from hotpatch_agent import running
running.release()
"""

from __future__ import annotations

_release: int | None = None


def release() -> int | None:
    """The release; 0 for the code on disk, None where hotpatch is not on.  Any thread may ask."""
    return _release


def note(number: int) -> None:
    """The agent's word; nobody else's."""
    global _release
    _release = number

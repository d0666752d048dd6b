"""Which release this process runs, for the program itself to ask: for its page, its logs, its metrics.

    from hotpatch_agent import running
    running.release()

While two versions answer side by side, it is the one that most requests get; `release_of` tells for an epoch.
"""

from __future__ import annotations

_release: int | None = None
_by_epoch: dict[int, int] = {}


def release() -> int | None:
    """The release; 0 for the code on disk, None where hotpatch is not on.  Any thread may ask."""
    return _release


def release_of(epoch: int) -> int:
    """The release that requests of this epoch get; of one that nobody named, that of the last one before."""
    found = _by_epoch.get(epoch)
    if found is None:
        found = next((_by_epoch[one] for one in sorted(_by_epoch, reverse=True) if one < epoch), 0)
    return found


def note(number: int) -> None:
    """The agent's word; nobody else's."""
    global _release
    _release = number


def note_epoch(epoch: int, number: int) -> None:
    """The agent's word, before any request gets this epoch where that can be; a few are remembered."""
    _by_epoch[epoch] = number
    for old in sorted(_by_epoch)[:-64]:
        del _by_epoch[old]

"""Which release this process runs, for the program itself to ask: for its page, its logs, its metrics.

    from hotpatch_agent import running
    running.release()
    running.answering()
    running.rollout()

While two versions answer side by side, `release` is the one that most requests get, `answering` the one that
this request gets; `release_of` tells for an epoch.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotpatch_agent.decision.history import History
    from hotpatch_agent.home.folder import Home

_release: int | None = None
_by_epoch: dict[int, int] = {}


def release() -> int | None:
    """The release; 0 for the code on disk, None where hotpatch is not on.  Any thread may ask."""
    return _release


def answering() -> int | None:
    """The release that answers the request which asks; outside any request, and in work that one has left
    behind, the release that new requests get.  None where hotpatch is not on."""
    if _release is None:
        return None
    from hotpatch import epochs

    return release_of(epochs.EPOCH.get().epoch)


def rollout() -> dict[str, Any] | None:
    """The service's rollout, as of now: `rollout`, as `hotpatch status --json` has it (None if there never
    was one), and `versions`, what each version's requests have come to in all workers.

    None where hotpatch is not on, or its ledger can't be read.  Reads a few small files; any thread may ask.
    """
    if _release is None:
        return None
    with _reader.lock:
        return _reader.read()


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


class _Reader:
    """This process's own view of the ledger, for `rollout`; read on with each look."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._known: tuple[Home, History] | None = None

    def read(self) -> dict[str, Any] | None:
        # Not at the top: a program that only asks for its release shall not load all this.
        from hotpatch.errors import HotpatchError
        from hotpatch_agent.decision.history import History
        from hotpatch_agent.decision.showing import standing, versions
        from hotpatch_agent.home.folder import locate, open_home
        from hotpatch_agent.home.status import read_roll

        try:
            if self._known is None:
                home = open_home(locate(None, os.environ))
                self._known = home, History(home.ledger)
            home, history = self._known
            history.refresh()
            state = history.state
            found = versions(state, read_roll(home.workers).alive)
        except (HotpatchError, OSError):
            return None
        return {"rollout": None if state.progress is None else standing(state.progress), "versions": found}


_reader = _Reader()


def _after_fork_in_child() -> None:
    global _reader
    _reader = _Reader()  # some other thread may have held its lock


os.register_at_fork(after_in_child=_after_fork_in_child)

"""Workers that were asked to finish and have not gone yet: streams and long requests are given their time.

How long that is, the server's `graceful_timeout` says.  Until then there is one worker more than there are to
be, and no further one is started: a replacement never takes more than one worker's memory.  The master counts
them as well, so that a lever which asks it for one worker more would show no effect.
"""

from __future__ import annotations

from typing import Final

from hotpatch_agent.decision.view import View
from hotpatch_agent.home.status import Life, Status

LOOK: Final = 1.0
"""Seconds between two looks at whether they have gone: one that is killed leaves nothing that would wake."""


def waited_for(view: View, among: int) -> tuple[Status, ...]:
    """Those that have to go before one more worker may be started, where there are to be so many."""
    leaving = tuple(one for one in view.seen.alive if one.life is Life.LEAVING)
    return leaving if len(view.voters) + len(view.booting) + len(leaving) > among else ()

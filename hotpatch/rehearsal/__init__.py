"""A change rehearsed: committed, checked and proven in a forked child of the live process, then thrown away.

The child has all of the worker's live state and none of its connections, under limits of time, memory
and processes.  Whatever the change or its checks do there (crash, exit, loop, eat memory, wait for ever),
the worker goes on serving and gets a verdict with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from hotpatch.rehearsal.child import Rehearsal, Steps
from hotpatch.rehearsal.forked import IDLE, run_forked
from hotpatch.rehearsal.verdict import Limits, Verdict, refusal
from hotpatch.release import Check

__all__ = ["Limits", "Steps", "Verdict", "refusal", "rehearse"]

ATTEMPTS: Final = 2


def rehearse(
    steps: Steps | None,
    checks: Sequence[Check],
    app: Any,
    limits: Limits | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    quiet: Callable[[int], AbstractContextManager[object]] = nullcontext,
    called_off: Callable[[], bool] = lambda: False,
) -> Verdict:
    """The verdict on a change.  Blocks its thread until the child has ended; other threads go on.

    `steps` apply and prove the change (None: run the checks on what runs already).  `quiet(attempt)`
    is held around the fork alone: it should wait for a moment without requests, and try harder at attempt 1
    than at 0.  A lock that another thread holds at the fork stays held for ever in the child; so a child
    that hung while it waited is forked once more before the change is blamed.

    Once `called_off()` is true the child is ended within a moment.

    Raises nothing for a bad change; OSError if the system can't fork.  Leaves no process, no descriptor.
    """
    limits = limits or Limits()
    rehearsal = Rehearsal(steps, checks, app, state)
    for attempt in range(ATTEMPTS):
        idle = IDLE if attempt + 1 < ATTEMPTS else math.inf
        ended = run_forked(rehearsal, limits, quiet(attempt), called_off, idle)
        if not ended.hung_waiting:
            break
    return ended.verdict

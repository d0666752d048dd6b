"""A reload of the whole service: every worker that was started before it was asked for is replaced.

The way of a plain deployment: the sources on disk are new, the workers are not.  `replacing` takes them one
at a time.  The first new one that can't start ends it, with all old ones that are left serving on.
"""

from __future__ import annotations

import math

from hotpatch import errors
from hotpatch_agent.decision.acts import Append, Decision
from hotpatch_agent.decision.overdue import why_overdue
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.two_sets import brings_up
from hotpatch_agent.decision.view import View, plural
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Life, Problem, Status


def is_outdated(view: View, status: Status) -> bool:
    """Was this worker started before the reload that is under way was asked for?"""
    reload = view.state.reload
    return reload is not None and reload.since.since(status.started) > 0


def died_of_disk(state: State, dead: Status) -> bool:
    """Did this worker die while it was started for the reload that is under way, on what is on disk?"""
    if state.reload is None or dead.life is not Life.BOOTING or dead.adoption is not None:
        return False
    return 0 <= dead.started.since(state.reload.since) < math.inf


def reloaded(view: View) -> tuple[Decision, ...]:
    """Over when no such worker is left, or when one that was to take a place can't start."""
    reload = view.state.reload
    if reload is None or not view.voters:
        return ()
    left = tuple(one for one in view.voters if is_outdated(view, one))
    seconds = view.now.since(reload.since)
    seconds = 0.0 if math.isinf(seconds) else round(seconds, 3)
    if why := _why_not(view):
        many = f"{plural(len(left), 'worker')} started before it " + ("serves" if len(left) == 1 else "serve")
        given_up = Problem.of(errors.ReleaseFailed(f"{why}; {many} on as before"))
        return (Append(facts.Reloaded(len(view.voters), seconds, given_up)),)
    looked = view.seen.at
    if looked is not None and looked.since(reload.since) <= 0:
        return ()  # a worker may have come since that knew nothing of it
    if left or view.booting or view.state.replacement is not None:
        return ()
    return (Append(facts.Reloaded(len(view.voters), seconds)),)


def _why_not(view: View) -> str:
    for one in view.seen.alive:
        if one.life is Life.FAILED and not is_outdated(view, one):
            return f"a new worker does not start: {one.note}"
    for one in view.seen.dead:
        if died_of_disk(view.state, one):
            return f"a new worker ended while it was started ({one.worker}); the service's log may say why"
    current = view.state.replacement
    if current is None or brings_up(view.state, current):
        return ""
    return why_overdue(view, current)

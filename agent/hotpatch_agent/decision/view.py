"""State and observations together, with the questions that the rules ask of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from attrs import frozen

from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.decision.states import Rollout, State
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Status
from hotpatch_agent.home.terms import Terms


@frozen
class View:
    """One moment, as the leader sees it."""

    state: State
    seen: Observations
    now: Instant

    @functools.cached_property
    def voters(self) -> tuple[Status, ...]:
        """Workers that serve: those whose word counts."""
        return tuple(one for one in self.seen.alive if one.life is Life.SERVING)

    @functools.cached_property
    def booting(self) -> tuple[Status, ...]:
        """Workers that are being started."""
        return tuple(one for one in self.seen.alive if one.life is Life.BOOTING)

    @functools.cached_property
    def waiting(self) -> tuple[Status, ...]:
        """Workers that are there and accept nothing."""
        return tuple(one for one in self.seen.alive if one.life is Life.WAITING)

    @functools.cached_property
    def behind(self) -> tuple[Status, ...]:
        """Serving workers that do not run the head."""
        return tuple(one for one in self.voters if not runs_head(self.state, one))

    @functools.cached_property
    def on_head(self) -> bool:
        """Does every serving worker run the head, and will stay on it?

        A worker that has read an older record may still be about to do what that said, whatever it runs.
        """
        return not self.behind and all(has_heard(self.state, one) for one in self.voters)

    @property
    def terms(self) -> Terms:
        """Those that hold now: of the release in progress, else of the topmost, else the service's own."""
        if self.state.rollout is not None:
            return self.state.rollout.terms
        return self.state.top.terms if self.state.top else self.seen.terms

    def in_phase(self, rollout: Rollout, *phases: Phase) -> tuple[Status, ...]:
        """Serving workers that have come this far with the release in progress."""
        return tuple(one for one in self.voters if one.phase_for(self.state.errand, rollout.digest) in phases)

    def not_in_phase(self, rollout: Rollout, *phases: Phase) -> tuple[Status, ...]:
        """Serving workers that have not."""
        return tuple(
            one for one in self.voters if one.phase_for(self.state.errand, rollout.digest) not in phases
        )


def runs_head(state: State, status: Status) -> bool:
    """Does this worker run exactly what the ledger says?  What its disk already holds counts as run."""
    absorbed, ours, head = status.absorbs, status.stack, state.versions
    if absorbed:
        ours = tuple(version for version in ours if version not in absorbed)
        head = tuple(version for version in head if version not in absorbed)
    if ours != head:
        return False
    top = state.top
    return not ours or top is None or top.version != ours[-1] or status.digest == top.digest


def has_heard(state: State, status: Status) -> bool:
    """Has this worker taken into account what began last: an offer, or a way back?"""
    adoption = status.adoption
    return status.seq >= state.errand or (adoption is not None and adoption.errand == state.errand)


def needs_reload(state: State, status: Status) -> bool:
    """Is there a release on its way to the head that goes in only by starting a worker on it?"""
    has = (*status.stack, *status.absorbs)
    return any(entry.how is How.RELOAD and entry.version not in has for entry in state.head)


def names(workers: tuple[Status, ...]) -> str:
    """Workers for people: their pids."""
    return listed([str(one.pid) for one in workers])


def listed(workers: Sequence[str]) -> str:
    """`worker 7`, `workers 7, 8`."""
    return f"worker {workers[0]}" if len(workers) == 1 else f"workers {', '.join(workers)}"


def being_replaced(workers: Sequence[str]) -> str:
    return f"{listed(workers)} {'is' if len(workers) == 1 else 'are'} being replaced"


def plural(number: int, word: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

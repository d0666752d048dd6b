"""What a leader can see, as a value: the other half of what a decision is made from.

An observation may be late or incomplete; the rules in `decide` are such that this costs time, never safety.
"""

from __future__ import annotations

from attrs import field, frozen

from hotpatch_agent.clock import Instant
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Blocker, Problem, Status
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.seen import Seen
from hotpatch_agent.rollout.strategy import Strategy


@frozen
class BundleSeen:
    """A bundle in the spool, as the leader itself found it: accepted, or with the problem it has."""

    name: str
    digest: str
    version: int = 0
    message: str = ""
    terms: Terms = field(factory=Terms)
    strategy: Strategy = field(factory=Strategy)
    by: str = ""
    """Who pushes it."""
    supersede: bool = False
    """May it take the place of a rollout that is under way?"""
    force: bool = False
    """May it pass another's deploy lock?"""
    problem: Problem | None = None


@frozen
class RequestSeen:
    """A person's request in the spool, or something that claims to be one."""

    name: str
    request: Request | None
    problem: Problem | None = None


@frozen
class Rehearsal:
    """What came of the rehearsal in the leader's forked child."""

    errand: int
    how: How | None
    """None if there is a problem."""
    problem: Problem | None = None
    reason: str = ""
    seconds: float = 0.0
    findings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


@frozen
class Observations:
    """Everything that the leader sees at one moment."""

    me: str
    """The leader's own worker id; its status is among the living."""
    alive: tuple[Status, ...] = ()
    dead: tuple[Status, ...] = ()
    debris: tuple[str, ...] = ()
    spool: tuple[BundleSeen | RequestSeen, ...] = ()
    """In the order in which they are to be taken."""
    rehearsal: Rehearsal | None = None
    wanted: int = 0
    """How many workers people want there to be; 0 if the master has not said."""
    borrowed: int = 0
    """How many the master means to have beyond those, for the sake of a replacement."""
    terms: Terms = field(factory=Terms)
    """The service's own, for what no release is concerned in."""
    rollout: Seen | None = None
    """What judge, checks and gates say of the rollout under way; None if nobody has looked yet."""
    at: Instant | None = None
    """When the look began; None: just now."""

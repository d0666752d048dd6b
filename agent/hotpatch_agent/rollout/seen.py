"""What a step of a rollout is made from and what it can ask for: observations and decisions, as values."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from hotpatch_agent.rollout.counters import Borders
from hotpatch_agent.rollout.judge import Verdict
from hotpatch_agent.rollout.progress import Moved
from hotpatch_agent.rollout.states import Event


@frozen
class Asked:
    """A person's verb, as it lies in the spool."""

    request: str
    """Its name in the spool."""
    verb: Event
    by: str = ""
    reason: str = ""


@frozen
class Answer:
    """What a gate said; silence has become a no by then."""

    yes: bool
    reason: str = ""


@frozen
class CheckResult:
    """What one of the user's checks said last."""

    name: str
    critical: bool
    yes: bool | None
    """None: inconclusive, such as a metric that matches nothing."""
    reason: str = ""


@frozen
class Seen:
    """What the leader sees of a rollout at one moment; anything may be late."""

    workers: int
    """Living workers that serve."""
    reached: bool
    """Does every one of them run what `target` says?"""
    window: str = ""
    """The round that `verdict` and `checks` are about (`Progress.window`)."""
    verdict: Verdict | None = None
    checks: tuple[CheckResult, ...] = ()
    gates: Mapping[str, Answer] = field(factory=dict)
    """By `Gate.id`."""
    asked: tuple[Asked, ...] = ()
    newer: str = ""
    """A push that asks to supersede this rollout: what it is, for the record."""
    lost: str = ""
    """Why the release has no future, if it hasn't."""
    borders: Mapping[str, Borders] = field(factory=dict)
    """By scope: the old version's quantiles so far; a round that begins now goes by them."""


@frozen
class Record:
    """Write this to the ledger.  Always the last of a round."""

    fact: Moved


@frozen
class Refuse:
    """Answer this request with `VerbRefused`: nothing is changed."""

    request: str
    reason: str


@frozen
class Gate:
    """Ask the gates of this point; `id` names the question for good, so that it is asked once."""

    point: str
    id: str


Decision = Record | Refuse

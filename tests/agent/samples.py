"""Values that many tests of the agent start from."""

from __future__ import annotations

from attrs import evolve
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.folding import fold
from hotpatch_agent.decision.observe import BundleSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.facts import Fact
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Adoption, Life, Phase, Problem, Status
from hotpatch_agent.home.terms import Terms

BOOT = "boot-one"


def at(tick: float, boot: str = BOOT) -> Instant:
    """A moment, `tick` seconds after the machine's start."""
    return Instant(1_700_000_000.0 + tick, tick, boot)


def digest(version: int) -> str:
    """The digest of the sample bundle of this version."""
    return f"{version:02d}" * 32


READ_ALL = 1_000_000
"""More records than any sample has."""


def status(
    pid: int, stack: tuple[int, ...] = (), life: Life = Life.SERVING, started: float = 0.0, **more: object
) -> Status:
    """A worker that runs this stack, has read the whole ledger, and has nothing else to say."""
    top = digest(stack[-1]) if stack else ""
    made = Status(
        f"{pid}-1",
        pid,
        at(started),
        "sync",
        "shop:app",
        "3.11",
        life=life,
        stack=stack,
        digest=top,
        seq=READ_ALL,
    )
    return evolve(made, **more)


def adopting(
    before: Status,
    phase: Phase,
    version: int,
    errand: int,
    since: float = 0.0,
    problem: Problem | None = None,
    reason: str = "",
) -> Status:
    """The same worker, this far with a release; version 0 is the code on disk."""
    of = digest(version) if version else ""
    return evolve(before, adoption=Adoption(errand, of, version, phase, at(since), problem, reason))


def bundle(version: int, name: str = "", terms: Terms | None = None) -> BundleSeen:
    """A good bundle in the spool."""
    return BundleSeen(
        name or f"{version:04d}.bundle", digest(version), version, f"fix {version}", terms or Terms()
    )


def told(*facts_: Fact, state: State | None = None, tick: float = 0.0, step: float = 0.0) -> State:
    """The state after these facts, written one after another from this moment on."""
    result = state or State()
    for fact in facts_:
        result = fold(result, Record(result.seq + 1, at(tick), "1-1", fact, "", ""))
        tick += step
    return result

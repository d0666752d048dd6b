"""One round of decisions on sample states: the vocabulary of the tests of the rules."""

from __future__ import annotations

from attrs import evolve
from hotpatch_agent.decision.acts import Append, Decision
from hotpatch_agent.decision.decide import step
from hotpatch_agent.decision.observe import Observations, RequestSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Life, Phase, Problem, Status
from hotpatch_agent.home.terms import Terms

from tests.agent.samples import adopting, at, digest, status, told

ME = "1-1"
NO = Problem("CheckFailed", 21, "the check check_total said no")
ONE, TWO = status(1), status(2)


def offered(version: int = 1, terms: Terms | None = None) -> facts.Offered:
    return facts.Offered(version, digest(version), f"{version:04d}.bundle", "", terms or Terms())


def rehearsed(version: int = 1, how: How = How.LIVE) -> facts.Rehearsed:
    return facts.Rehearsed(version, digest(version), how, ME)


def committed(version: int = 1, how: How = How.LIVE) -> facts.Committed:
    return facts.Committed(version, digest(version), how)


def settled(version: int = 1) -> facts.Settled:
    return facts.Settled(version, digest(version), 2)


def lived(version: int, how: How = How.LIVE, terms: Terms | None = None) -> tuple[facts.Fact, ...]:
    """A release that went all the way."""
    return (offered(version, terms), rehearsed(version, how), committed(version, how), settled(version))


def see(*alive: Status, **more: object) -> Observations:
    serving = sum(one.life is Life.SERVING for one in alive)
    return evolve(Observations(ME, alive, wanted=serving), **more)


def decide(state: State, seen: Observations, tick: float = 1.0) -> tuple[Decision, ...]:
    return step(state, seen, at(tick))


def the_record(decisions: tuple[Decision, ...]) -> facts.Fact:
    assert decisions, "nothing was decided"
    last = decisions[-1]
    assert isinstance(last, Append)
    return last.fact


OFFERED = told(offered())
LIVE = told(offered(), rehearsed())
RELOAD = told(offered(), rehearsed(how=How.RELOAD))
COMMITTED = told(offered(), rehearsed(), committed())
IN_PLACE = told(*lived(1))


def ask(state: State, to: int | None = None, kind: str = "rollback") -> facts.Fact:
    request = RequestSeen("r.request", Request(kind, to, "ann"))
    return the_record(decide(state, see(ONE, spool=(request,))))


def here(pid: int, phase: Phase, since: float = 0.0) -> Status:
    return adopting(status(pid), phase, 1, 1, since)


def crashed(version: int, worker: str, phase: str = "live") -> facts.Crashed:
    return facts.Crashed(version, digest(version), worker, phase)

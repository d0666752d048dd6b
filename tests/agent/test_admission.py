"""At the door: bundles and requests are answered, each once, with the reason."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Append, Discard, Keep
from hotpatch_agent.decision.observe import BundleSeen, RequestSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Problem, Status
from hotpatch_agent.home.terms import Terms

from hotpatch import errors
from tests.agent.rounds import (
    COMMITTED,
    IN_PLACE,
    LIVE,
    NO,
    OFFERED,
    ONE,
    RELOAD,
    ask,
    decide,
    lived,
    offered,
    see,
    settled,
    the_record,
)
from tests.agent.samples import bundle, digest, status, told


def test_a_good_bundle_is_kept_before_it_is_offered() -> None:
    seen = bundle(1, terms=Terms(deadline=5))

    assert decide(State(), see(ONE, spool=(seen,))) == (
        Keep(seen.name, digest(1)),
        Append(facts.Offered(1, digest(1), seen.name, "fix 1", Terms(deadline=5))),
    )


@pytest.mark.parametrize(
    ("state", "seen", "alive", "error"),
    [
        (State(), evolve(bundle(1), problem=Problem("Unsigned", 15, "no")), (ONE,), "Unsigned"),
        (OFFERED, bundle(2), (ONE,), "Busy"),
        (LIVE, bundle(2), (ONE,), "Busy"),
        (COMMITTED, bundle(2), (ONE,), "Busy"),
        (told(*lived(1), facts.RolledBack(1, 0, "")), bundle(2), (status(1, (1,)),), "Busy"),
        (IN_PLACE, bundle(2), (ONE,), "Busy"),
        (told(*lived(1), facts.Replacing("2-1", 2)), bundle(2), (status(1, (1,)),), "Busy"),
        (IN_PLACE, bundle(1), (status(1, (1,)),), "OldVersion"),
        (told(*lived(3)), bundle(2), (status(1, (3,)),), "OldVersion"),
        (told(*lived(2), facts.RolledBack(2, 0, ""), settled(0)), bundle(2), (ONE,), "OldVersion"),
        (told(offered(), facts.Quarantined(1, digest(1), "")), bundle(1), (ONE,), "ReleaseQuarantined"),
    ],
)
def test_a_bundle_is_turned_away(
    state: State, seen: BundleSeen, alive: tuple[Status, ...], error: str
) -> None:
    seen = evolve(seen, name="fresh.bundle")
    fact = the_record(decide(state, see(*alive, spool=(seen,))))

    assert isinstance(fact, facts.Refused)
    assert (fact.name, fact.digest) == (seen.name, seen.digest)
    assert fact.problem.error == error
    assert fact.problem.code == getattr(errors, error).exit_code


def test_a_release_that_failed_before_it_was_committed_may_come_again() -> None:
    state = told(offered(), facts.Failed(1, digest(1), NO))

    assert isinstance(the_record(decide(state, see(ONE, spool=(bundle(1, "again.bundle"),)))), facts.Offered)


def test_an_answered_file_is_taken_away_and_not_answered_again() -> None:
    seen = see(ONE, spool=(bundle(1),))
    for state in (OFFERED, told(offered(), facts.Failed(1, digest(1), NO))):
        assert decide(state, seen) == (Discard("0001.bundle"),)


def test_files_are_answered_in_their_order_requests_first() -> None:
    spool = (bundle(2, "a.bundle"), bundle(3, "b.bundle"), RequestSeen("c.request", Request("rollback")))
    state, answers = IN_PLACE, []
    for _ in range(3):
        fact = the_record(decide(state, see(status(1, (1,)), spool=spool)))
        answers.append(fact)
        state = told(fact, state=state)

    assert [(type(fact), getattr(fact, "name", "")) for fact in answers] == [
        (facts.RolledBack, ""),
        (facts.Refused, "a.bundle"),
        (facts.Refused, "b.bundle"),
    ]


def test_a_rollback_goes_to_the_release_below() -> None:
    state = told(*lived(1), *lived(2))

    assert ask(state) == facts.RolledBack(2, 1, "asked for by ann", "r.request")
    assert ask(IN_PLACE) == facts.RolledBack(1, 0, "asked for by ann", "r.request")


def test_a_rollback_goes_to_the_release_that_was_named_and_forward_again() -> None:
    state = told(*lived(1), *lived(2), *lived(3))
    assert ask(state, 1) == facts.RolledBack(3, 1, "asked for by ann", "r.request")

    back = told(facts.RolledBack(3, 1, ""), settled(1), state=state)
    assert back.versions == (1,)
    forward = told(ask(back, 3), state=back)
    assert forward.versions == (1, 2, 3)


@pytest.mark.parametrize(
    ("state", "to", "error"),
    [
        (State(), None, "NoSuchRelease"),
        (State(), 0, "NoSuchRelease"),
        (IN_PLACE, 7, "NoSuchRelease"),
        (IN_PLACE, 1, "NoSuchRelease"),
        (IN_PLACE, -1, "NoSuchRelease"),
        (told(*lived(1), *lived(2), facts.RolledBack(2, 1, "")), None, "Busy"),
    ],
)
def test_a_rollback_to_nowhere_is_refused(state: State, to: int | None, error: str) -> None:
    fact = ask(state, to)

    assert isinstance(fact, facts.Refused)
    assert (fact.name, fact.problem.error) == ("r.request", error)


@pytest.mark.parametrize("state", [OFFERED, LIVE, RELOAD])
def test_a_rollback_before_the_commit_calls_the_release_off(state: State) -> None:
    fact = ask(state)

    assert isinstance(fact, facts.Failed)
    assert (fact.digest, fact.request) == (digest(1), "r.request")
    assert "called off by ann" in fact.problem.text


def test_a_rollback_to_a_former_release_first_calls_off_the_one_in_progress() -> None:
    state = told(*lived(1), *lived(2), offered(3))
    first = ask(state, 1)
    assert isinstance(first, facts.Failed)
    assert first.request == ""

    assert ask(told(first, state=state), 1) == facts.RolledBack(2, 1, "asked for by ann", "r.request")


def test_a_rollback_does_not_wait_for_a_commit_to_settle() -> None:
    assert ask(COMMITTED) == facts.RolledBack(1, 0, "asked for by ann", "r.request")


def test_a_request_that_makes_no_sense_is_answered() -> None:
    fact = ask(State(), kind="dance")
    assert isinstance(fact, facts.Refused)
    assert fact.problem.error == "BadRequest"

    unread = RequestSeen("r.request", None, Problem("BadRequest", 36, "no request"))
    fact = the_record(decide(State(), see(ONE, spool=(unread,))))
    assert isinstance(fact, facts.Refused)
    assert fact.problem.text == "no request"

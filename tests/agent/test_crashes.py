"""Deaths are charged to the release that was at work, and the second one is one too many."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Append, Forget
from hotpatch_agent.decision.crashes import died_starting
from hotpatch_agent.decision.decide import step
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Problem, Status, Trial

from tests.agent.rounds import (
    COMMITTED,
    IN_PLACE,
    LIVE,
    OFFERED,
    ONE,
    RELOAD,
    TWO,
    committed,
    crashed,
    decide,
    here,
    lived,
    offered,
    see,
    the_record,
)
from tests.agent.samples import adopting, at, digest, status, told


@pytest.mark.parametrize(
    ("state", "dead", "charged"),
    [
        (OFFERED, here(2, Phase.REHEARSING), "rehearsing"),
        (LIVE, here(2, Phase.STAGING), "staging"),
        (COMMITTED, here(2, Phase.COMMITTING), "committing"),
        (COMMITTED, evolve(here(2, Phase.COMMITTING), life=Life.BOOTING), "never started"),
        (COMMITTED, status(2, (1,)), "live"),
        (IN_PLACE, status(2, (1,)), "live"),
        (OFFERED, here(2, Phase.VERIFIED), None),
        (LIVE, here(2, Phase.READY), None),
        (COMMITTED, here(2, Phase.READY), None),
        (COMMITTED, here(2, Phase.HELD), None),
        (COMMITTED, TWO, None),
        (IN_PLACE, status(2, (1,), Life.LEAVING), None),
        (State(), TWO, None),
    ],
)
def test_a_death_counts_when_the_release_was_at_work(state: State, dead: Status, charged: str | None) -> None:
    seen = see(status(1, state.versions), dead=(dead,))
    decisions = decide(state, seen)

    if charged is None:
        assert Forget("2-1") in decisions
        assert not any(isinstance(one, Append) and isinstance(one.fact, facts.Crashed) for one in decisions)
        return
    fact = the_record(decisions)
    assert fact == facts.Crashed(1, digest(1), "2-1", charged)
    assert Forget("2-1") in decide(told(fact, state=state), seen)


def test_a_death_long_after_the_commit_does_not_count() -> None:
    dead = see(status(1, (1,)), dead=(status(2, (1,)),))

    assert isinstance(the_record(decide(IN_PLACE, dead, 30.0)), facts.Crashed)
    assert decide(IN_PLACE, dead, 30.1) == (Forget("2-1"),)


def test_what_died_with_the_machine_or_a_former_master_does_not_count() -> None:
    dead = evolve(here(2, Phase.COMMITTING), started=at(5.0))
    seen = see(status(1, (1,)), dead=(dead,))

    restarted = told(facts.Started("9-9"), state=COMMITTED, tick=6.0)
    assert Forget("2-1") in decide(restarted, seen, 7.0)
    assert Forget("2-1") in step(COMMITTED, see(status(1, (1,)), dead=(dead,)), at(1.0, "boot-two"))
    earlier = told(facts.Started("9-9"), state=COMMITTED, tick=4.0)
    assert isinstance(the_record(decide(earlier, seen)), facts.Crashed)


@pytest.mark.parametrize("state", [OFFERED, LIVE, COMMITTED, IN_PLACE])
def test_the_second_crash_puts_the_release_into_quarantine(state: State) -> None:
    once = told(crashed(1, "5-1"), state=state)
    twice = told(crashed(1, "6-1"), state=once)
    workers = see(status(1, state.versions))

    assert not any(
        isinstance(one, Append) and isinstance(one.fact, facts.Quarantined) for one in decide(once, workers)
    )
    fact = the_record(decide(twice, workers))
    assert isinstance(fact, facts.Quarantined)
    assert "5-1" in fact.reason
    assert "6-1" in fact.reason
    after = told(fact, state=twice)
    assert after.versions == ()
    assert digest(1) in after.quarantined
    assert after.stage is (Stage.REVERTING if state.versions else Stage.IDLE)


def test_a_quarantine_takes_what_stands_on_the_release_with_it() -> None:
    state = told(*lived(1), *lived(2), *lived(3), crashed(2, "5-1"), crashed(2, "6-1"))

    after = told(the_record(decide(state, see(status(1, (1, 2, 3))))), state=state)
    assert after.versions == (1,)
    assert [entry.version for entry in after.known] == [1]


def test_a_release_in_progress_ends_before_the_one_below_it_is_quarantined() -> None:
    state = told(*lived(1), offered(2), crashed(1, "5-1"), crashed(1, "6-1"))
    seen = see(status(1, (1,)))
    first = the_record(decide(state, seen))
    assert isinstance(first, facts.Failed)
    assert first.version == 2

    assert isinstance(the_record(decide(told(first, state=state), seen)), facts.Quarantined)


def test_a_worker_that_fell_back_counts_as_a_crash_and_is_replaced() -> None:
    fell = adopting(TWO, Phase.FELL_BACK, 1, COMMITTED.errand, problem=Problem("ImportError", 1, "no module"))
    seen = see(status(1, (1,)), fell)
    fact = the_record(decide(COMMITTED, seen))
    assert fact == facts.Crashed(1, digest(1), "2-1", "never started", "no module")

    state = told(fact, state=COMMITTED)
    assert isinstance(the_record(decide(state, seen)), facts.Replacing)


def test_a_reload_stops_at_the_first_new_worker_that_can_not_start() -> None:
    state = told(committed(how=How.RELOAD), facts.Replacing("2-1", 2), state=RELOAD)
    fell = adopting(status(3), Phase.FELL_BACK, 1, state.errand, reason="ImportError")
    seen = see(here(1, Phase.VERIFIED), here(2, Phase.VERIFIED), fell)

    state = told(the_record(decide(state, seen)), state=state)
    fact = the_record(decide(state, seen))

    assert isinstance(fact, facts.RolledBack)
    assert (fact.version, fact.to) == (1, 0)
    after = told(fact, state=state)
    assert after.replacement is None
    assert isinstance(the_record(decide(after, see(ONE, TWO, status(3)))), facts.Settled)


@pytest.mark.parametrize(
    ("failed", "told_as"),
    [
        ([("2-1", "OSError: no")], "a new worker could not start on release 1 (2-1): OSError: no"),
        ([("2-1", ""), ("3-1", "no")], "2 new workers could not start on release 1 (2-1, 3-1): no"),
    ],
)
def test_workers_that_can_not_start_are_told_with_why_however_many_there_are(
    failed: list[tuple[str, str]], told_as: str
) -> None:
    crashes = [facts.Crashed(1, digest(1), worker, "never started", why) for worker, why in failed]
    fact = the_record(decide(told(committed(how=How.RELOAD), *crashes, state=RELOAD), see(ONE, TWO)))

    assert isinstance(fact, facts.RolledBack | facts.Quarantined)
    assert fact.reason == told_as


def test_debris_is_removed() -> None:
    assert decide(State(), see(ONE, debris=("4-1",))) == (Forget("4-1"),)


def test_starts_that_failed_under_this_master_are_counted_where_no_leader_can() -> None:
    state = told(*lived(1), facts.Started("9-9"), tick=4.0)
    booting = evolve(here(2, Phase.COMMITTING), life=Life.BOOTING)
    died = [evolve(booting, worker=f"{number}-1", started=at(5.0)) for number in (2, 3)]
    others = (
        evolve(booting, worker="4-1", started=at(3.0)),
        evolve(booting, worker="5-1", started=at(5.0, "boot-two")),
        evolve(booting, worker="6-1", started=at(5.0), life=Life.SERVING),
        evolve(adopting(status(7, started=5.0), Phase.COMMITTING, 2, 1), life=Life.BOOTING),
    )

    assert died_starting(state, (*died, *others), digest(1)) == tuple(died)
    assert died_starting(State(), tuple(died), digest(1)) == ()


def test_a_worker_that_was_on_trial_and_dies_long_after_the_release_went_in_counts_against_nothing() -> None:
    tried = adopting(evolve(status(2, (1,)), trial=Trial("1.1.1", 1.0, True)), Phase.LIVE, 1, 1)
    seen = see(status(1, (1,)), dead=(tried,))

    assert decide(IN_PLACE, seen, 100.0) == (Forget("2-1"),)

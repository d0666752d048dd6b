"""What the service does next, row by row: state, what is seen, what is decided."""

from __future__ import annotations

import itertools

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Rehearse, Replace
from hotpatch_agent.decision.decide import RULES, step, wake_in
from hotpatch_agent.decision.observe import Rehearsal
from hotpatch_agent.decision.states import TRANSITIONS, Stage, State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Problem
from hotpatch_agent.home.terms import Terms

from tests.agent.rounds import (
    COMMITTED,
    IN_PLACE,
    LIVE,
    ME,
    NO,
    OFFERED,
    ONE,
    RELOAD,
    TWO,
    ask,
    committed,
    decide,
    here,
    lived,
    offered,
    see,
    the_record,
)
from tests.agent.samples import adopting, at, digest, status, told


def test_nothing_is_done_when_nothing_is_to_do() -> None:
    assert decide(State(), see(ONE, TWO)) == ()
    assert decide(IN_PLACE, see(status(1, (1,)), status(2, (1,))), 1000) == ()


# -- before the commit ----------------------------------------------------------------------


def test_the_leader_rehearses_once_it_has_accepted_the_bundle_itself() -> None:
    assert decide(OFFERED, see(ONE, here(2, Phase.VERIFIED))) == ()
    assert decide(OFFERED, see(here(1, Phase.VERIFIED), TWO)) == (Rehearse(1, digest(1), 1),)
    assert decide(OFFERED, see(here(1, Phase.REHEARSING), TWO)) == ()


GOOD = Rehearsal(1, How.LIVE, seconds=0.05, findings=("one thread",))


def test_a_verdict_is_written_down_when_every_worker_has_accepted() -> None:
    all_but_one = see(here(1, Phase.VERIFIED), TWO, rehearsal=GOOD)
    assert decide(OFFERED, all_but_one) == ()

    everyone = see(here(1, Phase.REHEARSING), here(2, Phase.VERIFIED), rehearsal=GOOD)
    assert the_record(decide(OFFERED, everyone)) == facts.Rehearsed(
        1, digest(1), How.LIVE, ME, 0.05, "", ("one thread",)
    )


def test_a_verdict_of_an_earlier_try_says_nothing_about_this_one() -> None:
    state = told(offered(), facts.Failed(1, digest(1), NO), offered())
    again = adopting(ONE, Phase.VERIFIED, 1, state.errand)

    assert decide(state, see(again, rehearsal=GOOD)) == (Rehearse(1, digest(1), state.errand),)


def test_a_refusal_of_an_earlier_try_says_nothing_about_this_one() -> None:
    state = told(offered(), facts.Failed(1, digest(1), NO), offered())
    late = adopting(ONE, Phase.REFUSED, 1, 1, problem=NO)

    assert decide(state, see(late)) == ()


def test_a_no_in_the_rehearsal_ends_the_release_at_once() -> None:
    seen = see(here(1, Phase.VERIFIED), TWO, rehearsal=Rehearsal(1, None, NO))

    assert the_record(decide(OFFERED, seen)) == facts.Failed(1, digest(1), NO, ME)


@pytest.mark.parametrize("state", [OFFERED, LIVE, RELOAD])
def test_one_worker_that_refuses_ends_the_release(state: State) -> None:
    no = adopting(TWO, Phase.REFUSED, 1, 1, problem=Problem("BaseDiffers", 20, "shop.py differs"))

    fact = the_record(decide(state, see(here(1, Phase.VERIFIED), no)))

    assert fact == facts.Failed(1, digest(1), Problem("BaseDiffers", 20, "shop.py differs"), "2-1")


ACCEPTED = (Phase.VERIFIED, Phase.REHEARSING, Phase.STAGING, Phase.READY, Phase.UNABLE)
EVERY = [None, *Phase]


@pytest.mark.parametrize(("one", "two"), list(itertools.product(EVERY, EVERY)))
def test_it_is_committed_live_exactly_when_every_worker_is_ready_or_unable(
    one: Phase | None, two: Phase | None
) -> None:
    workers = [here(pid, phase) if phase else status(pid) for pid, phase in ((1, one), (2, two))]
    decisions = decide(LIVE, see(*workers))

    if Phase.REFUSED in (one, two):
        assert isinstance(the_record(decisions), facts.Failed)
    elif {one, two} <= {Phase.READY, Phase.UNABLE}:
        how = How.LIVE if Phase.READY in (one, two) else How.RELOAD
        assert the_record(decisions) == committed(how=how)
    else:
        assert decisions == ()


@pytest.mark.parametrize(("one", "two"), list(itertools.product(EVERY, EVERY)))
def test_it_is_committed_for_reload_exactly_when_every_worker_has_accepted(
    one: Phase | None, two: Phase | None
) -> None:
    workers = [here(pid, phase) if phase else status(pid) for pid, phase in ((1, one), (2, two))]
    decisions = decide(RELOAD, see(*workers))

    if Phase.REFUSED in (one, two):
        assert isinstance(the_record(decisions), facts.Failed)
    elif {one, two} <= set(ACCEPTED):
        assert the_record(decisions) == committed(how=How.RELOAD)
    else:
        assert decisions == ()


def test_workers_that_start_or_leave_have_no_vote() -> None:
    starting, leaving = status(2, life=Life.BOOTING), status(3, life=Life.LEAVING)

    seen = see(here(1, Phase.READY), starting, leaving)
    assert the_record(decide(LIVE, seen)) == committed()


def test_nothing_is_decided_without_a_worker_that_serves() -> None:
    nobody = see(status(1, life=Life.LEAVING), status(2, life=Life.BOOTING), rehearsal=GOOD)

    for state in (OFFERED, LIVE, RELOAD, COMMITTED):
        assert decide(state, nobody) == ()


@pytest.mark.parametrize("state", [OFFERED, LIVE])
def test_what_is_not_ready_by_the_deadline_has_failed_and_says_who_was_late(state: State) -> None:
    seen = see(here(1, Phase.READY), TWO)

    assert decide(state, seen, 60.0) == ()
    fact = the_record(decide(state, seen, 60.1))
    assert isinstance(fact, facts.Failed)
    assert "1 worker of 2" in fact.problem.text
    assert "worker 2" in fact.problem.text
    assert wake_in(state, seen, at(59.0)) == 1.0


def test_a_rehearsal_that_does_not_end_is_what_the_deadline_names() -> None:
    fact = the_record(decide(OFFERED, see(here(1, Phase.REHEARSING)), 61))

    assert isinstance(fact, facts.Failed)
    assert "rehearsal had not ended" in fact.problem.text


def test_a_release_in_progress_does_not_outlive_the_machine() -> None:
    fact = the_record(step(OFFERED, see(ONE), at(0.5, "boot-two")))

    assert isinstance(fact, facts.Failed)


# -- after the commit -----------------------------------------------------------------------


def test_it_is_settled_when_every_worker_runs_it() -> None:
    assert decide(COMMITTED, see(status(1, (1,)), TWO)) == ()
    assert decide(COMMITTED, see(status(1, (1,)), status(2, (1,), Life.BOOTING))) == ()

    seen = see(status(1, (1,)), status(2, (1,)), status(3, (), Life.LEAVING))
    assert the_record(decide(COMMITTED, seen, 2.5)) == facts.Settled(1, digest(1), 2, 2.5)


def test_a_worker_that_may_still_do_what_was_said_before_holds_the_end_up() -> None:
    """It has read `committed`, and has not flipped yet when the release is taken back."""
    back = told(facts.RolledBack(1, 0, "totals"), state=COMMITTED)
    late = evolve(adopting(status(2), Phase.READY, 1, errand=1), seq=COMMITTED.seq)
    assert decide(back, see(status(1), late)) == ()
    assert decide(back, see(status(1), evolve(late, seq=back.seq))) != ()
    done = evolve(adopting(status(2), Phase.LIVE, 0, back.errand), seq=COMMITTED.seq)
    assert isinstance(the_record(decide(back, see(status(1), done))), facts.Settled)


def test_another_bundle_of_the_same_version_is_not_the_head() -> None:
    other = evolve(status(1, (1,)), digest="ff" * 32)

    assert decide(COMMITTED, see(other)) == ()


def test_none_is_replaced_while_one_that_was_borrowed_for_another_has_still_to_go() -> None:
    """It would count as the successor, whatever it runs, and no other would be started."""
    unable = see(here(1, Phase.UNABLE), here(2, Phase.UNABLE), here(3, Phase.UNABLE))
    assert decide(COMMITTED, evolve(unable, wanted=2, borrowed=1)) == ()
    gone = see(here(1, Phase.UNABLE), here(2, Phase.UNABLE))
    assert the_record(decide(COMMITTED, gone)) == facts.Replacing("2-1", 2, "it is unable")


def test_a_worker_that_can_not_is_replaced_at_once_and_the_leader_last() -> None:
    seen = see(here(1, Phase.UNABLE), here(2, Phase.UNABLE))
    first = the_record(decide(COMMITTED, seen))
    assert first == facts.Replacing("2-1", 2, "it is unable")

    state = told(first, state=COMMITTED)
    assert decide(state, seen) == (Replace("2-1"),)
    fresh = see(here(1, Phase.UNABLE), here(2, Phase.UNABLE), status(3, (1,)))
    assert decide(state, fresh) == (Replace("2-1"),)
    leaving = see(here(1, Phase.UNABLE), evolve(TWO, life=Life.LEAVING), status(3, (1,)))
    second = the_record(decide(state, leaving))
    assert second == facts.Replaced("2-1")

    state = told(second, state=state)
    gone = see(here(1, Phase.UNABLE), status(3, (1,)))
    assert the_record(decide(state, gone)) == facts.Replacing("1-1", 2, "it is unable")


def test_the_next_worker_waits_until_as_many_serve_as_at_first() -> None:
    state = told(facts.Replacing("2-1", 2), state=COMMITTED)

    assert decide(state, see(here(1, Phase.UNABLE), wanted=2)) == ()
    assert decide(state, see(here(1, Phase.UNABLE), status(3, (1,), Life.BOOTING), wanted=2)) == ()


def test_a_reload_is_over_by_a_look_that_began_after_it_was_asked_for() -> None:
    state = told(facts.Reloading("ann"), tick=5.0)
    new = status(1, started=5.0)

    assert decide(state, see(new, at=at(5.0)), 7.0) == ()
    assert isinstance(the_record(decide(state, see(new, at=at(6.0)), 7.0)), facts.Reloaded)


def test_every_worker_is_replaced_for_a_release_that_goes_in_by_reload() -> None:
    state = told(committed(how=How.RELOAD), state=RELOAD)
    fact = the_record(decide(state, see(here(1, Phase.VERIFIED), here(2, Phase.VERIFIED))))

    assert isinstance(fact, facts.Replacing)
    assert fact.worker == "2-1"


def test_a_worker_that_says_nothing_is_replaced_after_its_time() -> None:
    silent = see(status(1, (1,)), here(2, Phase.READY))

    assert decide(COMMITTED, silent, 30.0) == ()
    fact = the_record(decide(COMMITTED, silent, 30.1))
    assert isinstance(fact, facts.Replacing)
    assert "30 s" in fact.reason


def test_a_worker_that_gets_there_by_itself_is_not_replaced() -> None:
    state = told(facts.Replacing("2-1", 2), state=COMMITTED)

    fact = the_record(decide(state, see(status(1, (1,)), status(2, (1,)))))
    assert isinstance(fact, facts.Replaced)
    assert the_record(
        decide(told(fact, state=state), see(status(1, (1,)), status(2, (1,))))
    ) == facts.Settled(1, digest(1), 2, 1.0)


def test_a_release_whose_new_workers_never_come_is_rolled_back() -> None:
    state = told(facts.Replacing("2-1", 2), state=COMMITTED)
    stuck = see(status(1, (1,)), here(2, Phase.UNABLE))

    assert decide(state, stuck, 120.0) == (Replace("2-1"),)
    assert wake_in(state, stuck, at(100.0)) == 20.0
    fact = the_record(decide(state, stuck, 120.1))
    assert isinstance(fact, facts.RolledBack)
    assert (fact.version, fact.to) == (1, 0)
    assert "120 s" in fact.reason


def test_on_the_way_back_a_replacement_that_takes_too_long_is_begun_anew() -> None:
    state = told(*lived(1), facts.RolledBack(1, 0, ""), facts.Replacing("2-1", 2))
    stuck = see(ONE, adopting(status(2, (1,)), Phase.UNABLE, 0, state.errand))

    fact = the_record(decide(state, stuck, 120.1))
    assert isinstance(fact, facts.Replaced)
    assert isinstance(the_record(decide(told(fact, state=state), stuck, 120.2)), facts.Replacing)


def test_a_worker_that_is_behind_long_after_all_was_settled_is_replaced() -> None:
    seen = see(status(1, (1,)), status(2, started=100.0))

    assert decide(IN_PLACE, seen, 129.0) == ()
    assert isinstance(the_record(decide(IN_PLACE, seen, 131.0)), facts.Replacing)


# -- absorbed, restarted --------------------------------------------------------------------


def test_a_release_that_every_worker_found_on_disk_leaves_the_head() -> None:
    state = told(*lived(1), *lived(2))
    new = [evolve(status(pid, (2,)), absorbs=(1,), absorbs_because="on disk") for pid in (1, 2)]

    assert decide(state, see(new[0], status(2, (1, 2)))) == ()
    fact = the_record(decide(state, see(*new)))
    assert fact == facts.Absorbed((1,), "on disk")
    after = told(fact, state=state)
    assert after.versions == (2,)
    assert after.head[0].below == 0


def test_temporary_releases_end_with_the_master_and_permanent_ones_do_not() -> None:
    state = told(*lived(1), *lived(2, terms=Terms(permanent=False)))

    assert told(facts.Started("9-9"), state=state).versions == (1,)
    both = told(*lived(3), state=state)
    assert told(facts.Started("9-9"), state=both).versions == (1, 2, 3)


def test_a_cumulative_release_replaces_all_before_it() -> None:
    state = told(*lived(1), *lived(2), *lived(3, terms=Terms(cumulative=True)))

    assert state.versions == (3,)
    assert ask(state, 2) == facts.RolledBack(3, 2, "asked for by ann", "r.request")
    assert ask(state) == facts.RolledBack(3, 2, "asked for by ann", "r.request")
    back = told(facts.RolledBack(3, 2, ""), facts.Settled(2, digest(2), 2), state=state)
    assert back.versions == (1, 2)


def test_without_a_cumulative_release_that_crashes_the_service_runs_what_it_replaced() -> None:
    state = told(*lived(1), *lived(2), *lived(3, terms=Terms(cumulative=True)))

    assert told(facts.Quarantined(3, digest(3), "two crashed"), state=state).versions == (1, 2)


# -- the table ------------------------------------------------------------------------------


def test_every_stage_has_rules_and_transitions() -> None:
    assert set(RULES) == set(TRANSITIONS) == set(Stage)


def test_every_stage_but_idle_can_end() -> None:
    for stage in Stage:
        assert Stage.IDLE in TRANSITIONS[stage].values()


def test_no_worker_is_replaced_while_the_master_has_not_said_how_many_there_are_to_be() -> None:
    seen = see(status(1, (1,)), here(2, Phase.UNABLE))
    assert decide(COMMITTED, seen)
    assert not decide(COMMITTED, evolve(seen, wanted=0))
    assert wake_in(COMMITTED, evolve(seen, wanted=0), at(1.0)) <= 1.0


def test_a_worker_that_died_just_now_still_counts_among_those_that_are_to_be() -> None:
    seen = evolve(see(status(1, (1,)), here(2, Phase.UNABLE)), wanted=3)

    fact = the_record(decide(COMMITTED, seen))

    assert isinstance(fact, facts.Replacing)
    assert fact.among == 3

"""A transition past its deadline: named once, then what the release says; and a person who ends it."""

from __future__ import annotations

import math

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.decide import wake_in
from hotpatch_agent.decision.duty import Task, duty
from hotpatch_agent.decision.observe import RequestSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.transition import finish, is_over
from hotpatch_agent.decision.view import View
from hotpatch_agent.home import facts
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Blocker, Phase, Status
from hotpatch_agent.home.terms import Terms

from tests.agent.rounds import (
    committed,
    decide,
    lived,
    offered,
    rehearsed,
    see,
    settled,
    the_record,
)
from tests.agent.samples import adopting, at, status, told

STREAM = Blocker("request", "shop.ticks (shop.py, line 7)", "GET /ticks", 100.0)
ROUNDS = Blocker("thread", "shop.rounds (shop.py, line 12)", "worker-1", 90.0)


def going(**terms: object) -> State:
    """Release 1 is committed, and not in every worker yet."""
    return told(offered(terms=Terms(**terms)), rehearsed(), committed())  # type: ignore[arg-type]


def held(state: State, *blockers: Blocker, since: float = 2.0) -> Status:
    return evolve(adopting(status(2), Phase.HELD, 1, state.errand, since), blockers=blockers)


def lingering(state: State, *blockers: Blocker, version: int = 1, since: float = 2.0) -> Status:
    runs = status(2, (version,) if version else ())
    return evolve(adopting(runs, Phase.LIVE, version, state.errand, since), blockers=blockers)


def test_what_holds_a_worker_up_is_named_once_when_its_time_is_over() -> None:
    state = going()
    seen = see(status(1, (1,)), held(state, STREAM))

    assert decide(state, seen, 17.0) == ()
    assert wake_in(state, seen, at(5.0)) == 12.0
    fact = the_record(decide(state, seen, 17.5))
    assert fact == facts.Blocked(1, "2-1", "reload", 15.0, (STREAM,))
    assert not isinstance(the_record(decide(told(fact, state=state), seen, 17.6)), facts.Blocked)


def test_a_worker_whose_requests_do_not_end_is_replaced_after_its_time() -> None:
    state = told(facts.Blocked(1, "2-1", "reload", 15.0), state=going())

    fact = the_record(decide(state, see(status(1, (1,)), held(state, STREAM)), 17.5))
    assert isinstance(fact, facts.Replacing)
    assert fact.worker == "2-1"
    assert "GET /ticks in shop.ticks (shop.py, line 7)" in fact.reason


def test_a_worker_whose_requests_do_not_end_is_named_and_waited_for_if_the_release_says_so() -> None:
    state = told(facts.Blocked(1, "2-1", "wait", 15.0), state=going(past_hold="wait"))

    assert decide(state, see(status(1, (1,)), held(state, STREAM)), 10_000) == ()


def test_a_release_is_taken_back_everywhere_if_it_says_so() -> None:
    state = going(past_hold="reverse")
    seen = see(status(1, (1,)), held(state, STREAM))

    named = the_record(decide(state, seen, 17.5))
    assert isinstance(named, facts.Blocked)
    fact = the_record(decide(told(named, state=state), seen, 17.5))
    assert isinstance(fact, facts.RolledBack)
    assert (fact.version, fact.to) == (1, 0)
    assert fact.reason == (
        "its requests did not end in worker 2 after 15 s: request GET /ticks in shop.ticks (shop.py, line 7)"
    )


def test_it_is_taken_back_to_what_ran_before_it() -> None:
    state = told(*lived(1), offered(2, Terms(past_hold="reverse")), rehearsed(2), committed(2))
    waits = evolve(adopting(status(2, (1,)), Phase.HELD, 2, state.errand, 2.0))
    state = told(facts.Blocked(2, "2-1", "reverse", 15.0), state=state)

    fact = the_record(decide(state, see(status(1, (1, 2)), waits), 20.0))
    assert isinstance(fact, facts.RolledBack)
    assert fact.to == 1


def test_a_way_back_is_not_reversed_but_finished() -> None:
    state = told(*lived(1, terms=Terms(past_hold="reverse")), facts.RolledBack(1, 0, "bad"))
    waits = evolve(adopting(status(2, (1,)), Phase.HELD, 0, state.errand, 2.0), blockers=(STREAM,))
    seen = see(status(1), waits)

    named = the_record(decide(state, seen, 20.0))
    assert named == facts.Blocked(0, "2-1", "reload", 15.0, (STREAM,))
    fact = the_record(decide(told(named, state=state), seen, 20.0))
    assert isinstance(fact, facts.Replacing)


def test_old_code_that_goes_on_beside_the_new_is_named_after_its_time_and_waited_for() -> None:
    state = told(settled(), state=going())
    seen = see(status(1, (1,)), lingering(state, STREAM, ROUNDS))

    assert decide(state, seen, 302.0) == ()
    assert wake_in(state, seen, at(2.0)) == 300.0
    fact = the_record(decide(state, seen, 302.5))
    assert fact == facts.Blocked(1, "2-1", "wait", 300.0, (STREAM, ROUNDS))
    after = told(fact, state=state)
    assert decide(after, seen, 10_000) == ()
    assert math.isinf(wake_in(after, seen, at(10_000)))


def test_old_code_that_goes_on_takes_the_release_back_if_it_says_so() -> None:
    state = told(settled(), state=going(past_transition="reverse", transition=5.0))
    state = told(facts.Blocked(1, "2-1", "reverse", 5.0), state=state)

    fact = the_record(decide(state, see(status(1, (1,)), lingering(state, ROUNDS)), 8.0))
    assert isinstance(fact, facts.RolledBack)
    assert "thread worker-1 in shop.rounds (shop.py, line 12)" in fact.reason


def test_old_code_that_goes_on_costs_its_worker_the_place_if_the_release_says_so() -> None:
    state = told(settled(), state=going(past_transition="reload", transition=5.0))
    seen = see(status(1, (1,)), lingering(state, ROUNDS))
    state = told(facts.Blocked(1, "2-1", "reload", 5.0), state=state)

    fact = the_record(decide(state, seen, 8.0))
    assert isinstance(fact, facts.Replacing)
    state = told(fact, state=state)
    assert decide(state, seen, 8.1) == (Replace("2-1"),)
    gone = see(status(1, (1,)), status(3, (1,)))
    assert the_record(decide(state, gone, 9.0)) == facts.Replaced("2-1")


def test_a_worker_whose_old_code_ends_meanwhile_is_not_replaced_after_all() -> None:
    state = told(settled(), state=going(past_transition="reload", transition=5.0))
    state = told(facts.Replacing("2-1", 2), state=state)

    fact = the_record(decide(state, see(status(1, (1,)), lingering(state)), 8.0))
    assert fact == facts.Replaced("2-1", "it has reached the head by itself")


def test_a_new_transition_names_its_blockers_anew() -> None:
    state = told(facts.Blocked(1, "2-1", "wait", 15.0), state=going())
    back = told(facts.RolledBack(1, 0, "bad"), state=state)

    assert back.transition is not None
    assert back.transition.blocked == ()
    assert back.transition.back


# -- a person ends it -----------------------------------------------------------------------


def answer(state: State, seen: object, force: bool = False, tick: float = 3.0) -> facts.Fact:
    asked = RequestSeen("f.request", Request("finish", by="ann", reason="now", force=force))
    return finish(View(state, seen, at(tick)), asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("force", [False, True])
def test_a_person_may_end_a_transition_before_its_deadline(force: bool) -> None:
    state = told(settled(), state=going())
    seen = see(status(1, (1,)), lingering(state, STREAM))

    assert answer(state, seen, force) == facts.Finishing(1, "ann", force, "now", "f.request")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "nothing to finish"),
        (told(*lived(1)), "nothing to finish"),
        (told(offered()), "not committed yet"),
        (told(offered(), rehearsed()), "not committed yet"),
    ],
)
def test_where_nothing_runs_old_code_there_is_nothing_to_end(state: State, text: str) -> None:
    fact = answer(state, see(status(1, state.versions), status(2, state.versions)))
    assert isinstance(fact, facts.Refused)
    assert fact.problem.error == "VerbRefused"
    assert text in fact.problem.text


@pytest.mark.parametrize("maker", [held, lingering])
def test_then_what_holds_it_up_is_replaced(maker: object) -> None:
    state = going(past_hold="wait")
    state = state if maker is held else told(settled(), state=state)
    seen = see(status(1, (1,)), maker(state, STREAM))  # type: ignore[operator]
    state = told(facts.Finishing(1, "ann"), state=state)

    fact = the_record(decide(state, seen, 3.0))
    assert fact == facts.Replacing("2-1", 2, "ann ends the transition")
    assert state.forced == ()


def test_by_force_a_held_worker_commits_in_the_middle_of_requests_and_nobody_is_replaced() -> None:
    state = told(facts.Finishing(1, "ann", True), state=going())
    waits = held(state, STREAM)

    due = duty(state, waits)
    assert (due.task, due.force) == (Task.ADOPT, True)
    assert decide(state, see(status(1, (1,)), waits), 1000.0) == ()


def test_by_force_requests_on_old_code_are_left_on_it_no_longer_once_a_worker() -> None:
    state = told(settled(), facts.Finishing(1, "ann", True), state=going())
    one = lingering(state, STREAM)

    assert duty(state, one).task is Task.FORCE
    assert duty(state, evolve(one, forced=state.errand)).task is Task.NOTHING
    assert duty(state, lingering(state)).task is Task.NOTHING


def test_a_release_that_was_forced_bears_a_mark_until_a_new_master_starts() -> None:
    state = told(facts.Finishing(1, "ann", True, "it burns"), settled(), state=going())
    marked = [(mark.version, mark.by, mark.reason) for mark in state.forced]

    assert marked == [(1, "ann", "it burns")]
    later = told(*lived(2), facts.RolledBack(2, 1, ""), state=state)
    assert [(mark.version, mark.by, mark.reason) for mark in later.forced] == marked
    assert told(facts.Started("9-9"), state=state).forced == ()


def test_a_forced_release_is_the_end_of_force() -> None:
    state = told(facts.Finishing(1, "ann", True), settled(), *lived(2), state=going())

    assert state.transition is not None
    assert state.transition.finish is None


def test_it_is_over_when_no_serving_worker_runs_old_code() -> None:
    state = told(settled(), state=going())
    assert not is_over(View(state, see(status(1, (1,)), lingering(state, STREAM)), at(3.0)))
    assert not is_over(View(state, see(status(1, (1,)), status(2)), at(3.0)))
    assert is_over(View(state, see(status(1, (1,)), lingering(state)), at(3.0)))

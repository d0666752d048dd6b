"""Which of two sets of workers waits, who stays, and what the leader does about them: decisions as values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve
from hotpatch_agent.decision import two_sets
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.duty import Task, duty
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Roll, Status
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy import By, Kind, Strategy
from hotpatch_agent.worker.choice import place_on_trial

from tests.agent.rounds import NO, decide, the_record
from tests.agent.samples import adopting, digest, status, told
from tests.agent.test_rolling import looked, offered

SETS = Strategy(Kind.BLUE_GREEN, by=By.WORKERS, keep=90.0)
BEGUN = (
    Began(1, digest(1), SETS, "0001.bundle", by_start=True),
    Moved(1, Event.NEXT, step=0),
    Moved(1, Event.YES),
)
STARTING = facts.Replacing("1-1", 2, "a second set", on=1, others=("2-1",))
OFFERED = offered(SETS, How.RELOAD)
STARTED = told(*BEGUN, STARTING, state=OFFERED)
READY = told(Moved(1, Event.REACHED), state=STARTED)
FLIPPED = told(
    Moved(1, Event.LAST), Moved(1, Event.YES), facts.Committed(1, digest(1), How.RELOAD), state=READY
)
KEPT = told(facts.Settled(1, digest(1), 2, 1.0), Moved(1, Event.REACHED), state=FLIPPED)
BACK = told(Moved(1, Event.ROLLBACK, "no"), facts.RolledBack(1, 0, "no"), state=KEPT)


def old(pid: int, life: Life = Life.SERVING) -> Status:
    return adopting(status(pid, life=life), Phase.VERIFIED, 1, 1)


def new(pid: int, life: Life = Life.WAITING) -> Status:
    return adopting(status(pid, (1,), life, started=5.0), Phase.LIVE, 1, 1)


OLD, NEW = (old(1), old(2)), (new(3), new(4))
OLD_WAIT = (old(1, Life.WAITING), old(2, Life.WAITING))
NEW_SERVE = (new(3, Life.SERVING), new(4, Life.SERVING))


def waits(state: State, which: Status, others: Sequence[Status]) -> bool:
    return two_sets.is_to_wait(state, which, (which, *others))


@pytest.mark.parametrize("life", [Life.BOOTING, Life.SERVING, Life.WAITING])
@pytest.mark.parametrize("state", [STARTED, READY], ids=["started", "ready"])
def test_before_the_flip_a_worker_on_the_release_waits(state: State, life: Life) -> None:
    assert waits(state, new(3, life), OLD)
    assert not waits(state, old(1), NEW)


@pytest.mark.parametrize("state", [FLIPPED, KEPT], ids=["flipped", "kept"])
def test_after_the_flip_the_new_ones_open_first_and_then_the_old_ones_wait(state: State) -> None:
    assert not waits(state, new(3), OLD)
    assert not waits(state, old(1), NEW)
    assert waits(state, old(1), NEW_SERVE)


def test_when_it_is_taken_back_the_old_ones_open_first_and_then_the_new_ones_wait() -> None:
    assert not waits(BACK, old(1, Life.WAITING), NEW_SERVE)
    assert not waits(BACK, new(3, Life.SERVING), OLD_WAIT)
    assert waits(BACK, new(3, Life.SERVING), OLD)


@pytest.mark.parametrize("left", [(), (old(1, Life.LEAVING),), (old(1, Life.BOOTING),), (new(4),)])
@pytest.mark.parametrize("state", [STARTED, READY], ids=["started", "ready"])
def test_nobody_waits_where_nobody_serves(state: State, left: Sequence[Status]) -> None:
    assert not waits(state, new(3), left)


def test_whoever_serves_goes_on_serving_once_the_rollout_has_ended() -> None:
    promoted = told(Moved(1, Event.PROMOTE), state=KEPT)
    assert not waits(promoted, old(1), NEW_SERVE)
    assert waits(promoted, old(1, Life.WAITING), NEW_SERVE)


def test_a_rolling_release_has_nobody_wait() -> None:
    rolling = Began(1, digest(1), Strategy(Kind.ROLLING), "0001.bundle", by_start=True)
    state = told(rolling, Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), state=OFFERED)
    assert not waits(state, new(3, Life.SERVING), OLD)


def test_a_whole_set_is_started_beside_the_other_and_nobody_is_asked_to_go() -> None:
    state = told(*BEGUN, state=OFFERED)
    fact = the_record(decide(state, looked(*OLD)))
    assert isinstance(fact, facts.Replacing)
    assert (fact.among, fact.on, 1 + len(fact.others)) == (2, 1, 2)
    assert decide(STARTED, looked(*OLD, new(3))) == (Replace("1-1", 2, keep=True),)


def test_the_set_is_ready_when_as_many_wait_as_serve() -> None:
    fact = the_record(decide(STARTED, looked(*OLD, *NEW)))
    assert isinstance(fact, Moved) and fact.event is Event.REACHED
    coming = evolve(new(4), life=Life.BOOTING)
    assert not [one for one in decide(STARTED, looked(*OLD, new(3), coming)) if not isinstance(one, Replace)]


def test_the_flip_has_settled_when_those_that_answer_run_the_release() -> None:
    assert not decide(FLIPPED, looked(*OLD, *NEW))
    assert not decide(FLIPPED, looked(old(1), old(2, Life.WAITING), *NEW_SERVE))
    fact = the_record(decide(FLIPPED, looked(*OLD_WAIT, *NEW_SERVE)))
    assert isinstance(fact, facts.Settled) and fact.workers == 2


def test_a_set_that_is_ready_may_stay_so_for_as_long_as_a_person_takes() -> None:
    held = told(Moved(1, Event.PAUSE), state=READY)
    assert decide(held, looked(*OLD, *NEW), tick=500.0) == (Replace("1-1", 2, keep=True),)


def test_the_set_that_is_too_many_goes_when_the_rollout_has_ended() -> None:
    promoted = told(Moved(1, Event.PROMOTE), state=KEPT)
    fact = the_record(decide(promoted, looked(*OLD_WAIT, *NEW_SERVE)))
    assert isinstance(fact, facts.Replaced)
    ended = told(fact, state=promoted)
    assert [one.pid for one in two_sets.staying(ended, (*OLD_WAIT, *NEW_SERVE))] == [3, 4]


def test_those_that_are_gone_back_to_stay_though_they_have_not_opened_yet() -> None:
    assert [one.pid for one in two_sets.staying(BACK, (*OLD_WAIT, *NEW_SERVE))] == [1, 2]


def test_a_worker_that_is_about_to_wait_neither_adopts_nor_is_replaced() -> None:
    assert duty(BACK, NEW_SERVE[0], (*OLD_WAIT, *NEW_SERVE)).task is Task.NOTHING
    assert not decide(BACK, looked(*OLD_WAIT, *NEW_SERVE))


def test_a_release_of_which_nobody_serves_the_old_version_any_more_is_taken_back() -> None:
    fact = the_record(decide(READY, looked(*NEW_SERVE)))
    assert isinstance(fact, Moved) and fact.event is Event.LOST


def test_one_that_waits_for_nothing_any_more_is_replaced_where_it_is_not_too_many() -> None:
    promoted = told(Moved(1, Event.PROMOTE), facts.Replaced("1-1"), state=KEPT)
    fact = the_record(decide(promoted, looked(OLD_WAIT[0], NEW_SERVE[0], wanted=2)))
    assert isinstance(fact, facts.Replacing) and fact.worker == "1-1"
    assert not decide(promoted, looked(*OLD_WAIT, *NEW_SERVE))


def test_a_set_that_is_too_many_goes_one_by_one_for_as_long_as_that_takes() -> None:
    promoted = told(Moved(1, Event.PROMOTE), facts.Replaced("1-1"), state=KEPT)
    assert not decide(promoted, looked(*OLD_WAIT, *NEW_SERVE, wanted=2), tick=500.0)


def test_a_retry_starts_its_second_set_once_it_is_rehearsed_again() -> None:
    failed = told(facts.Failed(1, digest(1), NO), state=STARTED)
    again = facts.Offered(1, digest(1), "", strategy=SETS)
    state = told(Moved(1, Event.RETRY), again, state=failed)
    assert isinstance(the_record(decide(state, looked(status(1), status(2)))), facts.Replaced)


def test_the_replacement_of_one_is_over_though_another_waits_for_its_own() -> None:
    lost = told(Moved(1, Event.LOST, "no"), facts.Replaced("1-1"), state=READY)
    state = told(facts.Replacing("3-1", 2, "taken back"), state=lost)
    fact = the_record(decide(state, looked(status(5), new(4))))
    assert isinstance(fact, facts.Replaced)


def test_places_on_trial_that_are_taken_by_workers_that_wait_are_taken() -> None:
    started = told(*BEGUN, STARTING, state=OFFERED, tick=1.0)
    assert place_on_trial(started, Roll((*OLD, NEW[0]), ())) is not None
    assert place_on_trial(started, Roll((OLD[0], *NEW), ())) is None

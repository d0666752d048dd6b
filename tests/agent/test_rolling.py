"""Where the rollout's machine and the service's own meet, by table."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Append, Replace
from hotpatch_agent.decision.duty import Task, duty
from hotpatch_agent.decision.observe import Observations, RequestSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Life, Phase, Roll, Status, Trial
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.seen import Seen
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy import By, Kind, Step, Strategy, in_two_sets
from hotpatch_agent.worker.choice import place_on_trial

from tests.agent.rounds import ME, NO, decide, lived, rehearsed, see, the_record
from tests.agent.samples import adopting, digest, status, told

CANARY = Strategy(Kind.CANARY, steps=(Step(0.05), Step(0.5)))
ROLLING = Strategy(Kind.ROLLING)
ASKED = Seen(workers=0, reached=False)


def offered(strategy: Strategy, how: How = How.LIVE) -> State:
    fact = facts.Offered(1, digest(1), "0001.bundle", strategy=strategy)
    return told(fact, rehearsed(how=how))


def ready(pid: int, share: float | None = None, window: str = "1.1.0", beside: bool = True) -> Status:
    trial = None if share is None else Trial(window, share)
    return evolve(adopting(status(pid), Phase.READY, 1, 1), beside=beside, trial=trial)


def moving(*events: Moved) -> State:
    began = Began(1, digest(1), CANARY, "0001.bundle")
    return told(began, Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), *events, state=offered(CANARY))


def looked(*alive: Status, **more: object) -> Observations:
    return evolve(see(*alive, **more), rollout=ASKED)


def test_a_plain_push_is_committed_at_once_with_no_record_of_a_rollout() -> None:
    fact = the_record(decide(offered(Strategy()), see(ready(1), ready(2))))
    assert fact == facts.Committed(1, digest(1), How.LIVE)


def test_a_canary_begins_when_every_worker_is_ready() -> None:
    assert isinstance(the_record(decide(offered(CANARY), see(ready(1), ready(2)))), Began)


@pytest.mark.parametrize("kind", [Kind.CANARY, Kind.ROLLING])
def test_what_goes_in_by_reload_is_given_to_whole_workers_by_a_start(kind: Kind) -> None:
    strategy = Strategy(kind, steps=CANARY.steps)
    fact = the_record(decide(offered(strategy, How.RELOAD), see(ready(1), ready(2))))
    assert isinstance(fact, Began) and fact.by_start
    assert kind is Kind.ROLLING or fact.strategy.by is By.WORKERS


def test_what_goes_in_by_reload_is_given_blue_green_to_a_second_set_of_workers() -> None:
    fact = the_record(decide(offered(Strategy(Kind.BLUE_GREEN), How.RELOAD), see(ready(1), ready(2))))
    assert isinstance(fact, Began) and fact.by_start
    assert in_two_sets(fact.strategy)


def test_what_can_not_be_beside_the_old_is_given_to_whole_workers_in_one_step() -> None:
    fact = the_record(decide(offered(CANARY), see(ready(1), ready(2, beside=False))))
    assert isinstance(fact, Began) and not fact.by_start
    assert fact.strategy.by is By.WORKERS


def test_a_canary_of_whole_workers_is_refused_where_there_is_one() -> None:
    fact = the_record(decide(offered(CANARY, How.RELOAD), see(ready(1))))
    assert isinstance(fact, facts.Failed) and "this service has one" in fact.problem.text


def replacing_one(*events: Moved, strategy: Strategy = ROLLING) -> State:
    began = Began(1, digest(1), strategy, "0001.bundle", by_start=True)
    state = offered(strategy, How.RELOAD)
    return told(began, Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), *events, state=state)


def verified(pid: int) -> Status:
    return adopting(status(pid), Phase.VERIFIED, 1, 1)


def started_on_it(pid: int) -> Status:
    window = replacing_one().progress.window  # type: ignore[union-attr]
    return evolve(adopting(status(pid, (1,), started=5.0), Phase.LIVE, 1, 1), trial=Trial(window, 1.0, True))


def test_one_worker_is_replaced_by_one_that_is_started_on_the_release_on_trial() -> None:
    fact = the_record(decide(replacing_one(), looked(verified(1), verified(2))))
    assert isinstance(fact, facts.Replacing)
    assert (fact.worker, fact.among, fact.on) == ("2-1", 2, 1)


def test_the_step_is_reached_when_so_many_run_it_and_the_others_have_begun_to_count() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), facts.Replaced("2-1"), state=replacing_one())
    old = evolve(verified(1), trial=Trial(state.progress.window, 0.0))  # type: ignore[union-attr]
    assert not decide(state, looked(verified(1), started_on_it(3)))
    fact = the_record(decide(state, looked(old, started_on_it(3))))
    assert isinstance(fact, Moved) and fact.event is Event.REACHED


def test_a_worker_on_trial_stays_where_it_is_until_it_is_taken_back() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), facts.Replaced("2-1"), state=replacing_one())
    assert duty(state, started_on_it(3)).task is Task.NOTHING
    going = told(Moved(1, Event.ABORT, "totals"), state=state)
    fact = the_record(decide(going, looked(verified(1), started_on_it(3))))
    assert isinstance(fact, facts.Replacing) and (fact.worker, fact.on) == ("3-1", 0)


def test_a_replacement_that_the_way_back_has_made_needless_is_called_off() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), Moved(1, Event.ABORT, "no"), state=replacing_one())
    fact = the_record(decide(state, looked(verified(1), verified(2))))
    assert isinstance(fact, facts.Replaced) and "taken back" in fact.reason


def test_a_successor_that_is_one_too_many_is_not_replaced_while_it_may_be_on_its_way_out() -> None:
    events = facts.Replacing("2-1", 2, on=1), Moved(1, Event.ABORT, "no"), facts.Replaced("2-1", "taken back")
    state = told(*events, state=replacing_one())
    assert not decide(state, looked(verified(1), verified(2), started_on_it(3), wanted=2))
    fact = the_record(decide(state, looked(verified(1), started_on_it(3))))
    assert isinstance(fact, facts.Replacing) and (fact.worker, fact.on) == ("3-1", 0)


def test_the_way_back_is_not_over_while_a_worker_is_being_started_on_the_release() -> None:
    state = told(Moved(1, Event.ABORT, "no"), state=replacing_one())
    coming = evolve(started_on_it(3), life=Life.BOOTING, trial=None)
    assert not decide(state, looked(verified(1), verified(2), coming))


def test_a_replacement_that_a_retry_has_found_under_way_goes_on_to_its_end() -> None:
    replacing = told(facts.Replacing("2-1", 2, on=1), state=replacing_one())
    called_off = told(facts.Failed(1, digest(1), NO), state=replacing)
    again = facts.Offered(1, digest(1), "", strategy=ROLLING)
    state = told(Moved(1, Event.RETRY), again, state=called_off)
    assert decide(state, looked(status(1), status(2))) == (Replace("2-1"),)

    back = told(Moved(1, Event.ABORT, "no"), state=state)
    fact = the_record(decide(back, looked(status(1), status(2))))
    assert isinstance(fact, facts.Replaced)
    fact = the_record(decide(told(fact, state=back), looked(status(1), status(2))))
    assert isinstance(fact, Moved) and fact.event is Event.REACHED


def test_a_worker_that_was_interrupted_on_its_way_out_of_a_release_begins_again() -> None:
    strategy = evolve(CANARY, by=By.WORKERS)
    began = Began(1, digest(1), strategy, "0001.bundle")
    there = Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), Moved(1, Event.ABORT, "no")
    state = told(began, *there, state=offered(strategy))
    on_its_way = evolve(
        adopting(status(1, (1,)), Phase.COMMITTING, 1, 1), trial=Trial("1.1.0", 1.0, alone=True)
    )
    due = duty(state, on_its_way, (on_its_way, ready(2)))
    assert due.task is Task.TRY and due.trial is not None and not due.trial.alone


def test_a_number_that_shrank_because_a_worker_died_takes_the_release_from_nobody() -> None:
    strategy = evolve(CANARY, by=By.WORKERS, steps=(Step(0.5),))
    state = replacing_one(strategy=strategy)
    assert not decide(state, looked(started_on_it(3), started_on_it(4), verified(1)))


def test_a_worker_that_could_not_start_on_it_takes_the_release_back() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), state=replacing_one())
    crashed = told(facts.Crashed(1, digest(1), "3-1", "never started"), state=state)
    fact = the_record(decide(crashed, looked(verified(1), verified(2))))
    assert isinstance(fact, Moved) and fact.event is Event.LOST
    fell = adopting(status(3), Phase.FELL_BACK, 1, 1, reason="could not start on release 1: no")
    fact = the_record(decide(state, looked(verified(1), verified(2), fell)))
    assert isinstance(fact, Moved) and "could not start on release 1: no" in fact.reason


def test_a_successor_that_never_serves_takes_the_release_back() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), state=replacing_one())
    fact = the_record(decide(state, looked(verified(1), verified(2)), tick=121.0))
    assert isinstance(fact, Moved) and fact.event is Event.LOST


def test_the_place_on_trial_is_for_one_that_is_started_after_the_leader_asked_for_it() -> None:
    state = told(facts.Replacing("2-1", 2, on=1), state=replacing_one(), tick=4.0)
    assert place_on_trial(state, Roll((verified(1), verified(2)), ())) == state.progress
    assert place_on_trial(state, Roll((verified(1), verified(2), started_on_it(3)), ())) is None
    going = told(Moved(1, Event.ABORT, "no"), state=state)
    assert place_on_trial(going, Roll((verified(1), verified(2)), ())) is None
    assert place_on_trial(replacing_one(), Roll((verified(1),), ())) is None


TWO_AT_A_TIME = Strategy(Kind.ROLLING, batch=2)


def test_a_batch_of_two_is_replaced_together_with_the_leader_last() -> None:
    state = replacing_one(strategy=TWO_AT_A_TIME)
    first = the_record(decide(state, looked(*(verified(pid) for pid in (1, 2, 3, 4)))))
    assert first == facts.Replacing("2-1", 4, first.reason, 1, ("3-1",))  # type: ignore[attr-defined]

    state = told(first, state=state)
    everybody = [verified(pid) for pid in (1, 2, 3, 4)]
    assert decide(state, looked(*everybody)) == (Replace("2-1", 2),)
    new = [started_on_it(5), started_on_it(6)]
    assert decide(state, looked(*everybody, *new)) == (Replace("2-1", 2),)
    assert decide(state, looked(verified(1), verified(3), verified(4), *new)) == (Replace("3-1", 1),)
    fact = the_record(decide(state, looked(verified(1), verified(4), *new)))
    assert fact == facts.Replaced("2-1")


def test_a_batch_is_no_larger_than_the_step_lacks() -> None:
    state = replacing_one(strategy=TWO_AT_A_TIME)
    fact = the_record(decide(state, looked(verified(1), verified(2), started_on_it(3))))
    assert isinstance(fact, facts.Replacing) and fact.others == ()


def test_a_batch_comes_back_in_batches_of_the_same_size() -> None:
    going = told(Moved(1, Event.ABORT, "totals"), state=replacing_one(strategy=TWO_AT_A_TIME))
    fact = the_record(decide(going, looked(verified(1), *(started_on_it(pid) for pid in (3, 4, 5)))))
    assert isinstance(fact, facts.Replacing)
    assert (fact.worker, fact.others, fact.on) == ("3-1", ("4-1",), 0)


def test_of_a_batch_that_is_called_off_nobody_goes() -> None:
    state = told(
        facts.Replacing("2-1", 3, on=1, others=("3-1",)),
        Moved(1, Event.ABORT, "no"),
        state=replacing_one(strategy=TWO_AT_A_TIME),
    )
    fact = the_record(decide(state, looked(*(verified(pid) for pid in (1, 2, 3)))))
    assert isinstance(fact, facts.Replaced) and "taken back" in fact.reason


def test_no_other_workers_than_those_of_a_reload_plan_are_replaced_by_the_batch() -> None:
    began = Began(1, digest(1), TWO_AT_A_TIME, "0001.bundle")
    state = told(began, Moved(1, Event.LAST), Moved(1, Event.YES), state=offered(TWO_AT_A_TIME))
    state = told(facts.Committed(1, digest(1), How.LIVE), state=state)
    unable = [adopting(status(pid), Phase.UNABLE, 1, 1, reason="no") for pid in (1, 2, 3)]
    fact = the_record(decide(state, looked(*unable)))
    assert isinstance(fact, facts.Replacing) and fact.others == ()


def test_of_a_batch_as_many_are_started_on_the_release_as_are_replaced() -> None:
    asked = facts.Replacing("2-1", 4, on=1, others=("3-1",))
    state = told(asked, state=replacing_one(strategy=TWO_AT_A_TIME), tick=4.0)
    old = [verified(pid) for pid in (1, 2, 3, 4)]
    assert place_on_trial(state, Roll((*old, started_on_it(5)), ())) == state.progress
    assert place_on_trial(state, Roll((*old, started_on_it(5), started_on_it(6)), ())) is None


def test_a_worker_gives_the_share_that_the_step_asks_for_once() -> None:
    to = duty(moving(), ready(1))
    assert (to.task, to.trial) == (Task.TRY, Trial("1.1.0", 0.05))
    assert duty(moving(), ready(1, 0.05)).task is Task.NOTHING


def test_a_step_is_reached_when_the_last_worker_gives_its_share() -> None:
    assert not decide(moving(), looked(ready(1, 0.05), ready(2)))
    fact = the_record(decide(moving(), looked(ready(1, 0.05), ready(2, 0.05))))
    assert isinstance(fact, Moved) and fact.event is Event.REACHED


def test_no_deadline_of_the_build_ends_a_rollout_that_is_under_way() -> None:
    assert not decide(moving(), looked(ready(1, 0.05), ready(2)), tick=500.0)


def test_what_was_promoted_is_committed_and_what_was_taken_back_has_failed() -> None:
    promoted = moving(Moved(1, Event.PROMOTE_FULL), Moved(1, Event.YES))
    assert isinstance(the_record(decide(promoted, looked(ready(1, 0.05)))), facts.Committed)
    aborted = moving(Moved(1, Event.ABORT, "totals"), Moved(1, Event.REACHED, "all"))
    fact = the_record(decide(aborted, looked(ready(1, 0.0))))
    assert isinstance(fact, facts.Failed) and "totals" in fact.problem.text


def test_a_retry_offers_the_release_again_under_a_new_errand() -> None:
    aborted = moving(Moved(1, Event.ABORT, "totals"), Moved(1, Event.REACHED, "all"))
    over = told(the_record(decide(aborted, looked(ready(1, 0.0)))), state=aborted)
    request = RequestSeen("r.request", Request(Event.RETRY.value, by="ann"))
    again = the_record(decide(over, looked(status(1), spool=(request,))))
    assert isinstance(again, Moved) and again.event is Event.RETRY
    retried = told(again, state=over)
    offer = the_record(decide(retried, looked(status(1), spool=(request,))))
    assert isinstance(offer, facts.Offered) and (offer.version, offer.name) == (1, "")
    assert told(offer, state=retried).errand > over.errand


def test_a_verb_without_a_rollout_is_refused() -> None:
    request = RequestSeen("p.request", Request(Event.PROMOTE.value, by="ann"))
    fact = the_record(decide(State(), evolve(Observations(ME, (status(1),)), spool=(request,))))
    assert isinstance(fact, facts.Refused) and fact.problem.error == "VerbRefused"


def test_the_death_of_a_worker_on_trial_counts_against_the_release() -> None:
    dead = ready(2, 0.05)
    decisions = decide(moving(), looked(ready(1, 0.05), dead=(dead,)))
    assert [one.fact for one in decisions if isinstance(one, Append)] == [
        facts.Crashed(1, digest(1), "2-1", "on trial")
    ]


def test_a_way_back_is_not_over_while_a_worker_may_still_give_what_was_asked_for_before_it() -> None:
    aborting = moving(Moved(1, Event.ABORT, "totals"))
    late = evolve(ready(2), seq=aborting.seq - 1)
    assert decide(aborting, looked(ready(1), late)) == ()
    heard = evolve(late, seq=aborting.seq)
    assert the_record(decide(aborting, looked(ready(1), heard))).event is Event.REACHED


def test_the_way_back_of_a_retry_takes_those_back_that_were_started_before_it() -> None:
    replacing = told(facts.Replacing("2-1", 2, on=1), state=replacing_one())
    called_off = told(facts.Failed(1, digest(1), NO), state=replacing)
    again = facts.Offered(1, digest(1), "", strategy=ROLLING)
    state = told(
        Moved(1, Event.RETRY), again, facts.Replaced("2-1"), Moved(1, Event.ABORT, "no"), state=called_off
    )
    fact = the_record(decide(state, looked(status(1), started_on_it(3))))
    assert isinstance(fact, facts.Replacing) and (fact.worker, fact.on) == ("3-1", 0)


def asked_back(to: int) -> RequestSeen:
    return RequestSeen("b.request", Request("rollback", to, "ann"))


def test_a_rollback_to_what_runs_anyway_takes_the_release_on_trial_back_by_its_rollout() -> None:
    fact = the_record(decide(replacing_one(), looked(verified(1), verified(2), spool=(asked_back(0),))))
    assert isinstance(fact, Moved) and (fact.event, fact.request) == (Event.ROLLBACK, "b.request")


def test_a_rollback_to_another_release_waits_until_the_one_on_trial_has_left_every_worker() -> None:
    strategy = evolve(ROLLING, healthy=1.0)
    offer = facts.Offered(3, digest(3), "0003.bundle", strategy=strategy)
    begun = Began(3, digest(3), strategy, "0003.bundle", by_start=True)
    way = Moved(3, Event.NEXT, step=0), Moved(3, Event.YES)
    heads = *lived(1), *lived(2)
    state = told(*heads, offer, rehearsed(3, How.RELOAD), begun, *way)
    workers = [adopting(status(pid, (1, 2)), Phase.VERIFIED, 3, state.errand) for pid in (1, 2)]
    seen = looked(*workers, spool=(asked_back(1),))

    fact = the_record(decide(state, seen))
    assert isinstance(fact, Moved) and (fact.event, fact.request) == (Event.ROLLBACK, "")
    while not isinstance(fact, facts.RolledBack):
        state = told(fact, state=state)
        fact = the_record(decide(state, seen))
        assert isinstance(fact, Moved | facts.Failed | facts.RolledBack)
    assert (fact.to, fact.request) == (1, "b.request")
    assert state.stage.value == "idle"

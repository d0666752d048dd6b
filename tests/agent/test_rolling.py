"""Where the rollout's machine and the service's own meet, by table."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.decision.acts import Append
from hotpatch_agent.decision.duty import Task, duty
from hotpatch_agent.decision.observe import Observations, RequestSeen
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.spool import Request
from hotpatch_agent.home.status import Phase, Status, Trial
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.seen import Seen
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy import Kind, Step, Strategy

from tests.agent.rounds import ME, decide, rehearsed, see, the_record
from tests.agent.samples import adopting, digest, status, told

CANARY = Strategy(Kind.CANARY, steps=(Step(0.05), Step(0.5)))
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


@pytest.mark.parametrize("kind", [Kind.CANARY, Kind.ROLLING, Kind.BLUE_GREEN])
def test_what_goes_in_by_reload_is_refused_other_strategies(kind: Kind) -> None:
    strategy = Strategy(kind, steps=CANARY.steps)
    fact = the_record(decide(offered(strategy, How.RELOAD), see(ready(1))))
    assert isinstance(fact, facts.Failed) and fact.problem.error == "StrategyInvalid"


def test_what_can_not_be_beside_the_old_is_given_to_no_share() -> None:
    fact = the_record(decide(offered(CANARY), see(ready(1), ready(2, beside=False))))
    assert isinstance(fact, facts.Failed) and "worker 2" in fact.problem.text


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

"""What a worker does for its part follows from the ledger and its own status, and from nothing else."""

from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.decision.duty import NOTHING, Duty, Task, duty
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.trial import reached
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.status import Life, Phase, Status, Trial
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy import Kind, Strategy

from tests.agent.rounds import (
    COMMITTED,
    IN_PLACE,
    LIVE,
    NO,
    OFFERED,
    ONE,
    RELOAD,
    committed,
    here,
    lived,
    rehearsed,
)
from tests.agent.samples import adopting, digest, status, told

VERIFY = Duty(Task.VERIFY, 1, digest(1), 1)
STAGE = Duty(Task.STAGE, 1, digest(1), 1)
ADOPT = Duty(Task.ADOPT, 1, digest(1), 1, (1,))
WITHDRAW = Duty(Task.WITHDRAW, 1, digest(1), 1)
FAILED = told(facts.Failed(1, digest(1), NO), state=OFFERED)


@pytest.mark.parametrize(
    ("state", "worker", "expected"),
    [
        (State(), ONE, NOTHING),
        (OFFERED, ONE, VERIFY),
        (OFFERED, here(1, Phase.VERIFIED), NOTHING),
        (OFFERED, here(1, Phase.REFUSED), NOTHING),
        (OFFERED, here(1, Phase.REHEARSING), NOTHING),
        (LIVE, ONE, VERIFY),
        (LIVE, here(1, Phase.VERIFIED), STAGE),
        (LIVE, here(1, Phase.STAGING), NOTHING),
        (LIVE, here(1, Phase.READY), NOTHING),
        (LIVE, here(1, Phase.UNABLE), NOTHING),
        (RELOAD, here(1, Phase.VERIFIED), NOTHING),
        (COMMITTED, here(1, Phase.READY), ADOPT),
        (COMMITTED, ONE, ADOPT),
        (COMMITTED, here(1, Phase.HELD), ADOPT),
        (COMMITTED, here(1, Phase.UNABLE), NOTHING),
        (COMMITTED, here(1, Phase.FELL_BACK), NOTHING),
        (COMMITTED, adopting(status(1, (1,)), Phase.LIVE, 1, 1), NOTHING),
        (told(committed(how=How.RELOAD), state=RELOAD), here(1, Phase.VERIFIED), NOTHING),
        (IN_PLACE, status(1, (1,)), NOTHING),
        (IN_PLACE, ONE, ADOPT),
        (FAILED, ONE, NOTHING),
        (FAILED, here(1, Phase.READY), WITHDRAW),
        (FAILED, here(1, Phase.REFUSED), WITHDRAW),
        (FAILED, here(1, Phase.REHEARSING), WITHDRAW),
    ],
)
def test_the_duty(state: State, worker: Status, expected: Duty) -> None:
    assert duty(state, worker) == expected


@pytest.mark.parametrize("life", [Life.BOOTING, Life.LEAVING])
@pytest.mark.parametrize("state", [OFFERED, LIVE, COMMITTED, IN_PLACE, FAILED])
def test_a_worker_that_starts_or_leaves_has_none(life: Life, state: State) -> None:
    assert duty(state, evolve(ONE, life=life)) == NOTHING


def test_the_same_release_offered_again_is_verified_again() -> None:
    again = told(facts.Offered(1, digest(1), "again.bundle"), state=FAILED)

    assert duty(again, here(1, Phase.REFUSED)) == evolve(VERIFY, errand=again.errand)


def test_the_way_back_leads_to_the_whole_former_stack() -> None:
    state = told(*lived(1), *lived(2), facts.RolledBack(2, 1, ""))
    worker = adopting(status(1, (1, 2)), Phase.LIVE, 2, 5)

    assert duty(state, worker) == Duty(Task.ADOPT, 1, digest(1), state.errand, (1,))
    home = told(facts.RolledBack(2, 0, ""), state=told(*lived(1), *lived(2)))
    assert duty(home, worker) == Duty(Task.ADOPT, 0, "", home.errand, ())


def test_a_worker_that_has_missed_ten_releases_goes_to_the_head_at_once() -> None:
    history = [fact for version in range(1, 11) for fact in lived(version)]

    assert duty(told(*history), ONE).stack == tuple(range(1, 11))


def test_a_release_that_went_in_by_reload_is_waited_for_until_one_is_replaced() -> None:
    state = told(*lived(1, How.RELOAD), *lived(2))

    assert duty(state, ONE) == NOTHING
    assert duty(state, status(1, (1,))).task is Task.ADOPT


def test_what_its_disk_holds_already_counts_as_run() -> None:
    state = told(*lived(1, How.RELOAD), *lived(2))
    fresh = evolve(status(1, (2,)), absorbs=(1,))

    assert duty(state, fresh) == NOTHING
    assert duty(state, evolve(ONE, absorbs=(1,))).task is Task.ADOPT


def test_a_worker_that_was_started_on_trial_is_no_longer_so_once_the_release_is_in() -> None:
    state = told(*lived(1))
    tried = adopting(evolve(status(2, (1,)), trial=Trial("1.1.1", 1.0, True)), Phase.LIVE, 1, state.errand)

    assert duty(state, tried).task is Task.WITHDRAW
    assert duty(state, evolve(tried, trial=None)).task is Task.NOTHING


@pytest.mark.parametrize("event", [Event.ABORT, Event.SUPERSEDED])
def test_what_a_worker_gives_before_the_first_round_it_gives_up_on_the_way_back(
    event: Event,
) -> None:
    strategy = Strategy(Kind.ROLLING)
    offered = told(facts.Offered(1, digest(1), "0001.bundle", strategy=strategy), rehearsed())
    at_once = Moved(1, Event.NEXT, step=1), Moved(1, Event.PROMOTE_FULL)
    state = told(Began(1, digest(1), strategy, "0001.bundle"), *at_once, state=offered)
    ready = here(1, Phase.READY)
    first = duty(state, ready, (ready,))
    assert first.task is Task.TRY and first.trial is not None and first.trial.share == 1.0
    giving = evolve(ready, trial=first.trial)
    back = told(Moved(1, event), state=state)
    last = duty(back, giving, (giving,))
    assert last.task is Task.TRY and last.trial is not None and not last.trial.share
    given_up = evolve(giving, trial=last.trial, seq=back.seq)
    assert duty(back, given_up, (given_up,)) == NOTHING and reached(back, (given_up,))

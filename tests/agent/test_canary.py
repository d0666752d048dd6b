"""A canary on real gunicorn, under load: begun, promoted, aborted, left to its deadline."""

from __future__ import annotations

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, THREE, TWO
from tests.agent.shop import make as shop
from tests.agent.test_classes import CLASSES, make, version

MANUAL = {"strategy": "canary", "steps": "50%", "manual": "yes"}


@pytest.mark.parametrize("name", CLASSES)
def test_a_manual_canary_stays_until_it_is_promoted(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(files, version(files, "two"), **MANUAL)
            pusher.stands_at(Station.WATCHING)
            load.settle(200)
            shares = {status.trial.share for status in settled(pusher, service, 2) if status.trial}
            during = load.bodies()
            answer = pusher.ask(Event.PROMOTE)
            pusher.stands_at(Station.PROMOTED)
            done = max(answer.began for answer in load.answers)
            load.settle()
    assert load.failed == []
    assert shares == {0.5}
    assert during["two"] > 20 and during["one"] > 20
    assert isinstance(answer, facts.Moved)
    assert load.last_of("one") <= done


@pytest.mark.parametrize("name", CLASSES)
def test_an_aborted_canary_leaves_nobody_on_the_new_version(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            push = pusher.begin(files, version(files, "two"), **MANUAL)
            pusher.stands_at(Station.WATCHING)
            load.settle(100)
            pusher.ask(Event.ABORT)
            pusher.stands_at(Station.ABORTED)
            done = max(answer.began for answer in load.answers)
            load.settle(100)
            failed = wait_until(lambda: pusher.of_kind(facts.Failed), "the release has ended")
            wait_until(lambda: all(one.adoption is None for one in pusher.statuses()), "it is forgotten")
    assert load.failed == []
    assert load.bodies()["two"] > 10
    assert load.last_of("two") <= done
    assert "aborted" in failed[0].problem.text
    assert pusher.answer(push) != failed[0]


def test_after_an_abort_the_next_release_goes_in(pusher: Pusher) -> None:
    with shop(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(APP, TWO, **MANUAL)
            pusher.stands_at(Station.WATCHING)
            pusher.ask(Event.ABORT)
            wait_until(lambda: pusher.of_kind(facts.Failed), "the release has ended")
            end = pusher.push(APP, THREE)
    assert isinstance(end, facts.Settled)
    assert load.failed == []

"""Rollouts that decide by themselves, on real gunicorn under load: to their good end, and back."""

from __future__ import annotations

import os
import signal

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, THREE, TWO, make

FAST = {"strategy": "canary", "steps": "20% 1s..60s,50% 1s..60s"}
BROKEN = {**APP, "shop.py": APP["shop.py"].replace("return VERSION", "raise ValueError(VERSION)")}
TIMED = {
    "app.py": """
from shop import answer

def app(environ, start_response):
    body = answer(environ["PATH_INFO"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
""",
    "shop.py": "import time\n" + APP["shop.py"],
}
"""An answer is timed to its first byte, so what takes time has to come before that."""
SLOW = {
    **TIMED,
    "shop.py": TIMED["shop.py"].replace("return VERSION", "time.sleep(0.02)\n    return VERSION"),
}


def loosen(pusher: Pusher) -> None:
    """Lets an equal release pass after few requests: a test's load is small."""
    text = "[analysis]\nerror_tolerance = 0.3\nslow_tolerance = [0.4, 0.4, 0.4]\n"
    (pusher.home.path / "rollout.toml").write_text(text)


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_a_canary_that_is_no_worse_goes_all_the_way_by_itself(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, threads=1 if worker_class == "sync" else 4) as service:
        settled(pusher, service, 2)
        loosen(pusher)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(APP, TWO, **FAST)
            pusher.stands_at(Station.PROMOTED)
            done = max(answer.began for answer in load.answers)
            load.settle()
    assert load.failed == []
    assert load.last_of("one") <= done


def test_a_canary_whose_new_version_errs_takes_itself_back(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(APP, BROKEN, **FAST)
            progress = pusher.stands_at(Station.ROLLED_BACK)
            done = max(answer.began for answer in load.answers)
            load.settle(100)
            after = [answer for answer in load.answers if answer.began > done]
    assert "error" in progress.reason
    assert load.failed != []
    assert {answer.body for answer in after} == {"one"}
    assert not pusher.of_kind(facts.Committed)


def test_a_canary_whose_new_version_is_slower_takes_itself_back(pusher: Pusher) -> None:
    with make(pusher, files=TIMED) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            load.settle(200)
            pusher.begin(TIMED, SLOW, **FAST)
            progress = pusher.stands_at(Station.ROLLED_BACK)
    assert "median" in progress.reason or "slow" in progress.reason or "p9" in progress.reason
    assert load.failed == []


def test_a_canary_without_traffic_is_held_and_never_promoted_by_itself(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, TWO, strategy="canary", steps="20% 1s..2s")
        progress = pusher.stands_at(Station.HELD)
    assert "inconclusive" in progress.reason


def test_what_nobody_promotes_goes_back_at_its_deadline(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, TWO, strategy="canary", steps="20% 1s..2s", deadline="4s")
        progress = pusher.stands_at(Station.ROLLED_BACK)
    assert "nobody and nothing promoted it" in progress.reason


def test_a_rolling_release_goes_worker_by_worker(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(APP, TWO, strategy="rolling", healthy="1s")
            pusher.stands_at(Station.WATCHING, step=0)
            load.settle(50)
            alone = [one.trial.alone for one in settled(pusher, service, 2) if one.trial]
            pusher.stands_at(Station.PROMOTED)
    assert sorted(alone) == [False, True]
    assert load.failed == []


def test_a_blue_green_release_can_be_taken_back_while_the_old_one_is_kept(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(APP, TWO, strategy="blue-green", keep="60s")
            pusher.stands_at(Station.KEEPING)
            assert service.body() == "two"
            pusher.ask(Event.ROLLBACK)
            pusher.stands_at(Station.ROLLED_BACK)
            assert service.body() == "one"
    assert load.failed == []


def test_a_newer_push_takes_the_place_of_a_canary_if_it_asks_for_that(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(APP, TWO, strategy="canary", steps="50%", manual="yes")
            pusher.stands_at(Station.WATCHING)
            refused = pusher.answer(pusher.begin(APP, THREE))
            name = pusher.begin(APP, THREE, supersede=True)
            assert isinstance(pusher.answer(name), facts.Offered)
            pusher_end = wait_until(lambda: pusher.of_kind(facts.Settled), "the newer one is live")
    assert isinstance(refused, facts.Refused) and refused.problem.error == "Busy"
    assert pusher_end[0].version == 3
    assert load.failed == []


def test_a_canary_outlives_its_leader_and_a_new_worker_joins_it(pusher: Pusher) -> None:
    with make(pusher) as service:
        statuses = settled(pusher, service, 2)
        pusher.begin(APP, TWO, strategy="canary", steps="50%", manual="yes")
        pusher.stands_at(Station.WATCHING)
        leader = statuses[0].pid
        os.kill(leader, signal.SIGTERM)
        wait_until(lambda: leader not in service.workers(), "the leader has gone")

        def all_join() -> bool:
            found = [one.trial.share for one in pusher.statuses() if one.trial is not None]
            return found == [0.5, 0.5]

        wait_until(all_join, "the new worker gives the same share")
        assert {service.body() for _ in range(60)} == {"one", "two"}
        pusher.ask(Event.PROMOTE)
        pusher.stands_at(Station.PROMOTED)
        assert {service.body() for _ in range(20)} == {"two"}

"""A push on real gunicorn, from the spool to every worker."""

from __future__ import annotations

import signal

import psutil
import pytest
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.status import Phase

from hotpatch.release import Check
from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, THREE, TWO, bodies, make, rehearsing, stream

CLASSES = ("sync", "gthread")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_push_reaches_every_worker_and_drops_nothing(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            end = pusher.push(APP, TWO)
            load.settle()
            done = max(answer.began for answer in load.answers)
            load.settle()
    assert isinstance(end, facts.Settled), end
    assert load.failed == []
    assert load.bodies().keys() == {"one", "two"}
    assert load.last_of("one") <= done


def test_after_a_push_every_workers_status_says_what_it_runs(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        for status in settled(pusher, service, 2):
            assert (status.stack, status.phase_for(status.adoption.errand, status.digest)) == (
                (1,),
                Phase.LIVE,
            )
            assert status.undoable == (1,)
            assert status.memory > 0


def test_two_releases_stand_on_each_other_and_are_taken_back_one_by_one(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load() as load:
            pusher.push(APP, TWO)
            pusher.push(TWO, THREE)
            assert service.body() == "three"
            pusher.roll_back()
            assert service.body() == "two"
            pusher.roll_back()
            assert service.body() == "one"
            pusher.roll_back(to=2)
            assert service.body() == "three"
    assert load.failed == []
    assert load.bodies().keys() == {"one", "two", "three"}


def test_a_release_whose_check_says_no_is_refused_and_nothing_changes(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load() as load:
            end = pusher.push(APP, TWO, [Check("page", "http", path="/", contains="three")])
        assert isinstance(end, facts.Failed)
        assert end.problem.error == "CheckFailed"
        assert "lacks 'three'" in end.problem.text
        assert load.bodies().keys() == {"one"}
        assert load.failed == []
        assert isinstance(pusher.push(APP, TWO), facts.Settled), "the next push goes through"


@pytest.mark.parametrize(
    ("body", "error"),
    [("import os; os._exit(0)", "CheckDied"), ("while True: pass", "CheckHung"), ("1 / 0", "CheckFailed")],
)
def test_a_check_that_misbehaves_is_a_refusal_and_costs_no_request(
    pusher: Pusher, body: str, error: str
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        before = service.workers()
        with service.load() as load:
            end = pusher.push(
                APP, TWO, [Check("bad", "python", f"def check():\n    {body}\n")], {"check_seconds": "1"}
            )
        assert isinstance(end, facts.Failed)
        assert end.problem.error == error
        assert (load.bodies().keys(), load.failed) == ({"one"}, [])
        assert service.workers() == before


def test_a_push_that_is_not_for_what_runs_is_refused(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        end = pusher.push(TWO, THREE)
    assert isinstance(end, facts.Refused)
    assert end.problem.error == "BaseDiffers"
    assert "shop" in end.problem.text


def test_a_stream_in_flight_finishes_on_its_code_and_keeps_nobody_waiting(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        with stream(service) as answers:
            assert isinstance(pusher.push(APP, TWO), facts.Settled)
            assert answers == []
            assert set(bodies(service, 10)) == {"two"}
            named = [one.what for status in pusher.statuses() for one in status.blockers]
            assert named == ["GET /long"]
        assert answers == ["one...one"]
        wait_until(lambda: all(not status.blockers for status in pusher.statuses()), "nobody is on old code")
        assert isinstance(pusher.push(TWO, THREE), facts.Settled)


def test_what_a_cache_holds_of_the_old_code_is_forgotten(pusher: Pusher) -> None:
    cached = {
        **APP,
        "shop.py": "import functools\n"
        + APP["shop.py"].replace("def answer", "@functools.lru_cache\ndef answer"),
    }
    later = {**cached, "shop.py": cached["shop.py"].replace("return VERSION", "return 'two'")}
    with make(pusher) as service:
        service.write(cached)
        service.signal(signal.SIGHUP)
        wait_until(lambda: service.text().count("Booting worker") >= 4, "workers with the cache")
        settled(pusher, service, 2)
        assert set(bodies(service, 10)) == {"one"}
        assert isinstance(pusher.push(cached, later), facts.Settled)
        assert set(bodies(service, 10)) == {"two"}
        pusher.roll_back()
        assert set(bodies(service, 10)) == {"one"}


def test_a_killed_leader_is_succeeded_and_the_push_goes_on(pusher: Pusher) -> None:
    check = Check("slow", "python", "import time\ndef check():\n    time.sleep(2)\n")
    with make(pusher, workers=3) as service:
        settled(pusher, service, 3)

        def act() -> None:
            spool.offer(pusher.home.spool, pusher.bundle(APP, TWO, [check]))
            leader = wait_until(lambda: rehearsing(pusher), "a worker rehearses")
            service.signal(signal.SIGKILL, leader)

        end = pusher.await_end(act)
        assert isinstance(end, facts.Settled), end
        assert set(bodies(service, 30)) == {"two"}


def test_a_worker_that_is_killed_is_succeeded_by_one_on_the_head(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO, settings={"probation": "0"})
        old = service.workers()[0]
        service.signal(signal.SIGKILL, old)
        wait_until(lambda: old not in service.workers(), "it has gone")
        found = settled(pusher, service, 2)
        assert [status.stack for status in found] == [(1,), (1,)]
        assert set(bodies(service, 30)) == {"two"}


def test_a_hup_brings_workers_that_start_on_the_head(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        old = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: len(service.workers()) == 2 and not old & set(service.workers()), "new workers")
        settled(pusher, service, 2)
        assert set(bodies(service, 30)) == {"two"}


def test_workers_recycled_by_max_requests_start_on_the_head(pusher: Pusher) -> None:
    with make(pusher, max_requests=20) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        assert set(bodies(service, 120)) == {"two"}
        assert service.text().count("Autorestarting") >= 2


def test_more_workers_start_on_the_head_and_fewer_leave_no_trace(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        pusher.push(APP, TWO)
        service.signal(signal.SIGTTIN)
        assert [status.stack for status in settled(pusher, service, 2)] == [(1,), (1,)]
        service.signal(signal.SIGTTOU)
        settled(pusher, service, 1)
        wait_until(lambda: len(list(pusher.home.workers.iterdir())) == 2, "its files are gone")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_with_preload_a_new_worker_catches_up_before_its_first_request(
    pusher: Pusher, worker_class: str
) -> None:
    with make(pusher, worker_class, preload_app=True) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        assert set(bodies(service, 20)) == {"two"}
        old = service.workers()[0]
        service.signal(signal.SIGTERM, old)
        wait_until(lambda: old not in service.workers(), "it has gone")
        found = settled(pusher, service, 2)
        assert [status.stack for status in found] == [(1,), (1,)]
        assert set(bodies(service, 30)) == {"two"}


def test_a_deployment_of_the_same_sources_absorbs_the_release(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        service.write({"shop.py": TWO["shop.py"]})
        service.signal(signal.SIGHUP)
        wait_until(lambda: pusher.of_kind(facts.Absorbed), "the release is absorbed")
        assert set(bodies(service, 20)) == {"two"}
        assert all(status.stack == () for status in settled(pusher, service, 2))
        assert isinstance(pusher.push(TWO, THREE), facts.Settled)


def test_a_deployment_of_something_else_is_served_and_said(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        service.write({"shop.py": THREE["shop.py"]})
        service.signal(signal.SIGHUP)
        wait_until(lambda: pusher.of_kind(facts.Absorbed), "the release leaves the head")
        assert set(bodies(service, 20)) == {"three"}
        assert "neither the base of release 1" in service.text()


# -- what the tests above say in a word --------------------------------------------------------


def test_what_has_no_parallel_form_goes_in_at_a_moment_without_requests(pusher: Pusher) -> None:
    with make(pusher, files=BOX) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            end = pusher.push(BOX, IN_ONE_STEP)
            assert isinstance(end, facts.Settled)
            assert set(bodies(service, 10)) == {"two"}
            assert isinstance(pusher.roll_back(), facts.Settled)
            assert set(bodies(service, 10)) == {"one"}
        assert load.failed == []
        assert not pusher.of_kind(facts.Replacing)


def test_back_and_forward_again_while_a_stream_goes_on_replaces_nobody(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        with stream(service) as answers:
            pusher.push(APP, TWO)
            pusher.roll_back()
            assert set(bodies(service, 5)) == {"one"}
            pusher.roll_back(to=1)
            assert set(bodies(service, 5)) == {"two"}
            pusher.roll_back()
            assert set(bodies(service, 5)) == {"one"}
            assert answers == []
        assert answers == ["one...one"]
        assert not pusher.of_kind(facts.Replacing)
        assert isinstance(pusher.push(APP, THREE), facts.Settled)
        assert set(bodies(service, 5)) == {"three"}


def test_a_release_called_off_while_it_is_rehearsed_ends_its_rehearsal(pusher: Pusher) -> None:
    check = Check("long", "python", "import time\ndef check():\n    time.sleep(1000)\n")
    bundle = pusher.bundle(APP, TWO, [check], {"check_seconds": "1000", "deadline": "1000"})
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.offer(bundle)
        leader = wait_until(lambda: rehearsing(pusher), "a worker rehearses")
        end = pusher.await_end(lambda: spool.ask(pusher.home.spool, spool.Request("rollback")))
        assert isinstance(end, facts.Failed)
        wait_until(lambda: not psutil.Process(leader).children(), "the child has gone")
        assert isinstance(pusher.push(APP, THREE), facts.Settled)
        assert set(bodies(service, 5)) == {"three"}

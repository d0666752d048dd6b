"""Releases that can't be beside the old version, given to whole workers: on real gunicorn under load."""

from __future__ import annotations

import signal

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.headcount import Headcount
from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, RELOAD, bodies, make

THREADS = {"sync": 1, "gthread": 4}
ROLLING = {"strategy": "rolling", "healthy": "0.5s"}
BY_HAND = {"strategy": "canary", "steps": "50%", "manual": "yes"}
CASES = {"by start": (APP, RELOAD, "reloaded"), "in one step": (BOX, IN_ONE_STEP, "two")}
"""Sources before and after, and what the new ones answer."""
KINDS = pytest.mark.parametrize("kind", CASES)


def on_new(pusher: Pusher) -> list[int]:
    """The pids of the workers that give the release to everybody."""
    return [one.pid for one in pusher.statuses() if one.trial is not None and one.trial.alone]


def nobody_gives_it(pusher: Pusher) -> bool:
    return not any(one.stack or one.trial for one in pusher.statuses())


@KINDS
@pytest.mark.parametrize("worker_class", THREADS)
def test_rolling_goes_worker_by_worker_to_its_end(pusher: Pusher, worker_class: str, kind: str) -> None:
    old, new, says = CASES[kind]
    with make(pusher, worker_class, files=old, threads=THREADS[worker_class]) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(old, new, **{**ROLLING, "healthy": "4s"})
            pusher.stands_at(Station.WATCHING, step=0)
            first = on_new(pusher)
            pusher.stands_at(Station.PROMOTED)
            settled(pusher, service, 2)
            done = max(answer.began for answer in load.answers)
            load.settle(100)
    assert len(first) == 1
    assert load.failed == []
    assert load.last_of("one") <= done
    (committed,) = pusher.of_kind(facts.Committed)
    assert committed.how is (How.RELOAD if kind == "by start" else How.LIVE)
    assert len(pusher.of_kind(facts.Replacing)) == (2 if kind == "by start" else 0)
    assert load.bodies()[says] > 50


@KINDS
def test_a_canary_that_is_aborted_leaves_nobody_on_the_new_version(pusher: Pusher, kind: str) -> None:
    old, new, says = CASES[kind]
    with make(pusher, files=old) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(old, new, **BY_HAND)
            progress = pusher.stands_at(Station.WATCHING)
            assert len(on_new(pusher)) == 1
            # Clients that keep their connection may all be with one version; new ones find both.
            wait_until(lambda: {says, "one"} <= set(bodies(service, 20)), "both answer")
            pusher.ask(Event.ABORT)
            pusher.stands_at(Station.ABORTED)
            done = max(answer.began for answer in load.answers)
            load.settle(50)
            wait_until(lambda: nobody_gives_it(pusher), "it is forgotten")
            settled(pusher, service, 2)
    assert progress.by_start is (kind == "by start")
    assert load.failed == []
    assert load.last_of(says) <= done
    assert not pusher.of_kind(facts.Committed)


@KINDS
def test_a_canary_that_is_promoted_ends_everywhere(pusher: Pusher, kind: str) -> None:
    old, new, _ = CASES[kind]
    with make(pusher, files=old) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(old, new, **BY_HAND)
            pusher.stands_at(Station.WATCHING)
            pusher.ask(Event.PROMOTE)
            pusher.stands_at(Station.PROMOTED)
            load.settle()
            done = max(answer.began for answer in load.answers)
            load.settle(50)
    assert load.failed == []
    assert load.last_of("one") <= done


def test_blue_green_in_one_step_flips_everywhere_and_can_go_back(pusher: Pusher) -> None:
    with make(pusher, files=BOX) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            pusher.begin(BOX, IN_ONE_STEP, strategy="blue-green", keep="90s")
            pusher.stands_at(Station.KEEPING)
            assert set(bodies(service, 20)) == {"two"}
            pusher.ask(Event.ROLLBACK)
            pusher.stands_at(Station.ROLLED_BACK)
            assert set(bodies(service, 20)) == {"one"}
    assert load.failed == []


def test_the_leader_killed_while_a_worker_is_replaced_on_trial_is_succeeded(pusher: Pusher) -> None:
    with make(pusher, workers=3) as service:
        settled(pusher, service, 3)
        pusher.begin(APP, RELOAD, strategy="canary", by="workers", steps="67%", manual="yes")
        wait_until(lambda: pusher.of_kind(facts.Replacing), "a worker is being replaced")
        service.signal(signal.SIGKILL, int(pusher.history()[-1].who.partition("-")[0]))
        pusher.stands_at(Station.WATCHING)
        settled(pusher, service, 3)
        wait_until(lambda: len(on_new(pusher)) == 2, "two workers run it")
        pusher.ask(Event.ABORT)
        pusher.stands_at(Station.ABORTED)
        wait_until(lambda: nobody_gives_it(pusher), "it is forgotten")
        settled(pusher, service, 3)
        assert set(bodies(service, 20)) == {"one"}


def broken(files: dict[str, str], once: str = "") -> dict[str, str]:
    """The same release, whose answers fail; with `once`, from when there is a file of that name."""
    shop = files["shop.py"]
    at = shop.rindex("    return ")
    fails = "    raise ValueError(path)\n"
    if once:
        fails = f"    if os.path.exists({once!r}):\n    {fails}"
    return {**files, "shop.py": shop[:at] + fails + shop[at:]}


@KINDS
def test_a_rolling_release_whose_new_version_errs_takes_itself_back(pusher: Pusher, kind: str) -> None:
    old, new, _ = CASES[kind]
    # Of sync workers each request is a new connection, so that no client stays with the old version.
    with make(pusher, "sync", files=old, threads=1) as service:
        settled(pusher, service, 2)
        with service.load(clients=4, pause=0.002) as load:
            load.settle(100)
            pusher.begin(old, broken(new), strategy="rolling", healthy="60s")
            progress = pusher.stands_at(Station.ROLLED_BACK)
            done = max(answer.began for answer in load.answers)
            load.settle(100)
            after = {answer.body for answer in load.answers if answer.began > done}
            wait_until(lambda: nobody_gives_it(pusher), "it is forgotten")
    assert "error" in progress.reason
    assert after == {"one"}
    assert not pusher.of_kind(facts.Committed)


def test_a_worker_that_can_not_start_on_it_takes_the_release_back(pusher: Pusher) -> None:
    """It starts in the clean process that proves it, and in a worker it does not."""
    stops = "import os, sys\n\nif 'gunicorn' in sys.argv[0]:\n    raise OSError('no')\n"
    new = {**RELOAD, "shop.py": RELOAD["shop.py"].replace("import os\n", stops)}
    with make(pusher) as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.begin(APP, new, **ROLLING)
            progress = pusher.stands_at(Station.ROLLED_BACK)
            settled(pusher, service, 2)
    assert "could not start" in progress.reason
    assert load.failed == []
    assert load.bodies().keys() == {"one"}


def test_a_share_of_requests_becomes_one_of_workers_and_says_so(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, RELOAD, strategy="canary", steps="50%", key="cookie:session", manual="yes")
        progress = pusher.stands_at(Station.WATCHING)
    assert (progress.strategy.by.value, progress.strategy.key) == ("workers", "")


def test_what_needs_both_versions_in_a_worker_is_refused(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, RELOAD, strategy="canary", match="header:X-Tester=yes")
        (failed,) = wait_until(lambda: pusher.of_kind(facts.Failed), "it is refused")
    assert failed.problem.error == "StrategyInvalid"
    assert "it goes in by reload" in failed.problem.text and "--strategy rolling" in failed.problem.text


def test_a_canary_of_whole_workers_needs_two(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        pusher.begin(APP, RELOAD, **BY_HAND)
        (failed,) = wait_until(lambda: pusher.of_kind(facts.Failed), "it is refused")
    assert "this service has one" in failed.problem.text


TWO_AT_A_TIME = {"strategy": "rolling", "healthy": "0.5s", "batch": "2"}


def batches(pusher: Pusher) -> list[int]:
    """How many workers were replaced together, each time."""
    return [len(fact.others) + 1 for fact in pusher.of_kind(facts.Replacing)]


def reloaded_in_batches(pusher: Pusher, worker_class: str, workers: int) -> set[int]:
    """It goes to its end under load; gives the numbers of workers that there were on the way."""
    with make(pusher, worker_class, workers=workers) as service:
        settled(pusher, service, workers)
        old = set(service.workers())
        with service.load(clients=4, pause=0.002) as load, Headcount(service) as headcount:
            pusher.begin(APP, RELOAD, **TWO_AT_A_TIME)
            pusher.stands_at(Station.PROMOTED)
            load.settle(50)
        settled(pusher, service, workers)
        assert not old & set(service.workers())
        assert set(bodies(service, 20)) == {"reloaded"}
    assert load.failed == []
    return headcount.seen


@pytest.mark.parametrize("worker_class", THREADS)
def test_a_rolling_reload_replaces_as_many_at_a_time_as_the_batch_says(
    pusher: Pusher, worker_class: str
) -> None:
    seen = reloaded_in_batches(pusher, worker_class, workers=4)
    assert batches(pusher) == [2, 2]
    assert min(seen) >= 4 and max(seen) == 6


def test_a_rolling_reload_in_batches_that_errs_takes_itself_back_in_batches(pusher: Pusher) -> None:
    with make(pusher, "sync", workers=4, threads=1) as service:
        settled(pusher, service, 4)
        with service.load(clients=4, pause=0.002) as load, Headcount(service) as headcount:
            # One that errs at once may be taken back while its first batch is still being started.
            pusher.begin(APP, broken(RELOAD, once="errs"), **{**TWO_AT_A_TIME, "healthy": "60s"})
            pusher.stands_at(Station.WATCHING, step=0)
            load.settle(100)
            (service.root / "errs").touch()
            progress = pusher.stands_at(Station.ROLLED_BACK)
            settled(pusher, service, 4)
            done = max(answer.began for answer in load.answers)
            load.settle(50)
            wait_until(lambda: nobody_gives_it(pusher), "it is forgotten")
    assert "error" in progress.reason
    assert {answer.body for answer in load.answers if answer.began > done} == {"one"}
    assert batches(pusher) == [2, 2]
    assert min(headcount.seen) >= 4 and max(headcount.seen) == 6


def test_the_leader_killed_while_a_batch_is_replaced_is_succeeded(pusher: Pusher) -> None:
    with make(pusher, workers=4) as service:
        settled(pusher, service, 4)
        pusher.begin(APP, RELOAD, **TWO_AT_A_TIME, bundle={"settings": {"probation": "0"}})
        wait_until(lambda: pusher.of_kind(facts.Replacing), "two workers are being replaced")
        service.signal(signal.SIGKILL, int(pusher.history()[-1].who.partition("-")[0]))
        pusher.stands_at(Station.PROMOTED)
        settled(pusher, service, 4)
        assert set(bodies(service, 20)) == {"reloaded"}


def test_a_batch_that_is_aborted_while_it_starts_leaves_the_old_workers_and_none_too_many(
    pusher: Pusher,
) -> None:
    with make(pusher, workers=4) as service:
        settled(pusher, service, 4)
        old = set(service.workers())
        with service.load(clients=4) as load:
            pusher.begin(APP, RELOAD, **TWO_AT_A_TIME)
            wait_until(lambda: len(service.workers()) > 4, "a successor is being started")
            pusher.ask(Event.ABORT)
            pusher.stands_at(Station.ABORTED)
            wait_until(lambda: len(service.workers()) == 4, "the successors have gone")
            settled(pusher, service, 4)
            wait_until(lambda: nobody_gives_it(pusher), "it is forgotten")
        assert len(old & set(service.workers())) >= 2
        assert set(bodies(service, 20)) == {"one"}
    assert load.failed == []


def test_a_batch_of_all_workers_starts_them_all_before_an_old_one_goes(pusher: Pusher) -> None:
    seen = reloaded_in_batches(pusher, "gthread", workers=2)
    assert batches(pusher) == [2]
    assert min(seen) >= 2 and max(seen) == 4

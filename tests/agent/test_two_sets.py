"""Blue-green of a release that goes in by reload, on real gunicorn: a second set waits, answers, and goes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from attrs import frozen
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Life
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.gates import doors
from tests.agent.headcount import Headcount
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Load, Service, wait_until
from tests.agent.shop import APP, RELOAD, bodies, stream
from tests.agent.shop import make as shop
from tests.agent.test_checks import describe
from tests.agent.test_classes import CLASSES, make, reloading
from tests.rollout.servers import serving

BLUE_GREEN = {"strategy": "blue-green", "keep": "90s"}
BY_HAND = {**BLUE_GREEN, "manual": "yes"}
EVERY_CLASS = pytest.mark.parametrize("name", CLASSES)
SOME = pytest.mark.parametrize("name", ["gthread", "asgi"])


def in_life(pusher: Pusher, life: Life) -> set[int]:
    return {one.pid for one in pusher.statuses() if one.life is life}


def two_up(pusher: Pusher, workers: int = 2) -> tuple[set[int], set[int]]:
    """Waits until one set serves and the other waits; the pids of both."""

    def both() -> bool:
        return len(in_life(pusher, Life.SERVING)) == len(in_life(pusher, Life.WAITING)) == workers

    wait_until(both, "one set serves and the other waits")
    return in_life(pusher, Life.SERVING), in_life(pusher, Life.WAITING)


def alone(pusher: Pusher, service: Service, workers: int = 2) -> set[int]:
    """Waits until there is one set and nobody else; its pids."""
    wait_until(lambda: len(service.workers()) == len(pusher.statuses()) == workers, "one set is left")
    return {one.pid for one in settled(pusher, service, workers)}


def answered_since(load: Load, moment: float) -> set[str]:
    load.settle(60)
    return {answer.body for answer in list(load.answers) if answer.began > moment}


def now(load: Load) -> float:
    return max(answer.began for answer in list(load.answers))


@frozen
class Sets:
    """A service to which such a release was pushed, under load."""

    service: Service
    load: Load
    old: set[int]
    """The pids of the workers that were there before."""


@contextmanager
def pushed(
    pusher: Pusher,
    name: str = "gthread",
    *at: Station,
    workers: int = 2,
    top: str = "",
    **strategy: str,
) -> Iterator[Sets]:
    """The rollout stands at one of these stations, held if none is named; `top` is put before the sources."""
    service, files = make(pusher, name, workers=workers)
    new = reloading(files)
    with service:
        old = {one.pid for one in settled(pusher, service, workers)}
        with service.load(clients=4) as load:
            pusher.begin(files, {**new, "shop.py": top + new["shop.py"]}, **{**BY_HAND, **strategy})
            pusher.stands_at(*at or (Station.HELD,))
            yield Sets(service, load, old)


def promote(pusher: Pusher, *to: Station) -> None:
    pusher.ask(Event.PROMOTE)
    pusher.stands_at(*to)


@EVERY_CLASS
def test_the_new_set_answers_nobody_before_the_flip_and_everybody_after_it(pusher: Pusher, name: str) -> None:
    with pushed(pusher, name) as sets:
        service, load, old = sets.service, sets.load, sets.old
        serving, new = two_up(pusher)
        assert serving == old
        load.settle(60)
        assert load.bodies().keys() == {"one"}
        promote(pusher, Station.KEEPING)
        assert two_up(pusher) == (new, old)
        assert set(bodies(service, 20)) == {"reloaded"}
        load.settle(60)
        flipped = now(load)
        assert answered_since(load, flipped) == {"reloaded"}
        promote(pusher, Station.PROMOTED)
        assert alone(pusher, service) == new
        load.settle()
    assert load.failed == []


@EVERY_CLASS
def test_the_old_set_answers_again_at_once_when_the_flip_is_taken_back(pusher: Pusher, name: str) -> None:
    with pushed(pusher, name, Station.KEEPING, manual="no") as sets:
        two_up(pusher)
        wait_until(lambda: "reloaded" in sets.load.bodies(), "clients have come to the new set")
        pusher.ask(Event.ROLLBACK)
        pusher.stands_at(Station.ROLLED_BACK)
        assert set(bodies(sets.service, 20)) == {"one"}
        assert alone(pusher, sets.service) == sets.old
        sets.load.settle(60)
        assert answered_since(sets.load, now(sets.load)) == {"one"}
    assert sets.load.failed == []
    assert {"one", "reloaded"} == sets.load.bodies().keys()


@SOME
def test_the_old_set_goes_by_itself_when_it_was_kept_for_its_time(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name, workers=3)
    with service:
        old = {one.pid for one in settled(pusher, service, 3)}
        with service.load(clients=4) as load, Headcount(service) as headcount:
            pusher.begin(files, reloading(files), **{**BLUE_GREEN, "keep": "0.5s"})
            pusher.stands_at(Station.PROMOTED)
            assert not alone(pusher, service, 3) & old
            load.settle()
        assert load.failed == []
        assert min(headcount.seen) >= 3 and max(headcount.seen) == 6
    (committed,) = pusher.of_kind(facts.Committed)
    assert committed.how is facts.How.RELOAD


@SOME
def test_a_second_set_that_is_called_off_before_the_flip_has_answered_nobody(
    pusher: Pusher, name: str
) -> None:
    with pushed(pusher, name) as sets:
        two_up(pusher)
        pusher.ask(Event.ABORT)
        pusher.stands_at(Station.ABORTED)
        assert alone(pusher, sets.service) == sets.old
    assert sets.load.failed == []
    assert sets.load.bodies().keys() == {"one"}
    assert not pusher.of_kind(facts.Committed)


def test_a_second_set_that_can_not_start_is_taken_back(pusher: Pusher) -> None:
    stops = "import os, sys\n\nif 'gunicorn' in sys.argv[0]:\n    raise OSError('no')\n"
    with pushed(pusher, "gthread", Station.ROLLED_BACK, top=stops) as sets:
        assert alone(pusher, sets.service) == sets.old
    assert sets.load.failed == []
    assert sets.load.bodies().keys() == {"one"}
    progress = pusher.progress()
    assert progress is not None and "start" in progress.reason


@pytest.mark.parametrize("phase", ["started", "ready", "kept"])
def test_a_leader_that_is_killed_is_succeeded_and_the_sets_go_on(pusher: Pusher, phase: str) -> None:
    begun = (Station.OPENING, Station.MOVING, Station.WATCHING, Station.HELD)
    with pushed(pusher, "gthread", *(begun if phase == "started" else ())) as sets:
        if phase == "started":
            wait_until(lambda: pusher.of_kind(facts.Replacing), "the second set is being started")
            kill_leader(pusher, sets.service)
            pusher.stands_at(Station.HELD)
        if phase == "ready":
            kill_leader(pusher, sets.service)
        promote(pusher, Station.KEEPING)
        if phase == "kept":
            kill_leader(pusher, sets.service)
        promote(pusher, Station.PROMOTED)
        alone(pusher, sets.service)
        assert set(bodies(sets.service, 20)) == {"reloaded"}


def kill_leader(pusher: Pusher, service: Service) -> None:
    service.signal(signal.SIGKILL, int(pusher.history()[-1].who.partition("-")[0]))


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_worker_that_waits_and_dies_is_no_loss(pusher: Pusher, which: str) -> None:
    with pushed(pusher) as sets:
        waiting = two_up(pusher)[1]
        if which == "old":
            promote(pusher, Station.KEEPING)
            waiting = two_up(pusher)[1]
        sets.service.signal(signal.SIGKILL, waiting.pop())
        wait_until(lambda: len(sets.service.workers()) == 4, "another is started in its place")
        promote(pusher, Station.KEEPING, Station.PROMOTED)
        promote(pusher, Station.PROMOTED)
        alone(pusher, sets.service)
        assert set(bodies(sets.service, 20)) == {"reloaded"}
    assert sets.load.failed == []


@pytest.mark.parametrize("flipped", [False, True], ids=["before the flip", "after it"])
def test_a_hup_in_between_leaves_nobody_unanswered(pusher: Pusher, flipped: bool) -> None:
    with pushed(pusher) as sets:
        service = sets.service
        two_up(pusher)
        if flipped:
            promote(pusher, Station.KEEPING)
        before = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: not before & set(service.workers()), "the old workers have gone")
        sets.load.settle(100)
        # Before the flip both sets are started anew; if none but new ones were left, it goes back by itself.
        pusher.ask(Event.PROMOTE if flipped else Event.ABORT)
        pusher.stands_at(*((Station.PROMOTED,) if flipped else (Station.ABORTED, Station.ROLLED_BACK)))
        alone(pusher, service)
        assert set(bodies(service, 20)) == {"reloaded" if flipped else "one"}
    assert sets.load.failed == []


def test_a_stream_goes_on_in_the_set_that_waits(pusher: Pusher) -> None:
    with shop(pusher, files=APP) as service:
        settled(pusher, service, 2)
        with stream(service) as answers:
            pusher.begin(APP, RELOAD, **BLUE_GREEN)
            pusher.stands_at(Station.KEEPING)
            two_up(pusher)
            assert set(bodies(service, 20)) == {"reloaded"}
        assert answers == ["one...one"]
        promote(pusher, Station.PROMOTED)
        alone(pusher, service)


def test_a_check_that_says_no_after_the_flip_has_the_old_set_answer_again(pusher: Pusher) -> None:
    with shop(pusher, files=APP) as service, serving() as site:
        old = {one.pid for one in settled(pusher, service, 2)}
        describe(pusher, "http", site.url, critical=True)
        pusher.begin(APP, RELOAD, **BLUE_GREEN)
        pusher.stands_at(Station.KEEPING)
        two_up(pusher)
        site.status = 500
        progress = pusher.stands_at(Station.ROLLED_BACK)
        assert alone(pusher, service) == old
        assert set(bodies(service, 20)) == {"one"}
    assert progress.reason.startswith("check orders: ")


def test_a_gate_that_says_no_leaves_both_sets_where_they_are(pusher: Pusher) -> None:
    with shop(pusher, files=APP) as service, doors(pusher) as gates:
        settled(pusher, service, 2)
        gates.no.add("promotion")
        pusher.begin(APP, RELOAD, **BLUE_GREEN)
        pusher.stands_at(Station.HELD)
        two_up(pusher)
        assert set(bodies(service, 20)) == {"one"}
        gates.no.clear()
        pusher.ask(Event.RESUME)
        pusher.stands_at(Station.KEEPING)
        two_up(pusher)
        assert set(bodies(service, 20)) == {"reloaded"}

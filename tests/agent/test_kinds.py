"""Releases that stay, that end with their master, and that replace all before them, on real services."""

from __future__ import annotations

import signal

from hotpatch_agent.home import facts, spool

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, alive, wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, THREE, TWO, bodies, make, stream


def lived(pusher: Pusher, old: dict[str, str], new: dict[str, str], **settings: str) -> None:
    end = pusher.push(old, new, settings=settings)
    assert isinstance(end, facts.Settled), end


def stacks(pusher: Pusher, service: Service) -> set[tuple[int, ...]]:
    return {status.stack for status in settled(pusher, service, 2)}


def start_again(service: Service) -> None:
    """The master ends, and another is started."""
    was = service.workers()
    service.signal(signal.SIGTERM)
    wait_until(lambda: service.ended is not None, "the master has ended")
    wait_until(lambda: not any(alive(pid) for pid in was), "its workers have ended")
    service.log.rename(service.log.with_suffix(".first"))
    service.start()


def test_a_temporary_release_ends_with_the_master_and_the_one_below_stays(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        lived(pusher, APP, TWO)
        lived(pusher, TWO, THREE, permanent="no")
        assert set(bodies(service, 10)) == {"three"}

        start_again(service)

        assert stacks(pusher, service) == {(1,)}
        assert set(bodies(service, 10)) == {"two"}


def test_a_cumulative_release_replaces_what_was_live_in_one_step_and_goes_back_to_it(pusher: Pusher) -> None:
    """In between no request gets the code on disk, though each worker takes two releases out."""
    with make(pusher) as service:
        settled(pusher, service, 2)
        lived(pusher, APP, TWO)
        lived(pusher, TWO, {**TWO, "app.py": APP["app.py"].replace('"/pid"', '"/who"')})
        pids = set(service.workers())
        with service.load(clients=4) as load:
            lived(pusher, APP, THREE, cumulative="yes")
            assert stacks(pusher, service) == {(3,)}
            assert set(bodies(service, 10)) == {"three"}

            pusher.roll_back()
            assert stacks(pusher, service) == {(1, 2)}
            load.settle()
        assert load.failed == []
        assert load.bodies().keys() == {"two", "three"}
        assert set(service.workers()) == pids
        assert {body.isdecimal() for body in bodies(service, 4, "/who")} == {True}


def test_a_cumulative_release_replaces_workers_that_were_started_on_what_it_replaces(
    pusher: Pusher,
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        lived(pusher, APP, TWO)
        start_again(service)
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            lived(pusher, APP, THREE, cumulative="yes")
            load.settle()
        assert load.failed == []
        assert load.bodies().keys() == {"two", "three"}
        assert stacks(pusher, service) == {(2,)}


def test_a_cumulative_release_is_built_against_the_disk_and_no_other_code(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        lived(pusher, APP, TWO)

        data = pusher.bundle(TWO, THREE, settings={"cumulative": "yes"})
        answer = pusher.answer(pusher.offer(data))

        assert isinstance(answer, facts.Refused)
        assert answer.problem.error == "BaseDiffers"
        assert set(bodies(service, 10)) == {"two"}


def test_where_a_step_of_the_way_needs_a_quiet_moment_the_way_is_not_half_gone(pusher: Pusher) -> None:
    """A stream keeps the second step from happening: the first one is undone, and requests see neither."""
    louder = {**IN_ONE_STEP, "shop.py": IN_ONE_STEP["shop.py"].replace("str(BOX)", "str(BOX) + '!'")}
    with make(pusher, workers=1, files=BOX) as service:
        settled(pusher, service, 1)
        lived(pusher, BOX, IN_ONE_STEP)
        lived(pusher, IN_ONE_STEP, louder, past_hold="wait")
        with stream(service) as answers:
            spool.ask(pusher.home.spool, spool.Request("rollback", 0, "a test"))
            wait_until(lambda: held(pusher), "the worker waits for the stream")
            assert set(bodies(service, 10)) == {"two!"}
            assert {status.stack for status in pusher.statuses()} == {(1, 2)}
        wait_until(lambda: isinstance(pusher.records()[-1][1], facts.Settled), "it is there")
        assert answers == ["two!...two!"]
        assert set(bodies(service, 10)) == {"one"}


def held(pusher: Pusher) -> bool:
    return any(one.adoption and one.adoption.phase.value == "held" for one in pusher.statuses())

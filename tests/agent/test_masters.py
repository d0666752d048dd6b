"""A home is one master's: a second service that was given it by mistake serves on without hotpatch."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator

import psutil
from hotpatch_agent.home import facts
from hotpatch_agent.home.alive import is_held

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, TWO, bodies, make, take_over

OFF = "hotpatch is off; the service runs without it: "


@contextlib.contextmanager
def another(pusher: Pusher) -> Iterator[Service]:
    """A second gunicorn that is given the home of the first."""
    with Service(pusher.folder / "another", APP, home=pusher.home.path) as service:
        yield service


def locks(pusher: Pusher) -> set[int]:
    """The masters that the home knows of."""
    return {int(path.name.split("-")[0]) for path in pusher.home.masters.glob("*-*.lock")}


def test_a_second_service_on_a_home_serves_without_hotpatch_and_its_log_says_whose_home_it_is(
    pusher: Pusher,
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        with another(pusher) as second:
            assert set(bodies(second, 10)) == {"one"}
            said = next(line for line in second.text().splitlines() if OFF in line)
            assert f"{pusher.home.path} is the home of a service that is running" in said
            assert f"process {service.master}" in said
            assert {one.pid for one in pusher.statuses()} == set(service.workers())


def test_a_second_service_on_a_home_takes_nothing_back_and_keeps_no_reload_from_its_end(
    pusher: Pusher,
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO, settings={"permanent": "no"})
        with another(pusher):
            assert set(bodies(service, 10)) == {"two"}
            assert pusher.reload() == 0
            settled(pusher, service, 2)
            assert set(bodies(service, 10)) == {"two"}
        assert len(pusher.of_kind(facts.Started)) == 1


def test_the_second_service_has_the_home_after_a_hup_once_the_first_has_gone(pusher: Pusher) -> None:
    with contextlib.ExitStack() as stack:
        with make(pusher) as first:
            settled(pusher, first, 2)
            pusher.push(APP, TWO)
            second = stack.enter_context(another(pusher))
        second.signal(signal.SIGHUP)
        settled(pusher, second, 1)
        wait_until(lambda: set(bodies(second, 10)) == {"two"}, "it runs the head")
        assert locks(pusher) == {second.master}


def test_a_service_that_is_started_while_the_one_before_drains_has_the_home(pusher: Pusher) -> None:
    with make(pusher, workers=1, graceful_timeout=120, timeout=120) as first:
        settled(pusher, first, 1)
        pusher.push(APP, TWO)
        worker = first.workers()[0]
        first.signal(signal.SIGSTOP, worker)  # so it does not end
        first.signal(signal.SIGTERM)
        wait_until(lambda: not any(map(is_held, pusher.home.masters.iterdir())), "the home is given back")
        with another(pusher) as second:
            assert set(bodies(second, 10)) == {"two"}
            assert OFF not in second.text()
            assert first.ended is None
        first.signal(signal.SIGCONT, worker)


def test_a_master_that_was_killed_leaves_the_home_to_the_next(pusher: Pusher) -> None:
    with make(pusher, workers=1) as first:
        settled(pusher, first, 1)
        pusher.push(APP, TWO)
        workers = first.workers()
        first.signal(signal.SIGKILL)
        wait_until(lambda: not any(map(psutil.pid_exists, workers)), "its workers end")
    with another(pusher) as second:
        assert set(bodies(second, 10)) == {"two"}
        assert locks(pusher) == {second.master}


def test_the_master_that_usr2_has_started_keeps_the_home_when_the_old_one_goes(pusher: Pusher) -> None:
    pidfile = pusher.folder / "pid"
    with make(pusher, pidfile=str(pidfile)) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        master = int(take_over(pusher, service).read_text())
        service.signal(signal.SIGTERM)
        wait_until(lambda: len(pusher.statuses()) == 2, "the old workers have gone")
        with another(pusher) as second:
            assert f"process {master}" in second.text()
            assert locks(pusher) == {master}
        service.signal(signal.SIGTERM, master)
        wait_until(lambda: not psutil.pid_exists(master), "it has gone")


def test_a_home_that_was_removed_and_put_back_is_still_its_masters_after_a_hup(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        shutil.rmtree(pusher.home.masters)
        old = service.workers()
        service.signal(signal.SIGHUP)
        wait_until(lambda: not set(old) & set(service.workers()), "the reload")
        with another(pusher) as second:
            assert f"process {service.master}" in second.text()

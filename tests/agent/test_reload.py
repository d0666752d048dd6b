"""`hotpatch reload`: the sources on disk come to every worker, one at a time, and nothing is dropped."""

from __future__ import annotations

import signal

import pytest
from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, TWO, bodies, deploy_two, make


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_a_deployment_reaches_every_worker_and_drops_nothing(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, workers=2) as service:
        settled(pusher, service, 2)
        deploy_two(pusher, service)


def test_sources_that_do_not_start_leave_every_old_worker(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        old = service.workers()
        service.write({"shop.py": "raise RuntimeError('no start')\n"})
        with service.load(clients=4) as load:
            assert pusher.reload() != 0
            load.settle()
        (end,) = pusher.of_kind(facts.Reloaded)
        assert isinstance(end, facts.Reloaded)
        assert end.problem is not None and "no start" in end.problem.text
        settled(pusher, service, 2)
        assert service.workers() == old
        assert load.failed == []
        assert load.bodies().keys() == {"one"}


def test_a_release_that_a_deployment_brings_to_disk_leaves_the_head(pusher: Pusher) -> None:
    with make(pusher, workers=2) as service:
        settled(pusher, service, 2)
        assert isinstance(pusher.push(APP, TWO), facts.Settled)
        service.write({"shop.py": TWO["shop.py"]})
        assert pusher.reload() == 0
        assert set(bodies(service, 20)) == {"two"}
        assert pusher.of_kind(facts.Absorbed)


def test_with_preload_a_reload_loads_what_is_on_disk(pusher: Pusher) -> None:
    with make(pusher, workers=2, preload_app=True) as service:
        settled(pusher, service, 2)
        deploy_two(pusher, service)
        victim = service.workers()[0]
        service.signal(signal.SIGKILL, victim)
        wait_until(lambda: victim not in service.workers(), "it has gone")
        settled(pusher, service, 2)
        assert set(bodies(service, 20)) == {"two"}


def test_with_preload_a_worker_that_is_not_asked_to_reload_runs_what_the_master_has_loaded(
    pusher: Pusher,
) -> None:
    with make(pusher, workers=2, preload_app=True) as service:
        settled(pusher, service, 2)
        service.write({"shop.py": "raise RuntimeError('no start')\n"})
        with service.load(clients=2) as load:
            assert pusher.reload() != 0
            victim = service.workers()[0]
            service.signal(signal.SIGTERM, victim)
            wait_until(lambda: victim not in service.workers(), "it has gone")
            settled(pusher, service, 2)
            load.settle()
        assert load.failed == []
        assert load.bodies().keys() == {"one"}
        assert set(bodies(service, 20)) == {"one"}


def test_with_preload_a_release_that_a_deployment_brings_to_disk_leaves_the_head(pusher: Pusher) -> None:
    with make(pusher, workers=2, preload_app=True) as service:
        settled(pusher, service, 2)
        assert isinstance(pusher.push(APP, TWO), facts.Settled)
        service.write({"shop.py": TWO["shop.py"]})
        with service.load(clients=2) as load:
            assert pusher.reload() == 0
            wait_until(lambda: pusher.of_kind(facts.Absorbed), "the release leaves the head")
            load.settle()
        assert load.failed == []
        assert {status.stack for status in settled(pusher, service, 2)} == {()}
        assert set(bodies(service, 20)) == {"two"}

"""A release that was measured in another environment than the service's is live only where that makes no
difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.process.environment import environment_of

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import bodies

TEXT = """\
import os

RETRIES = {retries}


def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{{RETRIES}} {word}".encode()]
"""
ONE = {"app.py": TEXT.format(retries=1, word="old")}
ASKING = {"app.py": TEXT.format(retries="os.environ.get('RETRIES', '3')", word="new")}
BESIDE = {"app.py": TEXT.format(retries=1, word="new")}


@pytest.fixture
def service(pusher: Pusher) -> Iterator[Service]:
    home = pusher.make_home()
    with Service(pusher.folder / "service", ONE, home=home, environ={"RETRIES": "7"}) as running:
        settled(pusher, running, 1)
        yield running


def test_what_follows_from_the_environment_comes_with_new_workers(pusher: Pusher, service: Service) -> None:
    old = service.workers()
    end = pusher.push(ONE, ASKING)
    assert isinstance(end, facts.Settled)
    assert set(bodies(service, 10)) == {"7 new"}
    wait_until(lambda: set(service.workers()).isdisjoint(old), "the old worker has gone")


def test_what_does_not_is_live(pusher: Pusher, service: Service) -> None:
    old = service.workers()
    end = pusher.push(ONE, BESIDE)
    assert isinstance(end, facts.Settled)
    assert set(bodies(service, 10)) == {"1 new"}
    assert service.workers() == old


def test_measured_in_the_environment_of_the_service_it_is_live(pusher: Pusher, service: Service) -> None:
    old = service.workers()
    pusher.environment = environment_of(old[0])
    end = pusher.push(ONE, ASKING)
    assert isinstance(end, facts.Settled)
    assert set(bodies(service, 10)) == {"7 new"}
    assert service.workers() == old

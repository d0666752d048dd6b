"""A new worker proves that it answers before it accepts anything, and before an old one is asked to go."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from attrs import evolve
from hotpatch_agent.home import facts
from hotpatch_agent.home.probes import parse, read
from hotpatch_agent.process import ready

from hotpatch.errors import CheckFailed
from tests.agent.by_class import by_class
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service
from tests.agent.shop import APP, RELOAD, bodies, threads
from tests.agent.test_classes import CLASSES, version

ASKED = {
    **APP,
    "shop.py": """
import os
from pathlib import Path

VERSION = "one"

def answer(path):
    if path == "/ready":
        Path(f"asked-{os.getpid()}").touch()
        return "ready " + VERSION
    return VERSION
""",
}
PROBE = "GET /ready -> 200 contains ready one"


def asking(pusher: Pusher, worker_class: str, files: Mapping[str, str], probe: str = PROBE) -> Service:
    """A service whose new workers are asked this."""
    pusher.service = evolve(pusher.service, settings={"ready": probe})
    chosen = {"worker_class": worker_class, "workers": 2, "threads": threads(worker_class)}
    return Service(pusher.folder, files, home=pusher.make_home(), settings=chosen)


def asked(service: Service) -> set[int]:
    return {int(path.name.partition("-")[2]) for path in service.root.glob("asked-*")}


@pytest.mark.parametrize("name", by_class(CLASSES))
def test_successors_are_asked_and_those_that_a_service_starts_with_are_not(pusher: Pusher, name: str) -> None:
    worker_class, files = CLASSES[name]
    files = {**files, "shop.py": ASKED["shop.py"]}
    files["app.py"] = files["app.py"].replace('Route("/", page)', 'Route("/", page), Route("/ready", page)')
    with asking(pusher, worker_class, files) as service:
        settled(pusher, service, 2)
        assert asked(service) == set()
        old = set(service.workers())
        with service.load(clients=4) as load:
            assert pusher.reload() == 0
            load.settle()
        settled(pusher, service, 2)
        assert load.failed == []
        assert asked(service) == set(service.workers())
        assert not old & set(service.workers())


def test_what_a_lifespan_has_left_is_there_for_the_question(pusher: Pusher) -> None:
    worker_class, files = CLASSES["asgi"]
    with asking(pusher, worker_class, files, "/kept -> 200 contains kept by the lifespan") as service:
        settled(pusher, service, 2)
        old = set(service.workers())
        assert pusher.reload() == 0
        settled(pusher, service, 2)
        assert not old & set(service.workers())


@pytest.mark.parametrize("name", by_class(CLASSES))
def test_a_deployment_that_answers_otherwise_ends_with_every_old_worker_there(
    pusher: Pusher, name: str
) -> None:
    worker_class, files = CLASSES[name]
    probe = "GET / -> 200 contains one"
    with asking(pusher, worker_class, files, probe) as service:
        settled(pusher, service, 2)
        old = service.workers()
        service.write({"shop.py": version(files, "two")["shop.py"]})
        with service.load(clients=4) as load:
            assert pusher.reload() != 0
            load.settle()
        (end,) = pusher.of_kind(facts.Reloaded)
        assert isinstance(end, facts.Reloaded) and end.problem is not None
        assert "the answer to GET / lacks 'one'" in end.problem.text
        settled(pusher, service, 2)
        assert service.workers() == old
        assert load.failed == []
        assert load.bodies().keys() == {"one"}


def test_a_release_by_new_workers_that_answer_otherwise_is_taken_back(pusher: Pusher) -> None:
    with asking(pusher, "gthread", APP, "/ -> 200 contains one") as service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            pusher.push(APP, RELOAD)
            load.settle()
        (crashed,) = pusher.of_kind(facts.Crashed)
        assert isinstance(crashed, facts.Crashed)
        assert "the answer to GET / lacks 'one'" in crashed.reason
        assert pusher.of_kind(facts.RolledBack)
        settled(pusher, service, 2)
        assert load.failed == []
        assert load.bodies().keys() == {"one"}
        assert set(bodies(service, 20)) == {"one"}


def test_an_answer_that_does_not_come_is_a_wrong_one() -> None:
    end = threading.Event()

    def app(environ: object, start_response: object) -> list[bytes]:
        end.wait(60)
        return []

    wanted = read({"ready": "/slow"})
    with pytest.raises(CheckFailed, match=r"GET /slow: TimeoutError: no answer within 0\.1 s"):
        ready.prove(wanted, app, SimpleNamespace(), limit=0.1)
    end.set()


def test_one_line_is_one_request() -> None:
    wanted = read({"ready": "/a\nPOST /b -> 201 contains made it\nnonsense"})
    assert [(one.method, one.path, one.status, one.contains) for one in wanted] == [
        ("GET", "/a", 200, ""),
        ("POST", "/b", 201, "made it"),
    ]
    assert parse("no path") is None
    assert read({}) == ()

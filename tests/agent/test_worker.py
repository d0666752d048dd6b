"""A push on real gunicorn, from the spool to every worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpatch_agent import facts
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service

APP = {
    "app.py": """
import os
from shop import answer

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer(environ["PATH_INFO"]).encode()]
""",
    "shop.py": """
VERSION = "one"

def answer(path):
    return VERSION
""",
}
TWO = {**APP, "shop.py": APP["shop.py"].replace('"one"', '"two"')}
CLASSES = ("sync", "gthread")


@pytest.fixture
def pusher(tmp_path: Path) -> Pusher:
    return Pusher(tmp_path)


def make(pusher: Pusher, worker_class: str = "gthread", workers: int = 2, **settings: object) -> Service:
    return Service(
        pusher.folder,
        APP,
        home=pusher.make_home(),
        settings={"worker_class": worker_class, "workers": workers, "threads": 4, **settings},
    )


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
    assert load.last_of("one") < done

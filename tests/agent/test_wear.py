"""`max_requests` by careful replacement: somebody serves all the time, and the old one leaves when it is not
needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.process.wear import Wear

from tests.agent.by_class import by_class
from tests.agent.headcount import Headcount
from tests.agent.pushing import Pusher, settled
from tests.agent.rounds import ONE, TWO, decide, see, the_record
from tests.agent.service import wait_until
from tests.agent.shop import APP, make
from tests.agent.test_classes import ASGI


def test_a_worn_worker_is_replaced_and_the_leader_last() -> None:
    worn = [evolve(one, worn="it has answered 9 requests") for one in (ONE, TWO)]
    taken = the_record(decide(State(), see(*worn, wanted=2)))
    assert taken == facts.Replacing(TWO.worker, 2, "it has answered 9 requests")


@pytest.mark.parametrize("settings", [{}, {"recycle": "server"}])
def test_without_the_setting_the_server_goes_on_counting(settings: dict[str, str]) -> None:
    worker = SimpleNamespace(max_requests=9)
    wear = Wear(worker, settings)
    assert worker.max_requests == 9 and wear.worn(100) == "" and wear.look == float("inf")


def test_without_a_limit_nothing_is_looked_at() -> None:
    assert Wear(SimpleNamespace(max_requests=sys.maxsize), {"recycle": "careful"}).look == float("inf")


def test_with_it_the_server_counts_no_more() -> None:
    worker = SimpleNamespace(max_requests=9)
    wear = Wear(worker, {"recycle": "careful"})
    assert worker.max_requests == sys.maxsize
    assert wear.worn(8) == "" and "9 requests" in wear.worn(9)


SLOW = {**APP, "shop.py": "import time\ntime.sleep(1.0)\n" + APP["shop.py"]}
CLASSES = {
    "sync": SLOW,
    "gthread": SLOW,
    "asgi": {**ASGI, "shop.py": SLOW["shop.py"]},
    "uvicorn.workers.UvicornWorker": {**ASGI, "shop.py": SLOW["shop.py"]},
}


@pytest.mark.parametrize("name", by_class(CLASSES))
def test_the_only_worker_is_recycled_and_somebody_serves_all_the_time(tmp_path: Path, name: str) -> None:
    pusher = Pusher(tmp_path)
    pusher.service = evolve(pusher.service, settings={"recycle": "careful"})
    with make(pusher, name, workers=1, files=CLASSES[name], max_requests=100) as service:
        settled(pusher, service, 1)
        first = service.workers()
        with service.load(clients=2, pause=0.01) as load, Headcount(service) as headcount:
            wait_until(lambda: len(pusher.of_kind(facts.Replaced)) >= 2, "two were recycled")
        assert load.failed == []
        assert headcount.seen <= {1, 2}
        settled(pusher, service, 1)
        assert service.workers() != first
        assert all("max_requests" in fact.reason for fact in pusher.of_kind(facts.Replacing))

"""The shop under real gunicorn, in each way that it promises to run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hotpatch_agent.drill.processes import in_group
from hotpatch_agent.drill.service import HOST, Service, ServiceFailedError, ServicePlan
from hotpatch_agent.drill.stage import WORKER_CLASSES
from hotpatch_agent.load.conductor import Load, LoadPlan


@pytest.fixture
def plan(tree: Callable[..., Path], tmp_path: Path) -> Callable[..., ServicePlan]:
    def make(**more: object) -> ServicePlan:
        quick = {"DEMO_PRICE_INTERVAL": "0.05", "DEMO_STREAM_SECONDS": "0.5"}
        values = {"workers": 2, "index_mib": 1, "index_seconds": 0.0, "environ": quick, **more}
        return ServicePlan(tmp_path, tree(), **values)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_every_request_is_answered_rightly(
    plan: Callable[..., ServicePlan], worker_class: str, preload: bool
) -> None:
    arguments = ["--preload"] if preload else []
    named, app = WORKER_CLASSES[worker_class]
    with Service(plan(worker_class=named, app=app, arguments=arguments)) as service:
        workers = service.wait_until_ready()
        argument = {"probes": [], "share": 0}
        with Load(LoadPlan(service.port, "hotpatch_agent.drill.traffic:Shop", argument, clients=4)) as load:
            load.phase("all", {})
            changed = price_event(service)
            found = load.finish()
    assert len(workers) == 2
    assert found.total.clean and found.total.sent > 0, found.complaints
    assert changed["before"] > 0


def price_event(service: Service) -> dict[str, int]:
    """The first price change that a stream tells; streams are asked for until one does."""
    for _ in range(60):
        connection = HTTPConnection(HOST, service.port, timeout=60)
        connection.request("GET", "/events")
        lines = iter(connection.getresponse().readline, b"")
        told = dict(itertools.pairwise(lines))
        connection.close()
        if b"event: price\n" in told:
            event: dict[str, int] = json.loads(told[b"event: price\n"].removeprefix(b"data: "))
            return event
    raise AssertionError("sixty streams told of no price change")


def test_a_service_leaves_no_process_behind(plan: Callable[..., ServicePlan]) -> None:
    with Service(plan()) as service:
        service.wait_until_ready()
        assert len(in_group(service.master)) == 3
    assert in_group(service.master) == []


def test_a_service_that_does_not_start_says_why(plan: Callable[..., ServicePlan]) -> None:
    broken = plan(environ={"DEMO_INDEX_MB": "many"})
    with Service(broken) as service, pytest.raises(ServiceFailedError, match="invalid literal"):
        service.wait_until_ready()

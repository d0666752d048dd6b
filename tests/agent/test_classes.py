"""A push, a rollback, a reload and a respawn under every worker class; nothing is dropped under any."""

from __future__ import annotations

import signal
from collections.abc import Mapping

import pytest
from hotpatch_agent.home import facts

from hotpatch.release import Check
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, bodies, threads

ASGI = {
    "app.py": """
import asyncio
import os
from contextlib import asynccontextmanager
from shop import answer
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

async def page(request):
    return PlainTextResponse(answer(request.url.path))

async def slow(request):
    async def parts():
        yield answer("")
        await asyncio.sleep(1.5)
        yield "..." + answer("")
    return StreamingResponse(parts(), media_type="text/plain")

@asynccontextmanager
async def lifespan(app):
    yield {"greeting": "kept by the lifespan"}

async def kept(request):
    return PlainTextResponse(request.state.greeting)

app = Starlette(routes=[Route("/", page), Route("/slow", slow), Route("/kept", kept)], lifespan=lifespan)
""",
    "shop.py": APP["shop.py"],
}
CLASSES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "sync": ("sync", APP),
    "gthread": ("gthread", APP),
    "gevent": ("gevent", APP),
    "asgi": ("asgi", ASGI),
    "uvicorn": ("uvicorn.workers.UvicornWorker", ASGI),
}


def version(files: Mapping[str, str], name: str) -> dict[str, str]:
    return {**files, "shop.py": files["shop.py"].replace('"one"', repr(name))}


def reloading(files: Mapping[str, str]) -> dict[str, str]:
    return {
        **version(files, "reloaded"),
        "shop.py": "import os\nos.environ['A'] = 'b'\ndef answer(path): return 'reloaded'\n",
    }


def make(pusher: Pusher, name: str, **settings: object) -> tuple[Service, Mapping[str, str]]:
    worker_class, files = CLASSES[name]
    chosen = {"worker_class": worker_class, "workers": 2, "threads": threads(worker_class), **settings}
    return Service(pusher.folder, files, home=pusher.make_home(), settings=chosen), files


@pytest.mark.parametrize("name", CLASSES)
def test_push_and_rollback_under_load(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            end = pusher.push(files, version(files, "two"), [Check("page", "http", path="/", contains="two")])
            assert isinstance(end, facts.Settled), end
            assert set(bodies(service, 20)) == {"two"}
            assert isinstance(pusher.roll_back(), facts.Settled)
            assert set(bodies(service, 20)) == {"one"}
        assert load.failed == []
        assert load.bodies().keys() == {"one", "two"}
        assert {status.stack for status in settled(pusher, service, 2)} == {()}


@pytest.mark.parametrize("name", CLASSES)
def test_reload_under_load(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            end = pusher.push(files, reloading(files))
            assert isinstance(end, facts.Settled), end
            load.settle()
        assert load.failed == []
        assert set(bodies(service, 20)) == {"reloaded"}
        settled(pusher, service, 2)


@pytest.mark.parametrize("name", CLASSES)
def test_respawned_worker_starts_on_the_head(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        pusher.push(files, version(files, "two"), settings={"probation": "0"})
        old = service.workers()[0]
        service.signal(signal.SIGKILL, old)
        wait_until(lambda: old not in service.workers(), "it has gone")
        assert [status.stack for status in settled(pusher, service, 2)] == [(1,), (1,)]
        assert set(bodies(service, 30)) == {"two"}


@pytest.mark.parametrize("name", CLASSES)
def test_a_check_that_dies_or_hangs_costs_nothing(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=4) as load:
            for body in ("import os; os._exit(0)", "import time; time.sleep(60)"):
                check = Check("bad", "python", f"def check():\n    {body}\n")
                end = pusher.push(files, version(files, "two"), [check], {"check_seconds": "0.5"})
                assert isinstance(end, facts.Failed)
        assert load.failed == []
        assert load.bodies().keys() == {"one"}
        assert isinstance(pusher.push(files, version(files, "two")), facts.Settled)


@pytest.mark.parametrize("name", CLASSES)
def test_without_load_an_idle_worker_takes_a_push(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name, workers=1)
    with service:
        settled(pusher, service, 1)
        assert isinstance(pusher.push(files, version(files, "two")), facts.Settled)
        assert service.body() == "two"


@pytest.mark.parametrize("name", ["asgi", "uvicorn"])
def test_a_check_sees_what_the_lifespan_left_for_requests(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        check = Check("kept", "http", path="/kept", contains="kept by the lifespan")
        end = pusher.push(files, version(files, "two"), [check])
        assert isinstance(end, facts.Settled), end


@pytest.mark.parametrize("name", CLASSES)
def test_the_servers_own_reload_drops_nothing_either(pusher: Pusher, name: str) -> None:
    service, _ = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        with service.load(clients=6) as load:
            old = set(service.workers())
            service.signal(signal.SIGHUP)
            wait_until(
                lambda: len(service.workers()) == 2 and not old & set(service.workers()), "new workers"
            )
            load.settle()
        assert load.failed == []

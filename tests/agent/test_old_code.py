"""Old code that goes on, on real services: it is named, and what the release or a person says is done."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Blocker, Phase, Status

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, TWO, bodies, make, stream

AWAIT = {
    "app.py": """
import asyncio
import os
from shop import answer
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

BEGUN = []

async def page(request):
    return PlainTextResponse(answer(request.url.path))

async def begun(request):
    return PlainTextResponse(str(len(BEGUN)))

async def until_told(request):
    async def parts():
        BEGUN.append(1)
        yield answer("")
        while not os.path.exists("end"):
            await asyncio.sleep(0.02)
        yield "..." + answer("")
    return StreamingResponse(parts(), media_type="text/plain")

app = Starlette(routes=[Route("/", page), Route("/begun", begun), Route("/long", until_told)])
""",
    "shop.py": APP["shop.py"],
}
ROUNDS = {
    **APP,
    "shop.py": """
import threading
import time

def rounds():
    while True:
        time.sleep(0.05)

threading.Thread(target=rounds, name="the-rounds", daemon=True).start()

def answer(path):
    return "one"
""",
}
ROUNDS_TWO = {
    **ROUNDS,
    "shop.py": ROUNDS["shop.py"].replace("sleep(0.05)", "sleep(0.04)").replace('"one"', '"two"'),
}
CLASSES = {
    "gthread": ("gthread", APP),
    "gevent": ("gevent", APP),
    "asgi": ("asgi", AWAIT),
}


def hotpatch(pusher: Pusher, *arguments: str) -> tuple[int, dict[str, object]]:
    """A real command with --json; exit code and object."""
    done = subprocess.run(
        pusher.command(*arguments, "--json"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=120,
        text=True,
        env={**os.environ, "LOGNAME": "ann"},
    )
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, told


def named(pusher: Pusher, kind: str) -> Blocker:
    """Waits until a status names a blocker of this kind, and where it is."""

    def there() -> Blocker | None:
        found = [one for status in pusher.statuses() for one in status.blockers]
        return next((one for one in found if one.kind == kind and "until_told" in one.where), None)

    found: Blocker = wait_until(there, f"a {kind} on old code is named")
    return found


def in_phase(pusher: Pusher, phase: Phase) -> Status | None:
    return next((one for one in pusher.statuses() if one.adoption and one.adoption.phase is phase), None)


def two(files: dict[str, str]) -> dict[str, str]:
    return {**files, "shop.py": files["shop.py"].replace('"one"', '"two"')}


@pytest.mark.parametrize("name", CLASSES)
def test_a_stream_on_old_code_is_named_by_function_and_line(pusher: Pusher, name: str) -> None:
    worker_class, files = CLASSES[name]
    with make(pusher, worker_class, workers=1, files=files) as service:
        settled(pusher, service, 1)
        with stream(service) as answers:
            assert isinstance(pusher.push(files, two(files)), facts.Settled)
            found = named(pusher, "request")
            assert found.what == "GET /long"
            assert f"{service.root}/app.py, line " in found.where
            code, told = hotpatch(pusher, "status")
            assert code == 0
            assert "old code goes on in worker" in str(told)
        assert answers == ["one...one"]
        wait_until(lambda: not pusher.statuses()[0].blockers, "nothing runs old code any more")


def test_a_thread_that_never_leaves_its_loop_is_named_and_costs_its_worker_the_place(
    pusher: Pusher,
) -> None:
    terms = {"transition": "1", "past_transition": "reload"}
    with make(pusher, workers=1, files=ROUNDS) as service:
        settled(pusher, service, 1)
        old = service.workers()
        with service.load(clients=2) as load:
            assert isinstance(pusher.push(ROUNDS, ROUNDS_TWO, settings=terms), facts.Settled)
            wait_until(lambda: pusher.of_kind(facts.Replaced), "the worker is replaced")
            wait_until(lambda: set(service.workers()).isdisjoint(old), "it has gone")
            load.settle()
        assert load.failed == []
        (blocked,) = pusher.of_kind(facts.Blocked)
        assert isinstance(blocked, facts.Blocked)
        assert blocked.then == "reload"
        (found,) = blocked.blockers
        assert (found.kind, found.what) == ("thread", "the-rounds")
        assert found.where.startswith(f"rounds ({service.root}/shop.py, line ")
        assert set(bodies(service, 10)) == {"two"}
        assert "the-rounds" in service.text()


def test_old_code_that_goes_on_takes_the_release_back_if_it_says_so(pusher: Pusher) -> None:
    terms = {"transition": "1", "past_transition": "reverse"}
    with make(pusher, files=ROUNDS) as service:
        settled(pusher, service, 2)
        pids = set(service.workers())
        pusher.push(ROUNDS, ROUNDS_TWO, settings=terms)
        wait_until(lambda: pusher.of_kind(facts.RolledBack), "it is taken back")
        wait_until(lambda: isinstance(pusher.records()[-1][1], facts.Settled), "the way back is over")
        assert set(bodies(service, 10)) == {"one"}
        assert set(service.workers()) == pids
        (back,) = pusher.of_kind(facts.RolledBack)
        assert isinstance(back, facts.RolledBack)
        assert "thread the-rounds in rounds (" in back.reason


def test_a_release_that_a_stream_keeps_out_is_taken_back_if_it_says_so(pusher: Pusher) -> None:
    with make(pusher, files=BOX) as service:
        settled(pusher, service, 2)
        pids = set(service.workers())
        with stream(service) as answers:
            pusher.push(BOX, IN_ONE_STEP, settings={"hold": "1", "past_hold": "reverse"})
            wait_until(lambda: isinstance(pusher.records()[-1][1], facts.Settled), "it is over")
            assert set(bodies(service, 10)) == {"one"}
            (back,) = pusher.of_kind(facts.RolledBack)
            assert isinstance(back, facts.RolledBack)
            assert "request GET /long in until_told (" in back.reason
        assert answers == ["one...one"]
        assert set(service.workers()) == pids


def test_a_person_has_the_worker_replaced_that_a_stream_holds_up(pusher: Pusher) -> None:
    with make(pusher, files=BOX, graceful_timeout=60) as service:
        settled(pusher, service, 2)
        with stream(service) as answers:
            pusher.offer(pusher.bundle(BOX, IN_ONE_STEP, settings={"past_hold": "wait"}))
            waits = wait_until(lambda: in_phase(pusher, Phase.HELD), "a worker is held up")
            code, told = hotpatch(pusher, "finish", "--reason", "now")
            assert (code, told.get("error")) == (0, None)
            assert waits.worker not in {one.worker for one in settled_now(pusher)}
            assert set(bodies(service, 10)) == {"two"}
        assert answers == ["one...one"]
        assert hotpatch(pusher, "finish")[0] == 41


def settled_now(pusher: Pusher) -> list[Status]:
    return [one for one in pusher.statuses() if one.life.value == "serving"]


def test_by_force_a_worker_that_is_held_up_commits_and_that_leaves_a_mark(pusher: Pusher) -> None:
    with make(pusher, files=BOX) as service:
        settled(pusher, service, 2)
        pids = set(service.workers())
        with stream(service) as answers:
            pusher.offer(pusher.bundle(BOX, IN_ONE_STEP, settings={"past_hold": "wait"}))
            waits = wait_until(lambda: in_phase(pusher, Phase.HELD), "a worker is held up")
            code, _ = hotpatch(pusher, "finish", "--force", "--reason", "it burns")
            assert code == 0
            assert set(bodies(service, 20)) == {"two"}
            status = next(one for one in pusher.statuses() if one.worker == waits.worker)
            assert "release 1 was forced into it, in the middle of 1 request" in status.note
        assert answers == ["one...two"]  # the mixture that nothing else allows
        assert set(service.workers()) == pids
        (mark,) = hotpatch(pusher, "status")[1]["forced"]  # type: ignore[misc]
        assert (mark["version"], mark["reason"]) == (1, "it burns")
        assert [fact.force for fact in pusher.of_kind(facts.Finishing)] == [True]  # type: ignore[attr-defined]


def test_by_force_a_stream_on_old_code_goes_on_with_the_new(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        with stream(service) as answers:
            assert isinstance(pusher.push(APP, TWO), facts.Settled)
            named(pusher, "request")
            assert hotpatch(pusher, "finish", "--force")[0] == 0
            assert pusher.statuses()[0].blockers == ()
        assert answers == ["one...two"]
        state = History(pusher.home.ledger)
        state.refresh()
        assert [mark.version for mark in state.state.forced] == [1]


def test_even_force_does_not_end_a_thread_in_its_loop_and_the_command_says_so(pusher: Pusher) -> None:
    with make(pusher, workers=1, files=ROUNDS) as service:
        settled(pusher, service, 1)
        pusher.push(ROUNDS, ROUNDS_TWO)
        wait_until(lambda: pusher.statuses()[0].blockers, "the thread is named")
        code, told = hotpatch(pusher, "finish", "--force", "--wait", "1")
        assert code == 2
        assert "the-rounds" in str(told)
        assert service.workers() == [pusher.statuses()[0].pid]

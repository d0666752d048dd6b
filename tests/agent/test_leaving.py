"""A stream is given its time: nobody is started beside a worker that still answers, nothing is given up."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hotpatch_agent.decision.decide import wake_in
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Life, Status

from hotpatch import errors
from tests.agent.headcount import Headcount
from tests.agent.pushing import Pusher, settled
from tests.agent.rounds import decide, see, the_record
from tests.agent.samples import at, status, told
from tests.agent.service import Service, wait_until
from tests.agent.shop import make
from tests.agent.streaming import ASGI, WSGI, Streams, line, streams, version

RELOADING = told(facts.Reloading("ann"), tick=10.0)
OLD, NEW = status(1), status(2, started=20.0)
STREAMS = status(3, life=Life.LEAVING)


def test_the_next_worker_is_taken_only_when_the_one_before_has_gone() -> None:
    assert decide(RELOADING, see(OLD, NEW, STREAMS, wanted=2), 30.0) == ()
    taken = the_record(decide(RELOADING, see(OLD, NEW, wanted=2), 30.0))
    assert taken == facts.Replacing(OLD.worker, 2, "a reload was asked for")


def test_while_one_is_waited_for_the_leader_looks_again_by_itself() -> None:
    assert wake_in(RELOADING, see(OLD, NEW, STREAMS, wanted=2), at(30.0)) <= 1.0
    assert wake_in(State(), see(OLD, NEW, wanted=2), at(30.0)) == float("inf")


def test_a_worker_that_leaves_by_itself_does_not_hold_up_those_that_are_too_few() -> None:
    assert decide(RELOADING, see(OLD, STREAMS, wanted=2), 30.0)


@contextmanager
def reloading(pusher: Pusher) -> Iterator[subprocess.Popen[bytes]]:
    """`hotpatch reload`, under way."""
    command = pusher.command("reload")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def everywhere(service: Service, opened: Streams) -> None:
    """A stream in every worker at least."""

    def opened_in_all() -> bool:
        opened.begin()
        pids = {stream.worker for stream in opened.open}
        return pids >= set(service.workers())

    wait_until(opened_in_all, "every worker answers a stream")


def leaving(pusher: Pusher) -> list[Status]:
    return [one for one in pusher.statuses() if one.life is Life.LEAVING]


def held_by(pusher: Pusher) -> set[str]:
    return {blocker.what for one in leaving(pusher) for blocker in one.blockers}


APPS = {
    "gthread": WSGI,
    "gevent": WSGI,
    "asgi": ASGI,
    "uvicorn.workers.UvicornWorker": ASGI,
}


@pytest.mark.parametrize("name", APPS)
def test_streams_are_answered_to_their_end_through_a_reload(tmp_path: Path, name: str) -> None:
    pusher = Pusher(tmp_path)
    with make(pusher, name, files=version(APPS[name], 0), threads=16, graceful_timeout=100) as service:
        settled(pusher, service, 2)
        old = set(service.workers())
        service.write(version(APPS[name], 1))  # type: ignore[arg-type]
        with streams(service) as opened, Headcount(service) as headcount:
            everywhere(service, opened)
            with reloading(pusher) as reload:
                (first,) = wait_until(lambda: leaving(pusher), "the first one is leaving")
                opened.open[0].goes_on(300)
                assert reload.poll() is None
                (still,) = leaving(pusher)
                assert still.worker == first.worker
                wait_until(lambda: held_by(pusher) == {"GET /events"}, "it says what it still answers")
                opened.end()
                assert reload.wait(100) == 0
        assert all(stream.failed == [] for stream in opened.open)
        assert headcount.seen <= {2, 3}
        (end,) = pusher.of_kind(facts.Reloaded)
        assert end == facts.Reloaded(2, end.seconds)  # type: ignore[attr-defined]
        settled(pusher, service, 2)
        assert not old & set(service.workers())
        assert service.body("/") == line(1)


@pytest.mark.parametrize("name", APPS)
def test_a_stream_has_the_servers_graceful_timeout_not_its_timeout(tmp_path: Path, name: str) -> None:
    pusher = Pusher(tmp_path)
    limits = {"timeout": 3, "graceful_timeout": 100, "keepalive": 1}
    with make(pusher, name, workers=1, files=version(APPS[name], 0), **limits) as service:
        (worker,) = service.workers()
        with streams(service) as opened:
            stream = opened.begin()
            service.signal(signal.SIGTERM, worker)
            wait_until(lambda: leaving(pusher), "it is leaving")
            stream.goes_on(400)
            assert worker in service.workers()
        assert stream.failed == []


def test_the_command_says_whom_it_waits_for(tmp_path: Path) -> None:
    pusher = Pusher(tmp_path)
    with make(pusher, files=version(WSGI, 0), threads=16, graceful_timeout=100) as service:
        settled(pusher, service, 2)
        with streams(service) as opened:
            everywhere(service, opened)
            told = pusher.run("reload", "--wait", "20", "--json")
            answer = json.loads(told.stdout.splitlines()[-1])
            assert told.returncode == errors.OutcomeUnknown.exit_code
            (first,) = leaving(pusher)
            assert f"worker {first.pid} still answers GET /events" in answer["waits_for"][0]
            assert answer["waits_for"][0] in answer["message"]
            assert f"worker {first.pid} still answers" in pusher.run("status").stdout
        wait_until(lambda: pusher.of_kind(facts.Reloaded), "it goes on when the streams have ended")

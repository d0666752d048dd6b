"""A whole run, in its own process: what it reports is what the server did."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hotpatch_agent.load.account import Outcome, Sample, quantile, report, tally
from hotpatch_agent.load.clients import Ask, Session
from hotpatch_agent.load.conductor import Load, LoadFailedError, LoadPlan
from hotpatch_agent.load.wire import Answer, Request, name

from tests.load.scripted import Scripted, answer, close, cut_short, reset, scripted, stream_and_cut


class Simple:
    """One question again and again; its answer is the name of a version."""

    def session(self, chance: random.Random) -> Session:
        def judge(got: Answer) -> str | None:
            label = json.loads(got.body)
            return label if got.status == 200 and label in ("old", "new") else None

        yield Ask(Request("GET", "/"), "version", judge)


class Broken:
    def session(self, chance: random.Random) -> Session:
        raise RuntimeError("a fault of the traffic itself")
        yield


def plan(server: Scripted, traffic: str = "Simple", clients: int = 4, **more: object) -> LoadPlan:
    return LoadPlan(server.port, f"tests.load.test_load:{traffic}", {}, clients=clients, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        time.sleep(0.01)


def asked(server: Scripted, more: int = 50) -> None:
    before = len(server.requests)
    wait_for(lambda: len(server.requests) >= before + more)


def test_every_request_the_server_saw_is_in_the_account() -> None:
    with scripted(rest=answer("old")) as server:
        with Load(plan(server)) as load:
            asked(server)
            found = load.finish()
        assert found.total.sent == found.total.right == len(server.requests)
        assert found.total.clean


def test_every_kind_of_failure_is_counted_once() -> None:
    old = answer("old")
    script = [old, close, old, cut_short, reset, answer("old", status=500), answer("neither"), old]
    with scripted(*script, rest=old) as server:
        with Load(plan(server, clients=1)) as load:
            asked(server, 20)
            found = load.finish()
        assert (found.total.dropped, found.total.errors, found.total.wrong) == (3, 1, 1)
        assert found.total.sent == len(server.requests)
        assert found.total.right == len(server.requests) - 5
        assert len(found.complaints) == 5


def test_a_drop_is_told_with_the_worker_at_the_other_end_or_else_with_the_connections_name() -> None:
    script = [close, answer("old", worker="7"), close]
    with scripted(*script, rest=answer("old", worker="8")) as server:
        with Load(plan(server, clients=1)) as load:
            asked(server, 10)
            found = load.finish()
    assert found.dropped_at == {name(server.ports[0]): 1, "7": 1}


def test_answers_are_counted_by_what_they_bear() -> None:
    with scripted(answer("old"), answer("old"), rest=answer("new")) as server:
        with Load(plan(server, clients=1)) as load:
            asked(server, 10)
            found = load.finish()
    assert found.labels("version") == {"old": 2, "new": found.total.sent - 2}


def test_an_answer_of_the_wrong_version_is_wrong() -> None:
    with scripted(rest=answer("old")) as server:
        with Load(plan(server)) as load:
            asked(server)
            load.phase("after", {"version": ["new"]})
            asked(server)
            found = load.finish()
        assert found.phases["start"].clean
        assert found.phases["after"].wrong == found.phases["after"].sent > 0


def test_sights_tell_when_each_worker_began_to_answer_anew() -> None:
    server_says = {"version": "old", "worker": "7"}

    def act(client: object, path: str) -> bool:
        return answer(server_says["version"], worker=server_says["worker"])(client, path)  # type: ignore[arg-type]

    with scripted(rest=act) as server:
        with Load(plan(server)) as load:
            load.phase("change", {"version": ["old", "new"]})
            asked(server)
            turned = time.monotonic()
            server_says["version"] = "new"
            asked(server)
            found = load.finish()
    old, new = sorted(found.in_phase("change"), key=lambda sight: sight.first)
    assert (old.label, new.label, old.worker, new.worker) == ("old", "new", "7", "7")
    assert new.first > turned and old.first < turned
    assert old.count + new.count == found.phases["change"].sent


def test_a_cut_stream_is_counted_and_opened_again() -> None:
    with scripted(rest=stream_and_cut) as server:
        with Load(plan(server, clients=0, streams=["/events"])) as load:
            wait_for(lambda: server.connections >= 4)
            found = load.finish()
    assert found.streams[0].cuts >= 3 and found.streams[0].events >= 3
    assert found.total.sent == 0


def test_a_fault_of_the_traffic_ends_the_run_instead_of_an_account(capfd: pytest.CaptureFixture[str]) -> None:
    with scripted() as server:
        with pytest.raises(LoadFailedError), Load(plan(server, traffic="Broken")) as load:
            load.finish()
    assert "a fault of the traffic itself" in capfd.readouterr().err


def test_the_load_ends_with_its_conductor(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from hotpatch_agent.load.conductor import Load, LoadPlan\n"
        "load = Load(LoadPlan(int(sys.argv[1]), 'tests.load.test_load:Simple', {}, clients=1))\n"
        "print(load._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with scripted(rest=answer("old")) as server:
        conductor = subprocess.Popen(
            [sys.executable, "-c", program, str(server.port)], stdout=subprocess.PIPE, text=True
        )
        assert conductor.stdout is not None
        pid = int(conductor.stdout.readline())
        conductor.send_signal(signal.SIGKILL)
        conductor.wait()
        conductor.stdout.close()
        wait_for(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sample(seconds: float, outcome: Outcome = Outcome.RIGHT, phase: int = 0) -> Sample:
    return Sample(phase, 10.0, 10.0 + seconds, outcome, "any")


def test_latencies_are_those_of_answered_requests() -> None:
    found = tally([*(sample(number / 100) for number in range(1, 101)), sample(99.0, Outcome.DROPPED)])
    assert found.median == pytest.approx(0.5)
    assert found.p99 == pytest.approx(0.99)
    assert found.longest == pytest.approx(1.0)


def test_an_empty_run_has_an_account() -> None:
    empty = report([], ["start"], [])
    assert empty.total.sent == 0 and empty.total.clean and quantile([], 0.5) == 0.0


def test_phases_add_up_to_the_whole() -> None:
    samples = [
        sample(0.1),
        sample(0.1, Outcome.WRONG, 1),
        sample(0.1, Outcome.ERROR, 1),
        sample(0.1, phase=2),
    ]
    found = report(samples, ["a", "b", "c"], [])
    assert [each.sent for each in found.phases.values()] == [1, 2, 1]
    assert found.total.sent == 4 and found.total.answered == 4

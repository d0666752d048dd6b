"""A rollout steered from the command line, on real gunicorn: what is said, and what it exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hotpatch_agent.rollout.states import Station

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, TWO, bodies, make

BY_HAND = ("--canary", "50%")


@pytest.fixture
def pusher(tmp_path: Path) -> Pusher:
    return Pusher(tmp_path)


def call(pusher: Pusher, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hotpatch_agent.cli", *arguments]
    environment = {**os.environ, "HOTPATCH_HOME": str(pusher.home.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def said(pusher: Pusher, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = call(pusher, *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def push(pusher: Pusher, *flags: str, code: int = 0) -> dict[str, Any]:
    path = pusher.folder / "release.bundle"
    path.write_bytes(pusher.bundle(APP, TWO))
    return said(pusher, "push", str(path), *flags, code=code)


def test_a_canary_by_hand_from_push_to_promote(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pushed = push(pusher, *BY_HAND)
        assert pushed["outcome"] == "on trial"
        assert set(bodies(service, 60)) == {"one", "two"}
        shown = said(pusher, "status", code=2)
        assert [round(one["share"], 3) for one in shown["versions"]] == [0.5, 0.5]
        assert call(pusher, "status").stdout.count("release 1") >= 1
        promoted = said(pusher, "promote")
        assert promoted["rollout"]["station"] == "promoted"
        assert set(bodies(service, 20)) == {"two"}
        assert said(pusher, "status", "--wait", "20")["rollout"]["station"] == "promoted"


def test_abort_takes_it_back_and_retry_begins_again(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        assert said(pusher, "abort", "--reason", "totals")["rollout"]["station"] == "aborted"
        assert said(pusher, "status", "--wait", "20", code=1)["rollout"]["reason"] == "totals"
        assert set(bodies(service, 20)) == {"one"}
        assert said(pusher, "retry")["rollout"]["attempt"] == 2
        pusher.stands_at(Station.WATCHING)
        assert set(bodies(service, 60)) == {"one", "two"}
        assert said(pusher, "promote", "--full")["rollout"]["station"] == "promoted"


def test_pause_stops_it_and_resume_goes_on(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        assert said(pusher, "pause")["rollout"]["station"] == "paused"
        assert said(pusher, "pause", code=41)["error"] == "VerbRefused"
        assert said(pusher, "resume")["rollout"]["station"] == "watching"


def test_rollback_during_a_canary_takes_it_back(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        said(pusher, "rollback")
        assert pusher.stands_at(Station.ROLLED_BACK).reason
        wait_until(lambda: set(bodies(service, 20)) == {"one"}, "everybody is on the old version")


def test_a_verb_without_a_rollout_is_refused(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        assert said(pusher, "promote", code=41)["error"] == "VerbRefused"


def test_the_deploy_lock_keeps_others_out_and_its_owner_in(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        assert said(pusher, "lock", "the sale")["locked"]
        assert said(pusher, "status")["lock"]["reason"] == "the sale"
        pusher.begin(APP, TWO)  # by ann, who does not hold it
        refused = wait_until(lambda: [f for _, f in pusher.records() if hasattr(f, "problem")], "an answer")
        assert refused[0].problem.error == "DeployLocked"
        assert push(pusher)["outcome"] == "done"
        said(pusher, "unlock")


def test_the_watch_shows_each_decision_and_ends_with_the_rollout(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        command = [sys.executable, "-m", "hotpatch_agent.cli", "rollout", "watch", "--wait", "60"]
        environment = {**os.environ, "HOTPATCH_HOME": str(pusher.home.path)}
        watch = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert watch.stdout is not None
        bodies(service, 20)
        said(pusher, "promote")
        text, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert "The rollout of release 1 is promoted" in text


def test_a_response_header_names_the_version_that_answered(tmp_path: Path) -> None:
    pusher = Pusher(tmp_path)
    pusher.service = type(pusher.service)("shop", "test", "app:app", "", {"version_header": "X-Release"})
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        pairs = {_with_header(service) for _ in range(60)}
    assert pairs == {("one", "0"), ("two", "1")}


def _with_header(service: Service) -> tuple[str, str]:
    with urlopen(f"http://127.0.0.1:{service.port}/") as response:
        return response.read().decode(), response.headers["X-Release"]

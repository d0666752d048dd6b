"""A rollout steered from the command line, on real gunicorn: what is said, and what it exits with."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from hotpatch_agent.rollout.states import Station

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, THREE, TWO, bodies, make
from tests.rollout.servers import serving

BY_HAND = ("--canary", "50%")


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
        assert said(pusher, "unlock")["was"] is not None
        before = pusher.last()
        again = said(pusher, "unlock")
        assert again["was"] is None and "nothing to let go" in again["message"]
        assert pusher.last() == before


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


def test_what_is_held_or_not_over_in_time_is_2_for_scripts(pusher: Pusher) -> None:
    with make(pusher) as service, serving(status=500) as site:
        settled(pusher, service, 2)
        gate = f"[[gate]]\nat = 'promotion'\nurl = '{site.url}/'\n"
        (pusher.home.path / "rollout.toml").write_text(gate)
        push(pusher, *BY_HAND)
        timed_out = said(pusher, "status", "--wait", "0.2", code=2)
        assert timed_out["rollout"]["station"] == "watching"
        held = said(pusher, "promote", code=2)
        assert held["rollout"]["station"] == "held" and "status 500" in held["rollout"]["reason"]
        assert said(pusher, "status", "--wait", "20", code=2)["rollout"]["station"] == "held"
        site.status = 200
        assert said(pusher, "resume")["rollout"]["station"] == "promoted"
        assert said(pusher, "status", "--wait", "20")["rollout"]["station"] == "promoted"


def test_a_rollback_to_a_kept_release_takes_no_steps_even_out_of_a_rollout(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher)
        path = pusher.folder / "three.bundle"
        path.write_bytes(pusher.bundle(TWO, THREE))
        said(pusher, "push", str(path), *BY_HAND)
        back = said(pusher, "rollback", "--to", "0")
        assert back["outcome"] == "done"
        assert set(bodies(service, 20)) == {"one"}
        assert pusher.stands_at(Station.ROLLED_BACK).version == 2
        forward = said(pusher, "rollback", "--to", "1")
        assert forward["outcome"] == "done"
        assert set(bodies(service, 20)) == {"two"}


def test_on_a_terminal_the_watch_draws_steps_versions_and_why(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        push(pusher, *BY_HAND)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        command = [sys.executable, "-m", "hotpatch_agent.cli", "rollout", "watch", "--wait", "60"]
        environment = {**os.environ, "HOTPATCH_HOME": str(pusher.home.path), "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        watch = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        drawn = Drawn(ours)
        wait_until(lambda: "canary: 50 %" in drawn.text and "back by itself" in drawn.text, "it is drawn")
        bodies(service, 20)
        assert all(word in drawn.text for word in ("version", "share", "p99", "step 1"))
        said(pusher, "promote", "--reason", "looks well")
        assert watch.wait(60) == 0
        wait_until(lambda: "is promoted" in drawn.text, "its end is drawn")
        drawn.close()
    assert "looks well" in drawn.text


class Drawn:
    """What a program has drawn on a terminal of ours."""

    def __init__(self, terminal: int) -> None:
        self.text = ""
        self._terminal = terminal
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while data := os.read(self._terminal, 4096):
                self.text += data.decode("utf-8", "replace")

    def close(self) -> None:
        self._thread.join()
        os.close(self._terminal)


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

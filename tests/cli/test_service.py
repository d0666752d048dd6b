"""The commands that speak to a service: what they say, and what they exit with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hotpatch_agent.home import spool
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.headcount import Wanted, note_wanted
from hotpatch_agent.home.status import Life, read_roll

from hotpatch.trust import root as roots
from tests.agent import puppet
from tests.bundle.forge import ALICE, MALLORY, honest_release, signed

NOW = datetime.now(UTC).replace(microsecond=0)


def bundle(version: int, **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "version": version,
        "created": NOW,
        "expires": NOW + timedelta(days=1),
        "base": puppet.BASE,
        "sources": {"shop/pricing.py": b"PRICE = 2\n"},
        "measurement": b"",
        "checks": (),
        "settings": {},
    }
    return signed(honest_release(**{**values, **changes}), ALICE)


class Shop:
    """A home folder with puppets for workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def home(self) -> Home:
        return open_home(self.folder)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = self.call(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 or done.stdout else done.stderr

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hotpatch_agent.cli", *arguments]
        environment = {**os.environ, "HOTPATCH_HOME": str(self.folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code).splitlines()[-1])
        assert found["code"] == code
        return found

    def start(self, *behaviours: dict[str, Any]) -> None:
        """Start these workers, the first of which leads, for a master that means to have as many."""
        note_wanted(self.home.path, Wanted("1-1", len(behaviours), len(behaviours)))
        for behaviour in behaviours:
            self.workers.append(puppet.start(self.folder, behaviour))
            until(lambda: len(read_roll(self.home.workers).alive) == len(self.workers))

    def file(self, data: bytes) -> str:
        path = self.folder.parent / "release.bundle"
        path.write_bytes(data)
        return str(path)

    def stop(self) -> None:
        roll = read_roll(self.home.workers) if (self.folder / "service.json").exists() else None
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()
        own = {worker.pid for worker in self.workers}
        for one in roll.alive if roll else ():
            if one.pid not in own:  # a successor that a puppet started
                os.kill(one.pid, 9)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "home")
    made.run("init", "--service", "shop", "--environment", "production", "--app", "shop.wsgi:app")
    expires = NOW + timedelta(days=1)
    (made.home.trust / "root.json").write_bytes(roots.create(ALICE.public_key, ALICE, expires))
    yield made
    made.stop()


def test_a_release_goes_live_in_every_worker(shop: Shop) -> None:
    shop.start({}, {}, {})

    told = shop.run("push", shop.file(bundle(1)))

    assert told.splitlines()[-1].startswith("Release 1 is live in 3 of 3 workers, ")
    for status in read_roll(shop.home.workers).alive:
        assert status.stack == (1,)
    assert shop.run("status").splitlines()[-1] == "3 of 3 workers run release 1."
    assert spool.waiting(shop.home.spool) == ()


def test_a_release_may_be_measured_in_the_environment_of_the_service(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("old", "X = 1\n"), ("new", "import os\nX = os.environ['RETRIES']\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wsgi.py").write_text(f"{text}def app(environ, start_response): return [X]\n")
    trees = ("--from", str(tmp_path / "old"), "--to", str(tmp_path / "new"), "--app", "wsgi:app")
    home = ("--home", str(shop.folder))
    assert "no worker of shop is alive" in shop.run("plan", *trees, *home, "--as-service", code=24)
    monkeypatch.setenv("RETRIES", "7")
    shop.start({})
    monkeypatch.delenv("RETRIES")

    assert "KeyError: 'RETRIES'" in shop.run("plan", *trees, *home, code=33)
    told = shop.run("plan", *trees, *home, "--as-service")
    assert "follows from the environment variable RETRIES" in told
    assert "Plan: 2 edits live, 0 reload, 0 refused." in told


def test_push_in_json_tells_the_outcome_and_every_worker(shop: Shop) -> None:
    shop.start({}, {})

    told = shop.json("push", shop.file(bundle(1)))

    assert (told["outcome"], told["release"], told["how"]) == ("done", 1, "live")
    assert [one["phase"] for one in told["workers"]] == ["live", "live"]
    assert 0 < told["seconds"] < 60


def test_a_release_that_fails_its_check_says_so_and_changes_nothing(shop: Shop) -> None:
    shop.start({"rehearse": {"error": "CheckFailed", "text": "check_total: 3 is not 4"}}, {})

    told = shop.json("push", shop.file(bundle(1)), code=21)

    assert (told["outcome"], told["error"]) == ("refused", "CheckFailed")
    assert told["message"] == "Release 1 failed: check_total: 3 is not 4 (the old code serves on)"
    assert shop.run("status").splitlines()[-1] == "2 of 2 workers run the code on disk."


def test_one_worker_on_another_base_is_named_and_stops_it(shop: Shop) -> None:
    shop.start({}, {"verify": {"error": "BaseDiffers", "text": "shop/pricing.py differs"}})

    told = shop.json("push", shop.file(bundle(1)), code=20)

    assert "shop/pricing.py differs" in told["message"]


def test_a_release_that_needs_a_reload_replaces_every_worker(shop: Shop) -> None:
    shop.start({"rehearse": {"how": "reload"}}, {"rehearse": {"how": "reload"}})
    before = {one.pid for one in read_roll(shop.home.workers).alive}

    told = shop.json("push", shop.file(bundle(1)))

    assert (told["outcome"], told["how"], len(told["workers"])) == ("done", "reload", 2)
    serving = [one for one in read_roll(shop.home.workers).alive if one.life is Life.SERVING]
    assert all(one.stack == (1,) and one.pid not in before for one in serving)


def test_a_worker_that_can_not_is_replaced_and_the_rest_stays(shop: Shop) -> None:
    shop.start({}, {"adopt": "unable"})
    leader = read_roll(shop.home.workers).alive[0].pid

    told = shop.json("push", shop.file(bundle(1)))

    pids = [one["pid"] for one in told["workers"] if one["phase"] != "leaving"]
    assert (told["outcome"], len(pids), pids[0]) == ("done", 2, leader)


def test_back_and_forward_again(shop: Shop) -> None:
    shop.start({}, {})
    shop.run("push", shop.file(bundle(1)))
    shop.run("push", shop.file(bundle(2)))

    back = shop.run("rollback", "--reason", "totals are wrong").splitlines()[-1]
    assert back.startswith("Release 1 runs again in 2 of 2 workers, in place of release 2, ")
    forward = shop.json("rollback", "--to", "2")
    assert (forward["outcome"], forward["release"]) == ("done", 2)
    assert shop.json("status")["head"][-1]["release"] == 2
    log = shop.run("log")
    assert "back from release 2 to release 1: totals are wrong" in log
    assert log.splitlines()[-1].endswith("the chain is whole.")


def test_a_rollback_to_nowhere_is_refused_with_the_reason(shop: Shop) -> None:
    shop.start({})

    assert "nothing to roll back" in shop.json("rollback", code=34)["message"]
    assert "release 7 is not kept" in shop.json("rollback", "--to", "7", code=34)["message"]
    assert shop.run("rollback", code=34).count("nothing to roll back") == 1


def test_a_second_push_while_one_is_on_its_way_is_busy_and_a_rollback_calls_the_first_off(shop: Shop) -> None:
    shop.start({}, {"mute": True})
    spool.offer(shop.home.spool, bundle(1))
    until(lambda: shop.call("status").returncode == 2)

    busy = shop.json("push", shop.file(bundle(2)), code=27)
    assert "release 1 is on its way" in busy["message"]
    off = shop.json("rollback")
    assert off["outcome"] == "called off"
    assert shop.json("status")["stage"] == "idle"


def test_a_push_that_gets_no_answer_in_time_says_so_and_takes_the_bundle_back(shop: Shop) -> None:
    shop.start({})
    shop.workers[0].send_signal(19)  # stopped: it lives, but does nothing

    told = shop.json("push", shop.file(bundle(1)), "--wait", "0.3", code=2)

    assert told["outcome"] == "unknown"
    assert spool.waiting(shop.home.spool) == ()
    shop.workers[0].send_signal(18)


def test_a_push_that_is_not_over_in_time_goes_on_without_its_pusher(shop: Shop) -> None:
    shop.start({}, {"adopt": "held"})

    told = shop.json("push", shop.file(bundle(1)), "--wait", "5", code=2)

    assert told["outcome"] == "unknown"
    assert told["release"] == 1
    assert "goes on" in told["message"]
    assert shop.json("status", code=2)["stage"] == "committed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: b"", 13),
        (lambda data: data[:-9], 13),
        (lambda data: b"not a bundle at all", 12),
    ],
)
def test_what_is_no_bundle_is_refused_before_anything_is_asked(
    shop: Shop, change: Callable[[bytes], bytes], code: int
) -> None:
    shop.start({})

    done = shop.call("push", shop.file(change(bundle(1))))

    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    assert spool.waiting(shop.home.spool) == ()
    assert "0 records" in shop.run("log")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda: signed(honest_release(version=9)), 15),
        (lambda: signed(honest_release(version=9), MALLORY), 16),
        (lambda: bundle(9, created=NOW - timedelta(days=9), expires=NOW - timedelta(days=1)), 17),
        (lambda: bundle(9, service="other"), 18),
        (lambda: bundle(9, environment="staging"), 18),
        (lambda: bundle(1), 19),
        (lambda: bundle(9, settings={"deadline": "soon"}), 12),
    ],
)
def test_a_bundle_that_can_not_be_taken_is_refused_with_its_own_code(
    shop: Shop, data: Callable[[], bytes], code: int
) -> None:
    shop.start({})
    shop.run("push", shop.file(bundle(1)))

    done = shop.call("push", shop.file(data()))

    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("hotpatch: ")
    assert done.stderr.count("\n") == 1
    assert shop.run("status").splitlines()[-1] == "1 of 1 worker run release 1."


def test_without_a_worker_alive_nothing_is_pushed(shop: Shop) -> None:
    assert shop.json("push", shop.file(bundle(1)), code=24)["error"] == "NoWorkerAlive"
    assert spool.waiting(shop.home.spool) == ()
    assert shop.json("rollback", code=24)["error"] == "NoWorkerAlive"
    assert shop.run("status", code=24).splitlines()[-1] == "No worker of shop is alive."


def test_without_a_home_or_in_a_strange_folder_every_command_says_so(tmp_path: Path) -> None:
    nowhere, strange = Shop(tmp_path / "nowhere"), Shop(tmp_path)
    for arguments in (("push", "x.bundle"), ("status",), ("log",), ("rollback",)):
        assert "no home folder" in nowhere.run(*arguments, code=10)
        assert "not the home of a service" in strange.run(*arguments, code=11)


def test_a_killed_worker_is_no_longer_counted(shop: Shop) -> None:
    shop.start({}, {}, {})
    shop.workers[2].kill()
    shop.workers[2].wait()

    assert (
        shop.run("push", shop.file(bundle(1)))
        .splitlines()[-1]
        .startswith("Release 1 is live in 2 of 2 workers")
    )
    until(lambda: len(list(shop.home.workers.iterdir())) == 4)


def test_the_leaders_death_changes_only_who_goes_on(shop: Shop) -> None:
    shop.start({}, {}, {})
    shop.workers[0].kill()
    shop.workers[0].wait()

    assert shop.json("push", shop.file(bundle(1)))["outcome"] == "done"


def test_a_damaged_ledger_is_named_and_nothing_is_decided(shop: Shop) -> None:
    shop.start({}, {})
    shop.run("push", shop.file(bundle(1)))
    record = shop.home.ledger / "0000000002.rec"
    record.write_bytes(record.read_bytes()[:40])

    log = shop.call("log")
    assert (log.returncode, log.stdout.count("\n")) == (28, 3)
    assert "0000000002.rec: damaged" in log.stderr
    assert shop.json("status", code=28)["workers"][0]["release"] == 1
    assert shop.json("push", shop.file(bundle(2)), code=28)["error"] == "LedgerDamaged"


def test_log_shows_one_release_and_its_records(shop: Shop) -> None:
    shop.start({})
    shop.run("push", shop.file(bundle(1, message="totals")))
    shop.run("push", shop.file(bundle(2)))

    records = shop.json("log", "--release", "1")["records"]

    assert [one["kind"] for one in records] == ["offered", "rehearsed", "committed", "settled"]
    assert records[0]["text"] == "release 1 is offered: totals"
    assert shop.run("log", "-n", "1").count("release 2") == 1


def test_what_a_new_worker_has_to_answer_is_kept_until_it_is_taken_back(shop: Shop) -> None:
    init = ("init", "--service", "shop", "--environment", "production")
    said = shop.json(*init, "--ready", "GET /healthz -> 200 contains ok", "--ready", "/")
    assert said["settings"]["ready"] == "GET /healthz -> 200 contains ok\n/"
    assert shop.json(*init)["settings"]["ready"] == said["settings"]["ready"]
    assert shop.call(*init, "--ready", "healthz").returncode == 64
    assert shop.call(*init, "--set", "ready=healthz").returncode == 64
    assert shop.json(*init, "--ready", "")["settings"]["ready"] == ""


def test_init_again_keeps_what_was_said_and_refuses_nonsense(shop: Shop) -> None:
    again = shop.json("init", "--service", "shop", "--environment", "production", "--set", "deadline=20")
    assert (again["app"], again["settings"], again["trusted"]) == ("shop.wsgi:app", {"deadline": "20"}, True)

    for bad in (["--set", "deadline=soon"], ["--set", "x"], ["--app", "a b"], ["--root", "/nowhere/at/all"]):
        assert shop.call("init", "--service", "shop", "--environment", "production", *bad).returncode == 64
    assert shop.call("init", "--service", "a b", "--environment", "production").returncode == 64

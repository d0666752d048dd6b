"""The user's own checks and the events of a rollout, on real gunicorn, asked of real servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hotpatch_agent.rollout.progress import Moved
from hotpatch_agent.rollout.states import Station

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, TWO, bodies, make
from tests.rollout.servers import Site, serving

FLIPPED = {"strategy": "blue-green", "keep": "90s"}
LOOK = """
import os

def look():
    return not os.path.exists("unwell")
"""


def sample(value: str) -> bytes:
    """What Prometheus answers to an instant query that finds one series."""
    found = [{"metric": {"job": "shop"}, "value": [1.0, value]}]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": found}}).encode()


NOTHING = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
SPECS = {
    "http": "kind = 'http'\nurl = '{url}/health'",
    "python": "kind = 'python'\nfunction = 'health:look'",
    "prometheus": "kind = 'prometheus'\nurl = '{url}'\nmost = 0.5\n"
    "query = 'errors{{release=\"{{release}}\"}}'",
}


def describe(pusher: Pusher, kind: str, url: str, critical: bool, more: str = "") -> None:
    text = SPECS[kind].format(url=url)
    check = f"[[check]]\nname = 'orders'\nevery = '0.2s'\ncritical = {str(critical).lower()}\n{text}\n"
    (pusher.home.path / "rollout.toml").write_text(check + more)


def fall_ill(site: Site, kind: str, root: Path) -> None:
    """From now on the check of this kind says no."""
    (root / "unwell").touch()
    site.status, site.body = (500, b"down") if kind == "http" else (200, sample("0.9"))


@pytest.mark.parametrize("kind", SPECS)
def test_a_critical_check_that_says_no_takes_the_release_back(pusher: Pusher, kind: str) -> None:
    files = {**APP, "health.py": LOOK}
    with make(pusher, files=files) as service, serving(body=sample("0.1")) as site:
        settled(pusher, service, 2)
        describe(pusher, kind, site.url, critical=True)
        pusher.begin(files, {**TWO, "health.py": LOOK}, **FLIPPED)
        pusher.stands_at(Station.KEEPING)
        assert set(bodies(service, 10)) == {"two"}
        fall_ill(site, kind, service.root)
        progress = pusher.stands_at(Station.ROLLED_BACK)
        assert set(bodies(service, 10)) == {"one"}
    assert progress.reason.startswith("check orders: ")
    if kind == "prometheus":
        assert 'errors{release="1"} is 0.9, above 0.5' in progress.reason
        assert all(path.startswith("/api/v1/query?query=errors") for _, path, _ in site.asked)


@pytest.mark.parametrize("kind", SPECS)
def test_an_advisory_check_that_says_no_holds_nothing_up(pusher: Pusher, kind: str) -> None:
    files = {**APP, "health.py": LOOK}
    with make(pusher, files=files) as service, serving() as site:
        settled(pusher, service, 2)
        describe(pusher, kind, site.url, critical=False)
        fall_ill(site, kind, service.root)
        pusher.begin(files, {**TWO, "health.py": LOOK}, strategy="rolling", healthy="0.5s")
        pusher.stands_at(Station.PROMOTED)
        assert set(bodies(service, 10)) == {"two"}
        assert kind == "python" or site.asked


def test_a_query_that_matches_nothing_is_inconclusive_and_holds(pusher: Pusher) -> None:
    with make(pusher) as service, serving(body=NOTHING) as site:
        settled(pusher, service, 2)
        describe(pusher, "prometheus", site.url, critical=True)
        pusher.begin(APP, TWO, strategy="rolling", healthy="0.5s")
        progress = pusher.stands_at(Station.HELD)
        # The system gives connections to whom it likes: twenty may all go to one of the two.
        wait_until(lambda: set(bodies(service, 20)) == {"one", "two"}, "each of the two answers")
    assert "inconclusive" in progress.reason and "matches nothing" in progress.reason


def moves(pusher: Pusher) -> list[str]:
    return [fact.event.value for _, fact in pusher.records() if isinstance(fact, Moved)]


def test_events_come_to_every_sink_in_their_order_and_one_that_fails_keeps_nobody_waiting(
    pusher: Pusher,
) -> None:
    failures = iter(range(2))

    def fails_twice(site: Site) -> None:
        site.status = 503 if next(failures, None) is not None else 200

    with make(pusher) as service, serving(answer=fails_twice) as flaky, serving() as other:
        with serving(status=500) as dead:
            settled(pusher, service, 2)
            log = pusher.folder / "told"
            script = pusher.folder / "tell"
            script.write_text(f"#!/bin/sh\ncat >> {log}\necho >> {log}\n")
            script.chmod(0o700)
            sinks = [f"url = '{flaky.url}/'", f"url = '{dead.url}/'", f"command = ['{script}']"]
            sinks.append(f"apprise = 'json://{other.url.removeprefix('http://')}/'")
            text = "".join(f"[[event]]\n{one}\n" for one in sinks)
            (pusher.home.path / "rollout.toml").write_text(text)
            pusher.begin(APP, TWO, keep="0.1s")
            pusher.stands_at(Station.PROMOTED)
            assert set(bodies(service, 10)) == {"two"}
            expected = moves(pusher)

            def all_told() -> bool:
                lines = log.read_text().splitlines() if log.exists() else []
                return min(len(lines), len(other.asked), len(flaky.asked) - 2) >= len(expected)

            wait_until(all_told, "every sink but the dead one has been told all")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line]
    assert [one["event"] for one in lines] == expected
    assert [one["seq"] for one in lines] == sorted(one["seq"] for one in lines)
    said = [document["event"] for _, _, document in flaky.asked]
    assert said[:3] == [expected[0]] * 3 and said[2:] == expected
    assert [document["title"] for _, _, document in other.asked] == [
        f"shop: release 1 {event}" for event in expected
    ]
    assert dead.asked

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hotpatch_agent.rollout import events
from hotpatch_agent.rollout.events import Teller
from hotpatch_agent.rollout.strategy import EventSpec

from hotpatch.errors import StrategyInvalid
from tests.rollout.servers import Site, serving, until
from tests.rollout.world import WORSE, World


def event(seq: int) -> dict[str, Any]:
    return {
        "seq": seq,
        "time": "2026-01-01T00:00:00Z",
        "service": "shop",
        "environment": "production",
        "release": 7,
        "event": "worse",
        "station": "reverting",
        "step": 1,
        "reason": "errors 20 % against 1 %",
        "by": "",
        "figures": {"new_errors": 20},
    }


@contextmanager
def telling(specs: tuple[EventSpec, ...], cursors: Path, patience: float = 60.0) -> Iterator[Teller]:
    teller = Teller(specs, cursors, patience)
    try:
        yield teller
    finally:
        teller.stop()
        until(lambda: all(one.name != "hotpatch-events" for one in threading.enumerate()))


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(events, "LONGEST_PAUSE", 0.05)


def seqs(site: Site) -> list[int]:
    return [document["seq"] for _, _, document in site.asked]


def test_every_event_reaches_a_webhook_in_order(tmp_path: Path) -> None:
    with serving() as site, telling((EventSpec(url=site.url),), tmp_path / "events.json") as teller:
        teller.tell(event(seq) for seq in range(1, 21))
        until(lambda: teller.told() == 20)
    assert seqs(site) == list(range(1, 21))
    assert site.asked[0][2] == event(1)


def test_one_that_fails_is_tried_again_before_the_next_is_told(tmp_path: Path) -> None:
    def thrice(site: Site) -> None:
        site.status = 500 if len(site.asked) <= 3 else 200

    with serving(answer=thrice) as site, telling((EventSpec(url=site.url),), tmp_path / "e.json") as teller:
        teller.tell([event(1), event(2)])
        until(lambda: teller.told() == 2)
    assert seqs(site) == [1, 1, 1, 1, 2]


def test_a_sink_that_is_dead_holds_up_no_other(tmp_path: Path) -> None:
    dead = EventSpec(url="http://127.0.0.1:9/")
    with serving() as site, telling((dead, EventSpec(url=site.url)), tmp_path / "e.json") as teller:
        teller.tell([event(1), event(2)])
        until(lambda: len(site.asked) == 2)
        assert teller.told() == 0


def test_after_its_patience_an_event_is_passed_over_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = EventSpec(url="http://127.0.0.1:9/")
    with telling((spec,), tmp_path / "e.json", patience=0.1) as teller:
        teller.tell([event(1), event(2)])
        until(lambda: teller.told() == 2)
    assert "was not told of record 1" in caplog.text


def test_a_new_leader_goes_on_where_the_old_one_was(tmp_path: Path) -> None:
    with serving() as site:
        specs = (EventSpec(url=site.url),)
        with telling(specs, tmp_path / "e.json") as teller:
            teller.tell([event(1), event(2)])
            until(lambda: teller.told() == 2)
        with telling(specs, tmp_path / "e.json") as teller:
            assert teller.told() == 2
            teller.tell([event(1), event(2), event(3)])
            until(lambda: teller.told() == 3)
    assert seqs(site) == [1, 2, 3]


def test_a_damaged_cursor_tells_twice_rather_than_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("{broken")
    with serving() as site, telling((EventSpec(url=site.url),), tmp_path / "e.json") as teller:
        teller.tell([event(1)])
        until(lambda: teller.told() == 1)
    assert seqs(site) == [1]


def test_a_command_gets_the_event_as_json(tmp_path: Path) -> None:
    target = tmp_path / "got"
    command = (
        sys.executable,
        "-c",
        f"import sys; open({str(target)!r}, 'a').write(sys.stdin.read() + '\\n')",
    )
    with telling((EventSpec(command=command, timeout=60),), tmp_path / "e.json") as teller:
        teller.tell([event(1), event(2)])
        until(lambda: teller.told() == 2, 60)
    assert [json.loads(line)["seq"] for line in target.read_text().splitlines()] == [1, 2]


def test_every_event_is_in_the_log_with_its_reason_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hotpatch.rollout")
    with telling((), tmp_path / "e.json") as teller:
        teller.tell([event(1)])
        teller.tell([event(1)])
    assert caplog.messages == ["release 7: worse, now reverting (step 2): errors 20 % against 1 %"]


def test_an_event_says_what_the_record_says_and_where_it_led() -> None:
    world = World()
    world.settle()
    world.turn(WORSE)
    at, fact = world.records[-1]
    told = events.described(9, at, fact, world.progress, {"service": "shop", "environment": "production"})
    assert (told["seq"], told["event"], told["station"], told["step"]) == (9, "worse", "reverting", 0)
    assert (told["reason"], told["figures"]) == (WORSE.reason, dict(WORSE.figures))
    assert json.loads(json.dumps(told)) == told


def test_telling_never_waits(tmp_path: Path) -> None:
    hang = threading.Event()
    with serving(hang=hang) as site, telling((EventSpec(url=site.url),), tmp_path / "e.json") as teller:
        teller.tell(event(seq) for seq in range(1, 500))
        until(lambda: site.asked)
        assert teller.told() == 0
        hang.set()


def test_a_backlog_is_bounded_and_the_log_says_what_was_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BACKLOG", 5)
    hang = threading.Event()
    with serving(hang=hang) as site, telling((EventSpec(url=site.url),), tmp_path / "e.json") as teller:
        teller.tell([event(1)])
        until(lambda: site.asked)
        teller.tell(event(seq) for seq in range(2, 12))
        hang.set()
        until(lambda: teller.told() == 11)
    assert seqs(site) == [1, 7, 8, 9, 10, 11]
    assert "5 events were dropped" in caplog.text


def test_apprise_tells_whatever_it_knows(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with serving() as site:
        spec = EventSpec(apprise=site.url.replace("http://", "json://"))
        with telling((spec,), tmp_path / "e.json") as teller:
            teller.tell([event(1)])
            until(lambda: teller.told() == 1)
    _, _, document = site.asked[0]
    assert document["title"] == "shop: release 7 worse"
    assert "errors 20 % against 1 %" in document["message"]


def test_without_apprise_its_events_are_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(StrategyInvalid, match=r"hotpatch-runtime\[events\]"):
        Teller((EventSpec(apprise="json://127.0.0.1"),), tmp_path / "e.json")

"""A stream of events outlives several releases: it stays open, on its version, in its worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import BOX, IN_ONE_STEP, make
from tests.agent.streaming import APPS, Streams, line, streams, version


@pytest.fixture
def pusher(tmp_path: Path) -> Pusher:
    return Pusher(tmp_path)


def push(pusher: Pusher, name: str, v: int) -> facts.Fact:
    """From the version before to this one."""
    return pusher.push(version(APPS[name], v - 1), version(APPS[name], v))


@pytest.mark.parametrize("name", APPS)
def test_streams_stay_on_their_versions_through_releases_and_a_rollback(pusher: Pusher, name: str) -> None:
    with make(pusher, name, workers=1, files=version(APPS[name], 0), threads=8) as service:
        settled(pusher, service, 1)
        pids = service.workers()
        with streams(service) as opened:
            opened.begin()
            for v in (1, 2, 3):
                assert isinstance(push(pusher, name, v), facts.Settled)
                assert service.body("/") == line(v)
                opened.begin()
                all_on_their_own(opened)
            pusher.roll_back()
            assert service.body("/") == line(2)
            all_on_their_own(opened)
        assert all(stream.failed == [] for stream in opened.open)
        assert service.workers() == pids and not pusher.of_kind(facts.Replacing)
        plain_again(pusher)
        assert service.body("/") == line(2)


def all_on_their_own(opened: Streams) -> None:
    for v, stream in enumerate(opened.open):
        stream.goes_on()
        assert set(stream.events) == {line(v)}


def plain_again(pusher: Pusher) -> None:
    wait_until(lambda: all(not status.blockers for status in pusher.statuses()), "nobody is on old code")


def test_below_a_step_that_was_undone_the_next_release_is_taken_back_live_too(pusher: Pusher) -> None:
    renamed = {**BOX, "shop.py": BOX["shop.py"].replace("'one'", "'first'")}
    stepped = {**IN_ONE_STEP, "shop.py": IN_ONE_STEP["shop.py"].replace("'two'", "'second'")}
    with make(pusher, workers=1, files=BOX) as service:
        settled(pusher, service, 1)
        for old, new, answer in ((BOX, renamed, "first"), (renamed, stepped, "second")):
            assert isinstance(pusher.push(old, new), facts.Settled)
            assert service.body("/") == answer
        for answer in ("first", "one"):
            pusher.roll_back()
            assert service.body("/") == answer
        assert not pusher.of_kind(facts.Replacing)

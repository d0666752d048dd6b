"""A stream of events or a WebSocket outlives several releases: open, on its version, in its worker."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Status
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.by_class import by_class
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import BOX, IN_ONE_STEP, make
from tests.agent.streaming import WAYS, Streams, Way, line, streams, version


def started(pusher: Pusher, way: Way) -> Service:
    files = version(way.app, 0)
    return make(pusher, way.worker_class, workers=1, files=files, threads=12)


def push(pusher: Pusher, way: Way, v: int, settings: Mapping[str, str] | None = None) -> facts.Fact:
    """From the version before to this one."""
    return pusher.push(version(way.app, v - 1), version(way.app, v), settings=settings)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", by_class(WAYS))
def test_streams_stay_on_their_versions_through_releases_and_a_rollback(pusher: Pusher, name: str) -> None:
    way = WAYS[name]
    with started(pusher, way) as service:
        settled(pusher, service, 1)
        pids = service.workers()
        with streams(service, way.kind) as opened:
            opened.begin()
            for v in (1, 2, 3):
                assert isinstance(push(pusher, way, v), facts.Settled)
                assert service.body("/") == line(v)
                opened.begin()
                all_on_their_own(opened)
            pusher.roll_back()
            assert service.body("/") == line(2)
            all_on_their_own(opened)
            (status,) = pusher.statuses()
            assert len(named(status)) == len(opened.open), "the streams are what it waits for"
        assert all(stream.failed == [] for stream in opened.open)
        assert service.workers() == pids and not pusher.of_kind(facts.Replacing)
        plain_again(pusher)
        assert service.body("/") == line(2)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", by_class(WAYS))
def test_streams_of_a_canary_keep_it_after_the_abort_and_through_the_next_release(
    pusher: Pusher, name: str
) -> None:
    way = WAYS[name]
    match = {"strategy": "canary", "match": "header:X-Canary=yes", "manual": "yes", "steps": "100%"}
    with started(pusher, way) as service:
        settled(pusher, service, 1)
        pids = service.workers()
        with streams(service, way.kind) as opened:
            plain = opened.begin()
            pusher.begin(version(way.app, 0), version(way.app, 1), **match)
            pusher.stands_at(Station.WATCHING)
            tester, other = opened.begin(**{"X-Canary": "yes"}), opened.begin()
            pusher.ask(Event.ABORT)
            wait_until(lambda: pusher.of_kind(facts.Failed), "the canary has ended")
            wait_until(lambda: all(one.adoption is None for one in pusher.statuses()), "it is forgotten")
            assert service.body("/") == line(0)
            end = pusher.push(version(way.app, 0), version(way.app, 2))
            assert isinstance(end, facts.Settled), end
            last = opened.begin(**{"X-Canary": "yes"})
            for stream, v in ((plain, 0), (tester, 1), (other, 0), (last, 2)):
                stream.goes_on()
                assert set(stream.events) == {line(v)}
        assert all(stream.failed == [] for stream in opened.open)
        assert service.workers() == pids and not pusher.of_kind(facts.Replacing)
        plain_again(pusher)
        assert service.body("/") == line(2)


def named(status: Status) -> list[str]:
    """The requests for whose end the worker waits."""
    return [blocker.what for blocker in status.blockers if blocker.kind == "request"]


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

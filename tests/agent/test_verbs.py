"""Each verb at each station where a rollout can stand for a while, on real gunicorn: done or refused.

Gates that don't answer keep a rollout where it is, a stopped worker keeps it moving.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.progress import Began, Moved, Progress, advance, begin
from hotpatch_agent.rollout.states import TABLE, VERBS, Event, Station, goes_to

from tests.agent.gates import GATES, Doors, doors
from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, TWO, bodies, make
from tests.rollout.servers import serving

HELD_BY = {Station.WAITING: "before", Station.OPENING: "more", Station.CLOSING: "promotion"}
"""The gate whose silence keeps it there."""
STATIONS = (*HELD_BY, Station.MOVING, Station.WATCHING, Station.HELD, Station.PAUSED)
COMES_TO: dict[Event, Station] = {
    Event.PAUSE: Station.PAUSED,
    Event.ABORT: Station.ABORTED,
    Event.ROLLBACK: Station.ROLLED_BACK,
}


class Steered:
    """A canary that is brought to a station, again and again."""

    def __init__(self, pusher: Pusher, service: Service, gates: Doors) -> None:
        self.pusher, self.service, self.gates = pusher, service, gates
        self._stopped: int | None = None

    def bring(self, station: Station) -> None:
        """A rollout that stands there; a new attempt if there was one."""
        self.gates.silent = {"before"}
        if self.pusher.progress() is None:
            self.pusher.begin(APP, TWO, strategy="canary", steps="50%,60%", manual="yes")
        else:
            self.pusher.ask(Event.RETRY)
        self.pusher.stands_at(Station.WAITING)
        wait_until(self._all_ready, "every worker is ready")
        self.gates.no = {"more"} if station is Station.HELD else set()
        if station is Station.MOVING:
            leader = self.pusher.history()[-1].who
            (other,) = [one for one in settled(self.pusher, self.service, 2) if one.worker != leader]
            self._stopped = other.pid
            self.service.signal(signal.SIGSTOP, self._stopped)
        self.gates.silent = {HELD_BY[station]} if station in HELD_BY else set()
        if station in (Station.PAUSED, Station.CLOSING):
            self.pusher.stands_at(Station.WATCHING)
            self.pusher.ask(Event.PAUSE if station is Station.PAUSED else Event.PROMOTE_FULL)
        self.pusher.stands_at(station)

    def _all_ready(self) -> bool:
        found = [one.adoption.phase.value for one in self.pusher.statuses() if one.adoption is not None]
        return found == ["ready", "ready"]

    def go_on(self) -> None:
        """Whatever kept it there is over."""
        if self._stopped is not None:
            self.service.signal(signal.SIGCONT, self._stopped)
            self._stopped = None
        self.gates.silent, self.gates.no = set(), set()

    def leave(self) -> None:
        """The same, and the rollout has ended."""
        self.go_on()
        if not self._at().ended:
            self.pusher.ask(Event.ABORT)
        if self._at().station is Station.PROMOTED:  # before it was asked: its rollout is over
            self.pusher.ask(Event.ROLLBACK)
        else:
            self.pusher.stands_at(Station.ABORTED, Station.ROLLED_BACK)
        wait_until(lambda: not self.pusher.busy(), "the release has ended")

    def _at(self) -> Progress:
        progress = self.pusher.progress()
        assert progress is not None
        return progress

    def after(self, answer: facts.Fact) -> tuple[Progress, Progress]:
        """Where the rollout stood before and after this record."""
        progress = None
        for record in self.pusher.history():
            if isinstance(record.fact, Began):
                progress = begin(record.fact, record.at)
            elif isinstance(record.fact, Moved):
                assert progress is not None
                before, progress = progress, advance(progress, record.fact, record.at)
                if record.fact == answer:
                    return before, progress
        raise AssertionError(f"{answer} is not in the ledger")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("station", STATIONS, ids=lambda one: one.value)
def test_every_verb_is_done_at_once_or_refused_with_what_can_be_asked(
    pusher: Pusher, station: Station
) -> None:
    with make(pusher) as service, doors(pusher) as gates:
        settled(pusher, service, 2)
        steered = Steered(pusher, service, gates)
        steered.bring(station)
        possible = [one for one in VERBS if one in TABLE[station] and one is not Event.PROMOTE_FULL]
        possible.sort(key=lambda one: one is Event.PROMOTE)  # what was promoted can't be tried again
        for verb in (one for one in VERBS if one not in TABLE[station]):
            answer = pusher.ask(verb)
            assert isinstance(answer, facts.Refused) and answer.problem.error == "VerbRefused", verb
            assert "can be asked to" in answer.problem.text
            now = pusher.progress()
            assert now is not None and now.station is station
        for verb in possible:
            if verb is not possible[0]:
                steered.bring(station)
            answer = pusher.ask(verb)
            assert isinstance(answer, Moved), (verb, answer)
            before, after = steered.after(answer)
            assert before.station is station
            assert after.station is goes_to(station, before.back, answer.event)
            if verb in COMES_TO and station is not Station.MOVING:
                pusher.stands_at(COMES_TO[verb])
            steered.leave()
        assert set(bodies(service, 10)) == {"one"}


@pytest.mark.parametrize("station", STATIONS, ids=lambda one: one.value)
def test_the_leader_killed_there_is_succeeded_by_one_that_goes_on(pusher: Pusher, station: Station) -> None:
    with make(pusher) as service, doors(pusher) as gates:
        settled(pusher, service, 2)
        steered = Steered(pusher, service, gates)
        steered.bring(station)
        before = pusher.progress()
        leader = int(pusher.history()[-1].who.partition("-")[0])
        service.signal(signal.SIGKILL, leader)
        steered.go_on()
        wait_until(lambda: leader not in service.workers(), "the leader is gone")
        settled(pusher, service, 2)
        if station in (Station.HELD, Station.PAUSED):
            after = pusher.progress()
            assert before is not None and after is not None
            assert (after.station, after.at) == (before.station, before.at)
            assert isinstance(pusher.ask(Event.RESUME), Moved)
        if station is not Station.CLOSING:
            pusher.stands_at(Station.WATCHING)
            assert isinstance(pusher.ask(Event.PROMOTE_FULL), Moved)
        pusher.stands_at(Station.PROMOTED)
        assert set(bodies(service, 20)) == {"two"}


@pytest.mark.parametrize(
    ("verb", "ends"), [(Event.ROLLBACK, Station.ROLLED_BACK), (Event.PROMOTE, Station.PROMOTED)]
)
def test_a_flipped_release_whose_last_gate_is_silent_can_be_kept_or_taken_back(
    pusher: Pusher, verb: Event, ends: Station
) -> None:
    with make(pusher) as service, doors(pusher) as gates:
        settled(pusher, service, 2)
        gates.silent = {"after"}
        pusher.begin(APP, TWO, strategy="blue-green", keep="90s")
        pusher.stands_at(Station.KEEPING)
        assert isinstance(pusher.ask(Event.RESUME), facts.Refused)
        assert isinstance(pusher.ask(Event.PAUSE), Moved)
        assert set(bodies(service, 10)) == {"two"}
        assert isinstance(pusher.ask(Event.RESUME), Moved)
        assert isinstance(pusher.ask(verb), Moved)
        pusher.stands_at(ends)
        assert set(bodies(service, 10)) == {"one" if verb is Event.ROLLBACK else "two"}
        assert isinstance(pusher.ask(Event.ABORT), facts.Refused)


@pytest.mark.parametrize("point", GATES)
def test_a_gate_that_says_no_stops_it_before_what_it_guards(pusher: Pusher, point: str) -> None:
    ends = {"before": Station.ROLLED_BACK, "after": Station.ROLLED_BACK}.get(point, Station.HELD)
    with make(pusher) as service, doors(pusher) as gates:
        settled(pusher, service, 2)
        gates.no = {point}
        with service.load(clients=2) as load:
            strategy = {"strategy": "rolling", "healthy": "0.3s"} if point == "more" else {"keep": "0.1s"}
            pusher.begin(APP, TWO, **strategy)
            progress = pusher.stands_at(ends)
            load.settle(50)
            seen = set(load.bodies())
            if ends is Station.HELD:
                pusher.ask(Event.RESUME)  # it is asked again, and says no again
                wait_until(lambda: _held(pusher) == 2, "it is held again")
                gates.no = set()
                pusher.ask(Event.RESUME)
                pusher.stands_at(Station.PROMOTED)
    assert f"the gate at '{point}'" in progress.reason and "status 500" in progress.reason
    assert seen == ({"one", "two"} if point == "after" else {"one"})
    assert load.failed == []


def _held(pusher: Pusher) -> int:
    return sum(isinstance(fact, Moved) and fact.event is Event.NO for _, fact in pusher.records())


def test_a_gate_s_command_is_told_what_it_is_asked_and_its_silence_is_a_no(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        told = pusher.folder / "told.json"
        script = pusher.folder / "gate"
        script.write_text(f"#!/bin/sh\ncat > {told}\nexec sleep 600\n")
        script.chmod(0o700)
        text = f"[[gate]]\nat = 'promotion'\ncommand = ['{script}']\ntimeout = '1s'\n"
        (pusher.home.path / "rollout.toml").write_text(text)
        pusher.begin(APP, TWO, keep="0.1s")
        progress = pusher.stands_at(Station.HELD)
        assert '"release": 1' in told.read_text() and '"at": "promotion"' in told.read_text()
        assert "no answer within 1 s" in progress.reason
        assert set(bodies(service, 10)) == {"one"}
        assert isinstance(pusher.ask(Event.PROMOTE), Moved)  # a person may pass a gate
        pusher.stands_at(Station.PROMOTED)


@contextmanager
def stopped(service: Service, pusher: Pusher) -> Iterator[int]:
    """The worker that doesn't lead stands still; the leader's pid."""
    leader = pusher.history()[-1].who
    (other,) = [one for one in settled(pusher, service, 2) if one.worker != leader]
    service.signal(signal.SIGSTOP, other.pid)
    try:
        yield int(leader.partition("-")[0])
    finally:
        service.signal(signal.SIGCONT, other.pid)


@pytest.mark.parametrize(
    ("verb", "station", "ends", "body"),
    [
        (Event.PROMOTE_FULL, Station.PROMOTING, Station.PROMOTED, "two"),
        (Event.ABORT, Station.ABORTING, Station.ABORTED, "one"),
        (Event.ROLLBACK, Station.REVERTING, Station.ROLLED_BACK, "one"),
    ],
    ids=lambda one: getattr(one, "value", one),
)
def test_the_leader_killed_on_the_way_out_of_a_canary_is_succeeded_by_one_that_ends_it(
    pusher: Pusher, verb: Event, station: Station, ends: Station, body: str
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, TWO, strategy="canary", steps="50%", manual="yes")
        pusher.stands_at(Station.WATCHING)
        with stopped(service, pusher) as leader:
            assert isinstance(pusher.ask(verb), Moved)
            pusher.stands_at(station)
            service.signal(signal.SIGKILL, leader)
            wait_until(lambda: leader not in service.workers(), "the leader is gone")
        pusher.stands_at(ends)
        settled(pusher, service, 2)
        assert set(bodies(service, 20)) == {body}


def test_the_leader_killed_while_the_old_version_is_kept_leaves_the_way_back_open(
    pusher: Pusher,
) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        pusher.begin(APP, TWO, strategy="blue-green", keep="90s")
        pusher.stands_at(Station.KEEPING)
        leader = int(pusher.history()[-1].who.partition("-")[0])
        service.signal(signal.SIGKILL, leader)
        wait_until(lambda: leader not in service.workers(), "the leader is gone")
        settled(pusher, service, 2)
        assert isinstance(pusher.ask(Event.ROLLBACK), Moved)
        pusher.stands_at(Station.ROLLED_BACK)
        assert set(bodies(service, 20)) == {"one"}


def test_a_gate_at_rollback_is_told_and_holds_nothing_up(pusher: Pusher) -> None:
    with make(pusher) as service, serving(status=500) as site:
        settled(pusher, service, 2)
        text = f"[[gate]]\nat = 'rollback'\nurl = '{site.url}/rollback'\n"
        (pusher.home.path / "rollout.toml").write_text(text)
        pusher.begin(APP, TWO, strategy="canary", steps="50%", manual="yes")
        pusher.stands_at(Station.WATCHING)
        assert isinstance(pusher.ask(Event.ABORT), Moved)
        pusher.stands_at(Station.ABORTED)
        assert set(bodies(service, 20)) == {"one"}
        wait_until(lambda: [path for _, path, *_ in site.asked] == ["/rollback"], "the gate is told")

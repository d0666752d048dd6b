"""The table, exhaustively: every station against every event."""

from __future__ import annotations

import pytest
from hotpatch_agent.rollout.progress import Began, Moved, Progress, advance, begin
from hotpatch_agent.rollout.states import (
    COMMITTED,
    ENDED,
    RETURNING,
    STOPPED,
    TABLE,
    VERBS,
    Event,
    Station,
    goes_to,
)

from hotpatch.errors import LedgerDamaged
from tests.rollout.world import CANARY, instant

PAIRS = [(station, event) for station in Station for event in Event]
STOPPABLE = [s for s in Station if Event.PAUSE in TABLE[s] and s not in STOPPED]


def at(station: Station, back: Station | None = None) -> Progress:
    progress = begin(Began(7, "digest", CANARY), instant(0))
    if station in STOPPED and back is None:
        back = Station.WATCHING
    return Progress(
        progress.version, progress.digest, CANARY, station, instant(0), step=0, back=back, round=0
    )


@pytest.mark.parametrize(("station", "event"), PAIRS)
def test_an_event_leads_where_the_table_says_or_its_record_is_damage(station: Station, event: Event) -> None:
    before = at(station)
    to = goes_to(station, before.back, event)
    if to is None:
        with pytest.raises(LedgerDamaged):
            advance(before, Moved(7, event), instant(5))
    else:
        assert advance(before, Moved(7, event), instant(5)).station is to


@pytest.mark.parametrize("station", Station)
def test_every_station_has_a_row(station: Station) -> None:
    assert station in TABLE


@pytest.mark.parametrize("station", [s for s in Station if s is not Station.WAITING])
def test_every_station_can_be_come_to(station: Station) -> None:
    reached, front = {Station.WAITING}, [Station.WAITING]
    while front:
        here = front.pop()
        for event in Event:
            to = goes_to(here, None, event)
            if to is not None and to not in reached:
                reached.add(to)
                front.append(to)
    assert station in reached


@pytest.mark.parametrize("station", [s for s in Station if s not in ENDED])
def test_every_station_has_a_way_to_an_end(station: Station) -> None:
    reached, front = {station}, [station]
    while front:
        here = front.pop()
        for event in Event:
            to = goes_to(here, Station.WATCHING, event)
            if to is not None and to not in reached:
                reached.add(to)
                front.append(to)
    assert reached & set(ENDED)


@pytest.mark.parametrize(
    "event", [Event.INCONCLUSIVE, Event.NO, Event.WORSE, Event.FROZEN, Event.OVERDUE, Event.LOST]
)
@pytest.mark.parametrize("station", Station)
def test_nothing_but_a_yes_goes_forward(station: Station, event: Event) -> None:
    for back in (Station.WATCHING, Station.OPENING, Station.CLOSING):
        to = goes_to(station, back, event)
        assert to is None or to is Station.HELD or to is Station.REVERTING


@pytest.mark.parametrize("station", [s for s in Station if s not in (*ENDED, *RETURNING)])
def test_a_person_can_abort_and_roll_back_from_everywhere_on_the_way(station: Station) -> None:
    assert goes_to(station, Station.WATCHING, Event.ABORT) is Station.ABORTING
    assert goes_to(station, Station.WATCHING, Event.ROLLBACK) is Station.REVERTING


@pytest.mark.parametrize("event", [e for e in Event if e not in VERBS])
def test_nothing_retries_an_abort_by_itself(event: Event) -> None:
    assert goes_to(Station.ABORTED, None, event) is None
    assert goes_to(Station.ROLLED_BACK, None, event) is None


@pytest.mark.parametrize("station", STOPPABLE)
def test_a_pause_is_left_for_the_station_it_was_called_at(station: Station) -> None:
    paused = advance(at(station), Moved(7, Event.PAUSE), instant(5))
    assert paused.station is Station.PAUSED
    assert paused.acting is station
    assert advance(paused, Moved(7, Event.RESUME), instant(9)).station is station


@pytest.mark.parametrize("station", STOPPABLE)
@pytest.mark.parametrize("verb", [Event.PROMOTE, Event.PROMOTE_FULL])
def test_promoting_a_pause_means_what_it_means_where_it_was_called(station: Station, verb: Event) -> None:
    assert goes_to(Station.PAUSED, station, verb) is goes_to(station, None, verb)


def test_a_pause_of_a_held_rollout_goes_on_where_that_was_held() -> None:
    held = advance(at(Station.OPENING), Moved(7, Event.NO), instant(1))
    paused = advance(held, Moved(7, Event.PAUSE), instant(2))
    assert advance(paused, Moved(7, Event.RESUME), instant(3)).station is Station.OPENING


def test_only_a_pause_by_a_person_stops_the_clock() -> None:
    held = advance(at(Station.WATCHING), Moved(7, Event.INCONCLUSIVE), instant(100))
    assert held.used_at(instant(150)) == 150
    paused = advance(held, Moved(7, Event.PAUSE), instant(150))
    assert paused.used_at(instant(10_000)) == 150
    resumed = advance(paused, Moved(7, Event.RESUME), instant(10_000))
    assert resumed.used_at(instant(10_010)) == 160


def test_a_step_goes_on_with_the_time_that_it_had_before_a_pause() -> None:
    paused = advance(at(Station.WATCHING), Moved(7, Event.PAUSE), instant(40))
    resumed = advance(paused, Moved(7, Event.RESUME), instant(500))
    assert resumed.spent_at(instant(510)) == 50


def test_a_restart_of_the_machine_runs_the_clock_out_unless_a_person_paused() -> None:
    assert at(Station.WATCHING).used_at(instant(1, "another boot")) >= CANARY.deadline
    paused = advance(at(Station.WATCHING), Moved(7, Event.PAUSE), instant(40))
    assert paused.used_at(instant(1, "another boot")) == 40


def test_each_round_of_a_step_counts_under_a_name_of_its_own() -> None:
    opening = at(Station.OPENING)
    moving = advance(opening, Moved(7, Event.YES), instant(1))
    watching = advance(moving, Moved(7, Event.REACHED), instant(2))
    held = advance(watching, Moved(7, Event.INCONCLUSIVE), instant(3))
    again = advance(held, Moved(7, Event.RESUME), instant(4))
    assert moving.window == watching.window == held.window
    assert len({opening.window, moving.window, again.window}) == 3


def test_a_pause_keeps_the_round_and_its_counts() -> None:
    paused = advance(at(Station.WATCHING), Moved(7, Event.PAUSE), instant(40))
    resumed = advance(paused, Moved(7, Event.RESUME), instant(500))
    assert resumed.window == at(Station.WATCHING).window


def test_a_retry_begins_anew() -> None:
    again = advance(at(Station.ROLLED_BACK), Moved(7, Event.RETRY), instant(50))
    assert (again.station, again.attempt, again.step, again.used) == (Station.WAITING, 2, -1, 0.0)


def test_a_record_of_another_release_is_damage() -> None:
    with pytest.raises(LedgerDamaged):
        advance(at(Station.WATCHING), Moved(8, Event.PAUSE), instant(1))


def test_what_is_committed_runs_everywhere() -> None:
    assert set(COMMITTED).isdisjoint(RETURNING)
    assert goes_to(Station.CLOSING, None, Event.YES) in COMMITTED

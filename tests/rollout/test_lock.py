from __future__ import annotations

import pytest
from attrs import evolve
from hotpatch_agent.rollout.lock import Course, admit, held, may_lock
from hotpatch_agent.rollout.progress import Locked, Progress, Unlocked
from hotpatch_agent.rollout.states import ENDED, RETURNING, Station

from tests.rollout.world import World

LOCK = Locked("ann", "an incident is being looked into")


def at(station: Station) -> Progress:
    return evolve(World().progress, station=station, back=Station.WATCHING)


def test_nothing_under_way_lets_a_push_go() -> None:
    assert admit(None, None, "bob", False, False).course is Course.GO


@pytest.mark.parametrize("station", Station)
def test_a_push_during_a_rollout_is_refused_unless_it_has_ended(station: Station) -> None:
    admission = admit(None, at(station), "bob", supersede=False, force=True)
    assert admission.course is (Course.GO if station in ENDED else Course.REFUSE)
    assert not admission.locked


@pytest.mark.parametrize("station", Station)
def test_a_push_that_asks_for_it_supersedes_or_waits_for_the_moment(station: Station) -> None:
    course = admit(None, at(station), "bob", supersede=True, force=False).course
    if station in ENDED:
        assert course is Course.GO
    elif station in RETURNING or station is Station.PROMOTING:
        assert course is Course.WAIT
    else:
        assert course is Course.SUPERSEDE


def test_a_lock_refuses_everybody_but_its_owner_and_says_whose_it_is() -> None:
    admission = admit(LOCK, None, "bob", supersede=True, force=False)
    assert (admission.course, admission.locked) == (Course.REFUSE, True)
    assert "ann" in admission.reason and LOCK.message in admission.reason
    assert admit(LOCK, None, "ann", False, False).course is Course.GO
    assert admit(LOCK, None, "bob", False, force=True).course is Course.GO


def test_only_the_owner_or_force_unlocks() -> None:
    assert may_lock(None, "bob", False) == ""
    assert may_lock(LOCK, "ann", False) == ""
    assert may_lock(LOCK, "bob", True) == ""
    assert "ann holds the deploy lock" in may_lock(LOCK, "bob", False)


def test_the_lock_is_what_the_last_record_says() -> None:
    assert held(None, LOCK) == LOCK
    assert held(LOCK, Unlocked("ann")) is None

"""A push finds its own answer in the ledger, and knows an end when it sees one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hotpatch_agent.cli.follow import Ending, Trail, follow
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import Fact, How
from hotpatch_agent.home.folder import Service, create
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Problem

from tests.agent.samples import at, digest

NO = Problem("CheckFailed", 21, "no")
OFFERED = facts.Offered(3, digest(3), "mine.bundle")
OTHERS = facts.Offered(2, digest(2), "yours.bundle")
REHEARSED = facts.Rehearsed(3, digest(3), How.LIVE, "1-1")
COMMITTED = facts.Committed(3, digest(3), How.LIVE)
SETTLED = facts.Settled(3, digest(3), 4)
FAILED = facts.Failed(3, digest(3), NO)


def trail(*history: Fact, name: str = "mine.bundle") -> Trail:
    found = Trail(name, at(10.0))
    for number, fact in enumerate(history):
        found = found.after(Record(number + 1, at(10.5 + number), "1-1", fact, "", ""))
    return found


@pytest.mark.parametrize(
    ("history", "ending"),
    [
        ((), None),
        ((OTHERS,), None),
        ((OTHERS, facts.Failed(2, digest(2), NO)), None),
        ((OFFERED, REHEARSED, COMMITTED), None),
        ((OFFERED, REHEARSED, COMMITTED, SETTLED), Ending.DONE),
        ((OFFERED, FAILED), Ending.REFUSED),
        ((OFFERED, REHEARSED, FAILED), Ending.REFUSED),
        ((facts.Refused("yours.bundle", NO),), None),
        ((facts.Refused("mine.bundle", NO),), Ending.REFUSED),
        ((OFFERED, REHEARSED, COMMITTED, facts.RolledBack(3, 0, "worse")), Ending.REVERTED),
        ((OFFERED, facts.Quarantined(3, digest(3), "crashed")), Ending.REVERTED),
        ((OFFERED, REHEARSED, COMMITTED, facts.Quarantined(3, digest(3), "crashed")), Ending.REVERTED),
        ((OFFERED, REHEARSED, COMMITTED, facts.Quarantined(1, digest(1), "below")), Ending.REVERTED),
    ],
)
def test_the_end_of_a_push(history: tuple[Fact, ...], ending: Ending | None) -> None:
    end = trail(*history).end

    assert (end.ending if end else None) is ending


BACK = facts.RolledBack(3, 2, "asked for", "mine.request")


@pytest.mark.parametrize(
    ("history", "ending"),
    [
        ((BACK,), None),
        ((facts.RolledBack(3, 2, "", "yours.request"), facts.Settled(2, digest(2), 4)), None),
        ((BACK, facts.Settled(2, digest(2), 4)), Ending.DONE),
        ((BACK, facts.RolledBack(2, 0, "further", "yours.request")), Ending.REVERTED),
        ((facts.Failed(3, digest(3), NO, request="mine.request"),), Ending.CALLED_OFF),
        ((facts.Refused("mine.request", NO),), Ending.REFUSED),
    ],
)
def test_the_end_of_a_rollback(history: tuple[Fact, ...], ending: Ending | None) -> None:
    end = trail(*history, name="mine.request").end

    assert (end.ending if end else None) is ending


def test_the_time_is_from_the_push_to_the_record_that_ends_it() -> None:
    end = trail(OFFERED, REHEARSED, COMMITTED, SETTLED).end

    assert end is not None
    assert (end.seconds, end.workers, end.version) == (3.5, 4, 3)


def test_what_comes_after_the_end_changes_nothing() -> None:
    ended = trail(OFFERED, REHEARSED, COMMITTED, SETTLED)

    assert ended.after(Record(9, at(99), "1-1", facts.RolledBack(3, 0, ""), "", "")) is ended


@pytest.mark.parametrize("watched", [True, False])
def test_an_answer_is_seen_with_and_without_a_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    if not watched:
        monkeypatch.setattr("hotpatch_agent.cli.follow.Watch", _no_watch)
    home = create(tmp_path / "home", Service("shop", "test", "a:a"))
    history, other = History(home.ledger), History(home.ledger)
    history.refresh()
    other.refresh()
    ends = []
    for glance in follow(home, history, Trail("mine.bundle", at(10.0)), 60.0):
        ends.append(glance.trail.end)
        if len(ends) == 1:
            other.append(facts.Refused("mine.bundle", NO), "1-1", at(11.0))

    assert ends[0] is None
    assert ends[-1] is not None
    assert ends[-1].problem == NO


def _no_watch() -> None:
    raise OSError(24, "Too many open files")


def test_following_ends_when_the_time_is_over(tmp_path: Path) -> None:
    home = create(tmp_path / "home", Service("shop", "test", "a:a"))
    history = History(home.ledger)

    glances = list(follow(home, history, Trail("mine.bundle", at(10.0)), 0.1))

    assert glances[-1].trail.end is None

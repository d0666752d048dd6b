"""How long a replacement may take, until its successor serves and after that."""

from __future__ import annotations

from attrs import evolve
from hotpatch_agent.decision.decide import wake_in
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Life

from tests.agent.rounds import decide, see, the_record
from tests.agent.samples import at, status, told

OLD, OTHER, NEW = status(1), status(2, started=20.0), status(3, started=20.0)
SINCE, LIMIT = 20.0, 120.0
GOING = told(facts.Reloading("ann"), facts.Replacing(OLD.worker, 2, "a reload was asked for"), tick=SINCE)
PAST = SINCE + LIMIT + 1


def test_a_successor_that_does_not_serve_in_time_ends_a_reload() -> None:
    end = the_record(decide(GOING, see(OLD, OTHER), PAST))
    assert isinstance(end, facts.Reloaded)
    assert end.problem is not None
    assert "no successor of worker 1-1 was serving after 120 s" in end.problem.text


def test_where_its_successor_serves_an_old_worker_has_time_to_go() -> None:
    up = see(OLD, OTHER, NEW, wanted=2)
    assert not [one for one in decide(GOING, up, PAST) if hasattr(one, "fact")]
    assert 0 < wake_in(GOING, up, at(PAST)) <= LIMIT


def test_an_old_worker_that_does_not_go_at_all_is_what_is_said() -> None:
    end = the_record(decide(GOING, see(OLD, OTHER, NEW, wanted=2), PAST + LIMIT))
    assert isinstance(end, facts.Reloaded)
    assert end.problem is not None
    assert "worker 1-1 did not go within 240 s, though there are others in its place" in end.problem.text


def test_one_that_is_leaving_has_all_the_time_that_the_server_gives_it() -> None:
    seen = see(evolve(OLD, life=Life.LEAVING), OTHER, NEW, wanted=2)
    assert the_record(decide(GOING, seen, PAST)) == facts.Replaced(OLD.worker)

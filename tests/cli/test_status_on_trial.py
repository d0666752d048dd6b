"""What `status` says of a release that is on trial."""

from __future__ import annotations

from pathlib import Path

import pytest
from hotpatch_agent import clock
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.folder import Home, Service, create
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.strategy_file import read

from .conftest import Cli

DIGEST = "d" * 64
OFFERED = facts.Offered(1, DIGEST, "one.bundle", "", Terms())
REHEARSED = facts.Rehearsed(1, DIGEST, facts.How.LIVE, "1-1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return create(tmp_path / "home", Service("shop", "test", "shop:app"))


def tells(home: Home, *told: facts.Fact) -> None:
    history = History(home.ledger)
    history.refresh()
    for fact in told:
        history.append(fact, "1-1", clock.now())


def test_a_release_that_is_being_built_is_said_to_be(home: Home, cli: Cli) -> None:
    tells(home, OFFERED, REHEARSED)
    assert "release 1 is being built in every worker" in cli("status", "--home", home.path).out


def test_a_release_on_trial_is_where_its_rollout_is(home: Home, cli: Cli) -> None:
    strategy = read("", {"strategy": "canary", "steps": "5%", "manual": "yes"})
    began = Began(1, DIGEST, strategy, "one.bundle")
    moves = [Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), Moved(1, Event.REACHED)]
    tells(home, OFFERED, REHEARSED, began, *moves)
    said = cli("status", "--home", home.path).out
    assert "The rollout of release 1 is watching, step 1 of 1 (5 %)" in said
    assert "is being built" not in said

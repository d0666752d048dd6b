"""Every worker class of gunicorn under pushes, rollbacks and canaries: no request sees two versions, none
fails, no worker is replaced.  The long run is `make mixtures`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.by_class import by_class
from tests.matrix.program import CLASSES
from tests.matrix.releases import ALL, PLAIN
from tests.matrix.run import run
from tests.matrix.traffic import Account


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CLASSES)
def test_no_request_sees_a_mixture_and_none_fails(tmp_path: Path, name: str) -> None:
    outcome = run(CLASSES[name], tmp_path, lambda steps, _: steps >= len(ALL))
    found = outcome.account
    assert (found.mixed, found.errors) == (0, 0), found.samples
    assert outcome.same_workers
    assert {"promoted", "aborted", "rollback", "push"} == outcome.steps.keys()
    assert found.by_way.keys() == ways_of(name)
    assert len(found.versions) > 2


def ways_of(name: str) -> set[str]:
    of = CLASSES[name]
    return {*of.paths, *(["/events"] if of.long else []), *(["websocket"] if of.sockets else [])}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", by_class(CLASSES))
def test_without_pins_there_are_mixtures(tmp_path: Path, name: str) -> None:
    """What the test above looks for does happen."""

    def seen(steps: int, so_far: Account) -> bool:
        return so_far.mixed > 0 or steps >= 10 * len(PLAIN)

    assert run(CLASSES[name], tmp_path, seen, pinned=False).account.mixed > 0

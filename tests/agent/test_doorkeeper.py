"""One worker's doors go by its set, and it looks at the others for as long as its part depends on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.status import Life, Status
from hotpatch_agent.process.doors import is_shut
from hotpatch_agent.worker.doorkeeper import Doorkeeper

from tests.agent.test_waiting import FLIPPED, NEW, NEW_SERVE, OLD, OLD_WAIT, STARTED

WORKERS = Path("workers")


class Watched:
    """A watch that only says on what."""

    def __init__(self) -> None:
        self.on: set[Path] = set()
        self.add, self.remove = self.on.add, self.on.discard


@pytest.fixture
def worker() -> Iterator[Any]:
    """A sync worker, as far as its doors are concerned."""
    pipe = os.pipe()
    yield SimpleNamespace(accept=lambda listener: None, sockets=["a listener"], PIPE=pipe, wait_fds=[])
    for end in pipe:
        os.close(end)


def minded(keeper: Doorkeeper, state: State, status: Status, *others: Status, leads: bool = False) -> Status:
    return keeper.mind(state, status, lambda: (status, *others), leads)


def test_a_worker_that_is_to_wait_is_shut_before_it_has_accepted_anything(worker: Any) -> None:
    keeper = Doorkeeper(worker, Watched(), WORKERS)  # type: ignore[arg-type]
    keeper.enter(STARTED, NEW[0], lambda: (*OLD, NEW[0]))
    assert is_shut(worker)


def test_it_opens_at_the_flip_and_the_old_one_shuts(worker: Any) -> None:
    keeper = Doorkeeper(worker, Watched(), WORKERS)  # type: ignore[arg-type]
    assert minded(keeper, FLIPPED, NEW[0], *OLD).life is Life.SERVING
    assert not is_shut(worker)
    assert minded(keeper, FLIPPED, OLD[0], *NEW_SERVE).life is Life.WAITING
    assert is_shut(worker)


def test_it_looks_at_the_others_no_longer_than_its_part_depends_on_them(worker: Any) -> None:
    watch = Watched()
    keeper = Doorkeeper(worker, watch, WORKERS)  # type: ignore[arg-type]
    minded(keeper, FLIPPED, NEW[0], *OLD)
    assert watch.on == {WORKERS}
    minded(keeper, FLIPPED, NEW_SERVE[0], *OLD_WAIT, leads=True)
    assert watch.on == {WORKERS}
    minded(keeper, FLIPPED, NEW_SERVE[0], *OLD_WAIT)
    assert watch.on == set()

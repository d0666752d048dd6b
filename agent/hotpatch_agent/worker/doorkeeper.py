"""Opens and shuts one worker's doors as it is for the set of workers to which it belongs (`two_sets`), and
after it has proven itself (`proving`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.two_sets import are_up, is_to_wait
from hotpatch_agent.decision.view import runs_head
from hotpatch_agent.home.status import HERE, Life, Status
from hotpatch_agent.home.watch import Watch
from hotpatch_agent.process.doors import doors_of
from hotpatch_agent.worker.proving import Proving

Alive = Callable[[], Sequence[Status]]
"""Gives all workers that live, this one among them."""


class Doorkeeper:
    """Made when the worker is about to accept; not thread-safe after that."""

    def __init__(self, worker: Any, watch: Watch, workers: Path, proving: Proving | None = None) -> None:
        self._doors = doors_of(worker)
        self._watch = watch
        self._workers = workers
        self._proving = proving
        self._looks = False

    def enter(self, state: State, status: Status, alive: Alive) -> None:
        """The worker begins with its doors shut if it is to wait, or has to prove itself first."""
        proving = self._proving is not None and self._proving.begin(state, alive())
        if self._doors is not None and (proving or self._waits(state, status, alive)):
            self._doors.turn(open_=False)

    def let_in(self, state: State, status: Status, alive: Alive) -> bool:
        """Has the worker proven itself, where it has to?  Then it may open, unless it is to wait."""
        if self._proving is None or not self._proving.is_due:
            return True
        if not self._proving.passes(state, alive()):
            return False
        if self._doors is not None and not self._waits(state, status, alive):
            self._doors.turn(open_=True)
        return True

    def _waits(self, state: State, status: Status, alive: Alive) -> bool:
        return _depends(state, status) and is_to_wait(state, status, alive())

    def mind(self, state: State, status: Status, alive: Alive, leads: bool) -> Status:
        """Turns the doors if they are not as they should be; what the worker is then.  One that `leads` looks
        at the others anyhow."""
        if self._doors is None or status.life not in HERE:
            return status
        if not _depends(state, status):
            if self._looks and not leads:
                self._looks = False
                self._watch.remove(self._workers)
            return status
        self._watch.add(self._workers)  # as long as its part depends on what the others do
        self._looks = True
        waits = is_to_wait(state, status, alive())
        if waits is (status.life is Life.WAITING):
            return status
        self._doors.turn(open_=not waits)
        return evolve(status, life=Life.WAITING if waits else Life.SERVING)


def _depends(state: State, status: Status) -> bool:
    """Can it be that this worker is to wait, or no longer to wait?"""
    return status.life is Life.WAITING or (are_up(state) and not runs_head(state, status))

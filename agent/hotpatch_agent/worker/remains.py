"""What still runs old code in this worker: requests by their pins, threads and tasks by their frames.

Belongs to the agent's thread.  A look costs time for every frame of the process, so there are none once
nothing is left, and where a request is, which changes all the time, is told anew every few seconds only.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from hotpatch import epochs
from hotpatch_agent.home.status import Blocker
from hotpatch_agent.process import adopt
from hotpatch_agent.process.program import Program

TEND: Final = 0.25
"""Seconds between two looks at whether the last request on old code has ended."""
FRAMES: Final = 3.0
"""Seconds between two looks at frames."""
LASTING: Final = 0.5
"""Seconds after which a request is one of those whose place is worth a look."""
MOST: Final = 20
"""Blockers that a status names."""


class Remains:
    """Asked by `Tasks` after each commit and way back, until nothing is left."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._began = 0.0
        self._is_over = True
        self._looked = 0.0
        self._seen: tuple[str, ...] = ()
        self._blockers: tuple[Blocker, ...] = ()

    @property
    def wait(self) -> float:
        """Seconds until the next look."""
        return FRAMES if epochs.is_plain() else TEND

    def begin(self) -> None:
        """A release has gone in, or was taken back: from now on there may be something left of the old."""
        self._began, self._is_over, self._looked = time.time(), False, 0.0

    def look(self) -> tuple[Blocker, ...]:
        """What runs old code now, the longest first."""
        if self._is_over and epochs.is_plain():
            return ()
        flights = [one for one in epochs.requests_in_flight() if one.epoch < epochs.current()]
        seen = tuple(one.what for one in flights)
        lasting = any(one.seconds > LASTING for one in flights) or not flights
        due = time.monotonic() - self._looked > FRAMES and lasting
        if due or seen != self._seen:
            self._seen = seen
            self._blockers = self._requests(flights, epochs.current(), due)
            if due:
                self._looked = time.monotonic()
        self._is_over = not self._blockers and epochs.is_plain()
        return self._blockers[:MOST]

    def requests(self, seconds: float) -> tuple[Blocker, ...]:
        """Requests in flight that have lasted for so long, whatever they run."""
        return tuple(
            _request(one.what, one.seconds, one.where)
            for one in epochs.located(sys.maxsize, str(self._program.root))
            if one.seconds >= seconds
        )[:MOST]

    def _requests(self, flights: list[epochs.InFlight], below: int, with_frames: bool) -> tuple[Blocker, ...]:
        if not with_frames:
            known = {one.what: one.where for one in self._blockers}
            rest = tuple(one for one in self._blockers if one.kind != "request")
            return (*(_request(one.what, one.seconds, known.get(one.what, "")) for one in flights), *rest)
        placed = epochs.located(below, str(self._program.root))
        holders = {holder for one in placed for holder in one.holders}
        return (*(_request(one.what, one.seconds, one.where) for one in placed), *self._frames(holders))

    def _frames(self, besides: set[str]) -> tuple[Blocker, ...]:
        """Of what no request runs: background work, which has no pin and stays on the code it began with."""
        running = [layer.running for layer in self._program.layers]
        came = [one.prepared.staged for one in running if isinstance(one, adopt.Running)]
        went = [one.staged for one in self._program.former.values()]
        found = [each for staged in came for each in staged.on_old_code()]
        found += [each for staged in went for each in staged.on_old_code(undone=True)]
        told = {}
        for each in found:
            if each.holder not in besides:
                kind, _, name = each.holder.partition(" ")
                where = f"{each.qualname} ({each.file}, line {each.line})"
                told[kind, name, each.qualname] = Blocker(kind, where, name, round(self._began, 2))
        return tuple(told.values())


def _request(what: str, seconds: float, where: str) -> Blocker:
    return Blocker("request", where, what, round(time.time() - seconds, 1))

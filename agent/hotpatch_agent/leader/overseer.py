"""The leader's part in a rollout: looks at it, and tells what was decided about it.

Everything here may be lost with its leader; the next one looks again, and tells on from where the sinks are.
Belongs to the agent's thread.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from attrs import evolve

from hotpatch.errors import HotpatchError
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.home import measuring
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.status import Life
from hotpatch_agent.rollout import events
from hotpatch_agent.rollout.observe import Look, Observer
from hotpatch_agent.rollout.progress import Moved
from hotpatch_agent.rollout.strategy import EventSpec

CURSORS = "events.json"
"""The file of the home folder that says how far each sink of events has been told."""


class Overseer:
    """`wake`: called when something that was asked has answered."""

    def __init__(self, home: Home, history: History, wake: Callable[[], None], log: Any) -> None:
        self._home = home
        self._history = history
        self._log = log
        self._identity = {"service": home.service.name, "environment": home.service.environment}
        self._observer = Observer(self._identity, wake)
        self._teller: events.Teller | None = None
        self._specs: tuple[EventSpec, ...] = ()
        self._since = math.inf
        """Records before this one were logged by an earlier leader."""

    def begin(self) -> None:
        """On becoming the leader."""
        self._since = self._history.state.seq
        handlers = getattr(getattr(self._log, "error_log", None), "handlers", [])
        events.log.setLevel(logging.INFO)
        for handler in handlers:
            if handler not in events.log.handlers:
                events.log.addHandler(handler)

    def look(self, seen: Observations) -> Observations:
        """What was seen, with what can be seen of the rollout under way."""
        progress = self._history.state.underway
        if progress is None:
            return seen
        serving = [one for one in seen.alive if one.life is Life.SERVING]
        measured = measuring.read_all(self._home.workers, serving)
        return evolve(seen, rollout=self._observer.look(progress, Look(measured, reached=False)))

    def due(self) -> float:
        """Seconds after which there may be something new to see; infinite if never."""
        return self._observer.due() if self._history.state.underway is not None else math.inf

    def tell(self) -> None:
        """Tell what was decided since; returns at once."""
        progress = self._history.state.progress
        if progress is None:
            return
        specs = progress.strategy.events
        if self._teller is None or specs != self._specs:
            self._renew(specs)
        assert self._teller is not None
        self._teller.tell(
            events.described(record.seq, record.at, record.fact, after, self._identity)
            for record, after in self._history.moves
            if isinstance(record.fact, Moved) and (specs or record.seq > self._since)
        )

    def _renew(self, specs: tuple[EventSpec, ...]) -> None:
        self.stop()
        try:
            self._teller = events.Teller(specs, self._home.path / CURSORS)
        except HotpatchError as error:
            self._log.error("hotpatch: events are not told: %s", error)
            self._teller = events.Teller((), self._home.path / CURSORS)
        self._specs = specs

    def stop(self) -> None:
        """This worker leads no more."""
        if self._teller is not None:
            self._teller.stop()
            self._teller = None

"""The history as a simulated worker reads and writes it: real, and overheard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.ledger import Record

from tests.simulation.disk import ProcessFiles


class Noted(History):
    """A history that tells what its owner was promised to be durable."""

    _files: ProcessFiles
    promised: Callable[[Record], None]
    read_at = -1
    """How often the folder had changed when all of it was read."""

    def refresh(self) -> tuple[Record, ...]:
        if self._files.changed(str(self._folder)) == self.read_at and self._files.passes(1):
            return ()  # what listing it again would come to
        changed, self.read_at = self._files.changed(str(self._folder)), -1
        records = super().refresh()
        if self.ledger.torn is None:
            self.read_at = changed
        return records

    def append(self, fact: facts.Fact, who: str, at: Any) -> Record:
        record = super().append(fact, who, at)
        self.promised(record)
        return record

    def compact(self, who: str, at: Any, after: int = 12, keep: int = 3) -> bool:
        """Often, so that schedules see it."""
        return super().compact(who, at, after, keep)

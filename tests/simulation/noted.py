"""The history as a simulated worker reads and writes it: real, and overheard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.ledger import Record


class Noted(History):
    """A history that tells what its owner was promised to be durable."""

    promised: Callable[[Record], None]

    def append(self, fact: facts.Fact, who: str, at: Any) -> Record:
        record = super().append(fact, who, at)
        self.promised(record)
        return record

    def compact(self, who: str, at: Any, after: int = 12, keep: int = 3) -> bool:
        """Often, so that schedules see it."""
        return super().compact(who, at, after, keep)

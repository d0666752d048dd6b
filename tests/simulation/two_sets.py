"""Schedules in which releases that go in by reload are pushed blue-green: two sets of workers, one waits.

Among those of `service` one in a hundred comes so far.
"""

from __future__ import annotations

from typing import Final

from tests.simulation import service
from tests.simulation.service import SimService

KINDS: Final = {"rude": 12, "unbootable": 2, "poisons": 1, "unready": 2, "good": 2, "apart": 1}
EVENTS: Final = 300
"""Until two sets have been up, and one has gone."""
STRATEGIES: Final[tuple[dict[str, str], ...]] = (
    {"strategy": "blue-green", "keep": "5s"},
    {"strategy": "blue-green", "keep": "60s"},
    {"strategy": "blue-green", "keep": "5s", "manual": "yes", "deadline": "90s"},
    {"strategy": "rolling", "healthy": "1s", "deadline": "60s"},
)


class TwoSets(SimService):
    """A service to which such releases are pushed, and nothing is deployed."""

    def __init__(self, seed: int, events: int) -> None:
        super().__init__(seed, events)
        self.trials = True
        self.happens = {**service.EVENTS, "hup": 0.7}

    def _kind(self) -> str:
        return self.rng.choices(list(KINDS), list(KINDS.values()))[0]

    def _strategy(self) -> dict[str, str]:
        return self.rng.choices(STRATEGIES, (3, 3, 3, 1))[0]

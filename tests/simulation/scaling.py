"""Schedules in which people change how many workers there are to be while workers are replaced, or just have
been, and leaders die with orders to the master out.

Among those of `service` few come so far.
"""

from __future__ import annotations

from typing import Final

from tests.simulation import service
from tests.simulation.service import SimService

KINDS: Final = {"rude": 12, "good": 3, "held": 3, "unbootable": 2, "poisons": 1, "unready": 2, "apart": 1}
EVENTS: Final = 200
"""Until several have been replaced, and the number has been changed at each moment of it."""


class Scaling(SimService):
    """A service that is scaled all the time."""

    def __init__(self, seed: int, events: int) -> None:
        super().__init__(seed, events)
        self.happens = {**service.EVENTS, "scale": 4.0, "orphan": 3.0, "wait": 4.0, "reload": 2.0, "hup": 0.3}

    def _kind(self) -> str:
        return self.rng.choices(list(KINDS), list(KINDS.values()))[0]

    def _orphan(self) -> None:
        """Whoever has just given the master an order, or was about to, dies; often for long before the next
        leader looks round."""
        leads = [one for one in self.alive() if one.lock is not None and one.leads]
        if leads:
            self.rng.choice(leads).process.kill()
            if self.rng.random() < 0.5:
                self.master.turn()
                self.machine.pass_time(self.rng.uniform(50.0, 90.0))

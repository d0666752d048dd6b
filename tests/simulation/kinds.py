"""The kinds of schedule, by the names that the command line has for them; with how much happens in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.simulation import scaling, two_sets
from tests.simulation.service import SimService

KINDS: Final[Mapping[str, tuple[type[SimService], int]]] = {
    "ordinary": (SimService, 120),
    "two-sets": (two_sets.TwoSets, two_sets.EVENTS),
    "scaling": (scaling.Scaling, scaling.EVENTS),
}

"""Whether requests are being served: what the agent's own work rests for (`hotpatch.pace`)."""

from __future__ import annotations

import math
import time
from typing import Final

from hotpatch import epochs

OF_LATE: Final = 0.1
"""Seconds.  Short requests come and go between two looks; the next one isn't far."""


class Traffic:
    """For one thread that looks now and then."""

    def __init__(self) -> None:
        self._answered = 0
        self._seen = -math.inf

    def is_on(self) -> bool:
        """Is a request in flight, or was one answered of late?"""
        answered, now = epochs.totals().requests, time.monotonic()
        if answered != self._answered or epochs.is_busy():
            self._answered, self._seen = answered, now
        return now - self._seen < OF_LATE

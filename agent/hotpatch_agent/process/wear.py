"""A worker that has answered `max_requests` requests is replaced with care, if the service asks for it.

gunicorn's own way is that the worker leaves, and another is started when it has gone: with few workers and a
slow start, nobody serves meanwhile.  With the service's setting `recycle=careful` the worker says that it is
worn, and is replaced as for a reload: a successor serves first.  One that nobody replaces leaves by itself.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

SETTING: Final = "recycle"
CAREFUL: Final = "careful"
LOOK: Final = 1.0
"""Seconds between two looks at how many requests were answered."""
PATIENCE: Final = 180.0
"""Seconds after which a worn worker leaves by itself: nobody leads, or nothing can be decided."""


class Wear:
    """One worker's; for the agent's thread once the worker serves."""

    def __init__(self, worker: Any, settings: Mapping[str, str]) -> None:
        """Takes the counting over from the server, before it serves, if that is asked for."""
        self._limit: int | None = None
        self._since: float | None = None
        if settings.get(SETTING) == CAREFUL and getattr(worker, "max_requests", sys.maxsize) < sys.maxsize:
            self._limit = worker.max_requests
            worker.max_requests = sys.maxsize
            if hasattr(worker, "callback_notify"):  # uvicorn's
                worker.config.limit_max_requests = None

    @property
    def look(self) -> float:
        """Seconds until the next look is due; infinite if none ever is."""
        return float("inf") if self._limit is None else LOOK

    def worn(self, answered: int) -> str:
        """Why this worker is to be replaced; empty if it is not."""
        if self._limit is None or answered < self._limit:
            return ""
        if self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > PATIENCE:
            os.kill(os.getpid(), signal.SIGTERM)
        return f"it has answered {self._limit} requests (max_requests)"

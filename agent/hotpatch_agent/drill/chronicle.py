"""The service's ledger, watched by the drill: to act at a moment, not after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hotpatch_agent.decision.history import History
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.home.folder import open_home
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import Station

Seen = TypeVar("Seen")
LOOK_SECONDS = 0.005
PATIENCE_SECONDS = 120.0


class Chronicle:
    """Begins when it is made: what was decided before is no news."""

    def __init__(self, home: Path) -> None:
        self._history = History(open_home(home).ledger)
        self._history.refresh()

    def wait_for(self, kind: type[Any], meanwhile: Callable[[], object] = lambda: None) -> Record:
        """The next record of this kind; `meanwhile` is called between looks.  DrillFailed if none comes."""

        def come() -> Record | None:
            meanwhile()
            news = self._history.refresh()
            return next((record for record in news if isinstance(record.fact, kind)), None)

        return _soon(come, f"the service has decided nothing like {kind.__name__}")

    def wait_until_at(self, station: Station) -> Progress:
        """The rollout, once it stands at this station.  DrillFailed if it never does."""

        def there() -> Progress | None:
            self._history.refresh()
            progress = self._history.state.progress
            return progress if progress is not None and progress.station is station else None

        return _soon(there, f"no rollout is {station.value}")


def _soon(look: Callable[[], Seen | None], missing: str) -> Seen:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise DrillFailed(f"{missing} in {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return found

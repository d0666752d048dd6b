"""A worker that takes another's place proves that it answers, before it accepts anything and before the old
one is asked to go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotpatch.errors import CheckFailed
from hotpatch.release import Check
from hotpatch_agent.decision.states import State
from hotpatch_agent.decision.view import runs_head
from hotpatch_agent.home.probes import read
from hotpatch_agent.home.status import Life, Status
from hotpatch_agent.process import ready

Prove = Callable[[Sequence[Check], Any, Any], None]
"""Asks one after another, of an application in a worker; raises CheckFailed at the first wrong answer."""
Failed = Callable[[CheckFailed, bool], None]
"""Told what it did not answer, and whether it is the release that must answer for that; the worker ends."""


class Proving:
    """What one new worker is asked; made before it accepts, and asked on its agent's thread."""

    def __init__(
        self,
        worker: Any,
        app: Any,
        settings: Mapping[str, str],
        failed: Failed,
        prove: Prove = ready.prove,
    ) -> None:
        self._worker, self._app, self._failed, self._prove = worker, app, failed, prove
        self._probes = read(settings)
        self.is_due = False

    def begin(self, state: State, alive: Sequence[Status]) -> bool:
        """Is it to prove itself?  Only if it takes a place while others serve: with nobody to fall back on, a
        worker that answers wrongly is better than none."""
        serve = any(one.life is Life.SERVING for one in alive)
        self.is_due = bool(self._probes) and state.replacement is not None and serve
        return self.is_due

    def passes(self, state: State, alive: Sequence[Status]) -> bool:
        """Asks, once that is due.  No if the answers are wrong and something depends on them: a reload, which
        ends with the old workers still there, or a release that goes in by new workers.  One in the place of
        a worker that is worn runs what the others run, and is only warned of."""
        self.is_due = False
        try:
            self._prove(self._probes, self._app, self._worker)
        except CheckFailed as error:
            carries_release = _carries_release(state, alive)
            if state.reload is not None or carries_release:
                self._failed(error, state.reload is None)
                return False
            self._worker.log.warning("hotpatch: this worker is not ready, and serves all the same: %s", error)
        return True


def _carries_release(state: State, alive: Sequence[Status]) -> bool:
    on_trial = state.replacement is not None and state.replacement.on != 0
    return on_trial or any(one.life is Life.SERVING and not runs_head(state, one) for one in alive)

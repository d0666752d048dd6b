"""Things that take time, done beside the leader's own work: each in a thread, once, within a limit.

The leader asks `Errands.result(name, ...)` at every wake: the first time starts the work, later ones give
what came of it, or what is said in its stead once its time is over.  Nothing here waits.  The threads are the
system's own, also under gevent.  A thread that does
not come back (a check in Python that hangs) is left behind, and its name is not started again while it lives,
so there are never more threads than names.

Belongs to the agent's one thread, but for the table of results, which each thread writes once, by one store.
A forked child (a rehearsal) must not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

from hotpatch_agent.native import start_thread

Result = TypeVar("Result")


class _Errand(Generic[Result]):
    __slots__ = ("ends", "given_up", "over", "result")

    def __init__(self, work: Callable[[], Result], limit: float, done: Callable[[], None]) -> None:
        self.ends = monotonic() + limit
        self.result: Result | None = None
        self.given_up: Result | None = None

        self.over = False

        def go() -> None:
            self.result = work()
            self.over = True
            done()

        start_thread(go, "hotpatch-errand")


class Errands(Generic[Result]):
    """`wake` is called, in the errand's thread, when one is done: the leader looks again."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._errands: dict[str, _Errand[Result]] = {}

    def result(
        self, name: str, work: Callable[[], Result], limit: float, instead: Callable[[], Result]
    ) -> Result | None:
        """What came of the work of this name; None while it is under way.

        `work` must not raise.  After `limit` seconds the result is `instead()`, whatever comes later.
        """
        errand = self._errands.get(name)
        if errand is None:
            errand = self._errands[name] = _Errand(work, limit, self._wake)
        if errand.given_up is not None:
            return errand.given_up
        if errand.result is not None:
            return errand.result
        if monotonic() > errand.ends:
            errand.given_up = instead()
        return errand.given_up

    def due(self) -> float:
        """Seconds until the next errand under way is given up; infinite if there is none."""
        waits = [
            errand.ends - monotonic()
            for errand in self._errands.values()
            if errand.result is None and errand.given_up is None
        ]
        return max(0.0, min(waits, default=float("inf")))

    def again(self, name: str) -> None:
        """Let this be done anew when it is asked for next, unless its thread still hangs."""
        errand = self._errands.get(name)
        if errand is not None and errand.over:
            del self._errands[name]

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all others, but for those whose threads still hang."""
        wanted = set(names)
        for name, errand in list(self._errands.items()):
            if name not in wanted and errand.over:
                del self._errands[name]

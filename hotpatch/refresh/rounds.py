"""One round of refresh: what runs before a change, and the two passes after it.

```
look ── before of each ──▶ the change ──▶ complete: forget of each, rebuild of each, after of each
                                    └───▶ abandon:                                 after of each
```

- Who takes part is settled when the round begins.
- What handlers look for is looked for before the change: it takes time, in which new code would meet what
  old code computed.  What comes into being meanwhile is found when the change is settled.
- Only `before` of a commit may refuse, by raising.  Then the `after` of those that had agreed runs
  (`Outcome.REFUSED`), the refuser's own doesn't, and nothing has changed.
- A handler whose `before` ran has its `after` run, whatever comes in between.  A handler whose `forget`
  was tried has its `rebuild` tried, even if `forget` raised: something may be half forgotten.
- All forget before any rebuilds, so nobody rebuilds from what another has yet to forget.
- Everything else that raises is reported, and keeps no other handler from its turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from types import TracebackType

from attrs import evolve, frozen

from hotpatch.engine.view import PLAIN_VIEW, View
from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind
from hotpatch.pace import breathe
from hotpatch.refresh.discover import plugins
from hotpatch.refresh.registry import Handler, Step, registered
from hotpatch.refresh.search import instances
from hotpatch.refresh.update import Outcome, Update


@frozen
class Failure:
    """A callback that raised where that can't stop anything any more."""

    handler: str
    step: str
    error: str

    def __str__(self) -> str:
        return f"refresh handler {self.handler}, {self.step}: {self.error}"


@frozen
class Report:
    """What a round did after the change."""

    handlers: tuple[str, ...]
    """Who took part, in order."""
    failures: tuple[Failure, ...]
    """In a rehearsal a failure speaks against the release; in a serving process it is told to the operator.
    """
    seconds: float
    """Wall-clock time of the callbacks after the change."""


def begin(
    ops: Iterable[Op],
    *,
    undo: bool = False,
    app: object = None,
    root: str = "",
    extra: Sequence[Handler] = (),
    view: View = PLAIN_VIEW,
) -> Round:
    """Run `before` of every handler: plugins first, then those registered, then `extra` (the bundle's own).

    Raises PatchRefused, with the reason, if one of them refuses a commit; an undo can't be refused.  What
    comes back must be ended by `complete` or `abandon`; it is a context manager that does so.
    One round at a time, in one thread.
    """
    found, failures = plugins()
    handlers = (*found, *registered(), *extra)
    round_ = Round(Update(tuple(ops), undo=undo, app=app, root=root, view=view), handlers)
    round_._failures += [Failure(name, "load", error) for name, error in failures]
    round_._begin()
    return round_


class Round:
    """What was begun and has to be ended.  `report` says what happened once it is."""

    def __init__(self, update: Update, handlers: Sequence[Handler]) -> None:
        self.update = update
        self._handlers = tuple(handlers)
        self._open: list[Handler] = []
        """Handlers whose `after` is due, in the order of their `before`."""
        self._failures: list[Failure] = []
        self._deferred: BaseException | None = None
        self.report: Report | None = None

    def complete(self) -> Report:
        """The change took effect: forget, rebuild, after.  Raises only what no callback may swallow
        (KeyboardInterrupt and its like), after everyone had their turn."""
        started = time.monotonic()
        self._passes()
        self._end(Outcome.DONE, started)
        assert self.report is not None
        return self.report

    def abandon(self, outcome: Outcome = Outcome.FAILED) -> Report:
        """The change did not happen: nothing is forgotten, and those who were told beforehand are told so."""
        self._end(outcome, time.monotonic())
        assert self.report is not None
        return self.report

    def settle(self) -> Report:
        """Forget and rebuild once more, when nothing runs the old code any more.

        A call that began before the change may have put an old answer into a cache after it was emptied.
        """
        started = time.monotonic()
        self._failures = []
        self._look()
        self._passes()
        return self._report(started)

    def __enter__(self) -> Round:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.complete()
        else:
            self.abandon()

    def _look(self) -> None:
        """Find what any of the handlers will ask for, in one walk: where it fails, each looks for itself."""
        try:
            self.update = evolve(self.update, found=tuple(self._found()))
        except Exception as error:  # noqa: BLE001  # what the program's classes raise
            self._failures.append(Failure("all", "looks_for", _text(error)))

    def _found(self) -> list[object]:
        kinds = tuple(kind for handler in self._handlers for kind in handler.looks_for)
        if not kinds:
            return []
        slots = (op for op in self.update.ops if op.kind is not SlotKind.CODE)
        coming_and_going = (value for op in slots for value in (op.before, op.after))
        elsewhere = (handler.looks_in for handler in self._handlers if handler.looks_in is not None)
        roots = [*self.update.roots(), *(root for look in elsewhere for root in look()), *coming_and_going]
        return instances(kinds, roots)

    def _begin(self) -> None:
        self._look()
        for handler in self._handlers:
            if handler.before is None:
                self._open.append(handler)
                continue
            try:
                handler.before(self.update)
            except Exception as error:
                if self.update.undo:
                    self._failed(handler, "before", error)
                    continue
                self.abandon(Outcome.REFUSED)
                raise PatchRefused(
                    f"refresh handler {handler.name} refuses the change: {_text(error)}"
                ) from error
            except BaseException:
                self.abandon(Outcome.REFUSED)
                raise
            self._open.append(handler)
        breathe()  # the change and the passes after it don't

    def _passes(self) -> None:
        update = evolve(self.update, outcome=Outcome.DONE)
        for handler in self._handlers:
            self._run(handler, "forget", handler.forget, update)
        for handler in self._handlers:
            self._run(handler, "rebuild", handler.rebuild, update)

    def _end(self, outcome: Outcome, started: float) -> None:
        update = evolve(self.update, outcome=outcome)
        while self._open:  # last in, first out: what was halted first goes on last
            handler = self._open.pop()
            self._run(handler, "after", handler.after, update)
        self.update = evolve(self.update, found=None)  # it may be long until this is settled
        self._report(started)
        if self._deferred is not None:
            raise self._deferred

    def _report(self, started: float) -> Report:
        names = tuple(handler.name for handler in self._handlers)
        self.report = Report(names, tuple(self._failures), time.monotonic() - started)
        return self.report

    def _run(self, handler: Handler, name: str, step: Step | None, update: Update) -> None:
        if step is None:
            return
        try:
            step(update)
        except BaseException as error:  # noqa: BLE001  # everyone has their turn before it goes on
            if not isinstance(error, Exception):
                self._deferred = self._deferred or error
            self._failed(handler, name, error)

    def _failed(self, handler: Handler, step: str, error: BaseException) -> None:
        self._failures.append(Failure(handler.name, step, _text(error)))


def _text(error: BaseException) -> str:
    if isinstance(error, PatchRefused):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

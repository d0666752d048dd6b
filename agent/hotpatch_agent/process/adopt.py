"""From one release to another in a process that serves: built beside, committed in one step, taken back.

The parts of `engine`, `epochs` and `refresh` put together for a worker; all of it runs on the agent's thread.
What has a parallel form is installed beside the old code and becomes the default by one flip, waiting for
nobody; anything else goes in at a moment when no request is in flight, with new ones held for a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Final

from attrs import define, evolve, frozen

from hotpatch import authored, engine, epochs, refresh
from hotpatch.engine.commit import current, drifted
from hotpatch.epochs.grades import HANDED_ON
from hotpatch.errors import Busy, CheckFailed, PatchRefused
from hotpatch.ops import Op, SlotKind
from hotpatch.pace import breathe, unpaced
from hotpatch.release import Release
from hotpatch_agent.process import boot
from hotpatch_agent.process.program import Layer, Program
from hotpatch_agent.running import note_epoch

BARRIER_MS: Final = "barrier_ms"
"""The setting of a release that says how long new requests may be held, in milliseconds."""
PATIENCE: Final = 0.25
"""Seconds that a commit side by side waits for threads outside requests to be between two calls; one that
takes a barrier has what is left of its budget."""
FORMER: Final = 4
"""Releases that were taken back here and are kept as they were built."""
UNMEASURED: Final = (
    "the release was built without a measurement of the program, so only a new worker can start on it; "
    "build it where the service's own interpreter and libraries are"
)


class Held(Exception):
    """Requests in flight did not end within the budget; nothing was changed.  Carries the barrier's hold."""

    def __init__(self, hold: epochs.Hold) -> None:
        super().__init__(f"{len(hold.waited_for)} requests did not end within {hold.seconds * 1000:.0f} ms")
        self.hold = hold


class CalledOff(Exception):
    """At the last moment it was not asked for any more; nothing was changed."""


@frozen(eq=False)
class Prepared:
    """A release that is one step away from running."""

    release: Release
    staged: engine.Staged
    version: epochs.Version | None
    """Both versions side by side; None where the release has no such form."""
    handlers: tuple[refresh.Handler, ...] = ()
    """Refresh callbacks that the release brings for its own commit and undo."""
    because: str = ""
    """Why it has no such form."""


@define(eq=False)
class Running:
    """A release that was committed here, with all that it takes to take it back."""

    prepared: Prepared
    app: Any
    undo: engine.Undo | None = None
    below: epochs.Version | None = None
    """With `undo`: the version that it leaves in effect."""
    round: refresh.Round | None = None
    """What is still to be settled."""

    def settle(self) -> None:
        """Once nobody runs the old code any more: forget what it may have computed meanwhile."""
        due, self.round = self.round, None
        if due is not None:
            due.settle()


def prepare(program: Program, release: Release, app: Any) -> Prepared:
    """The release built beside what runs; nothing visible changes.

    Requests may still be on releases before the present one, and stay there.  Raises PatchRefused if the
    release has no live form here.
    """
    epochs.tend()
    staged, written = _stage(program, release, app)
    if because := _needs_a_step(staged):
        return Prepared(release, staged, None, written.handlers, because)
    breathe()
    try:
        version = _side_by_side(staged.ops)
    except (PatchRefused, Busy) as why:
        return Prepared(release, staged, None, written.handlers, str(why))
    return _prepared(release, staged, version, written.handlers)


def _needs_a_step(staged: engine.Staged) -> str:
    """Why the whole release goes in at a moment without requests, whatever its single edits are; empty if
    nothing asks for that."""
    if staged.carry is not None:
        return "what the transformers carry over is live state, which both versions would share"
    if staged.successors:
        return HANDED_ON
    if staged.exchanged:
        names = ", ".join(sorted(old.__qualname__ for old, _ in staged.exchanged.values()))
        return f"another class takes the place of {names}, and an object has one class at a time"
    forwards = next((op.where for op in staged.ops if op.target is not None), "")
    return f"{forwards} can't take the new code, and forwards to another" if forwards else ""


def _prepared(
    release: Release,
    staged: engine.Staged,
    version: epochs.Version,
    handlers: tuple[refresh.Handler, ...],
) -> Prepared:
    note_epoch(version.epoch, release.version)
    return Prepared(release, staged, version, handlers)


def again(program: Program, former: Prepared) -> Prepared | None:
    """A release that ran here and was taken back, one step away from running again; None if it has to be
    built anew, because it has no parallel form or because what it was built on has changed meanwhile.
    """
    ops = former.staged.ops
    if former.version is None or not all(_stands_before(op) for op in ops):
        return None
    try:
        version = _side_by_side(ops)
    except (PatchRefused, Busy):
        return None
    return _prepared(former.release, former.staged, version, former.handlers)


def _stands_before(op: Op) -> bool:
    """Does the slot hold, in the newest version, what the op found in it when it was built?"""
    if op.kind is SlotKind.CALL:
        return True
    view = epochs.view()
    try:
        if not drifted((op,), forward=True, view=view):
            return True
        found = current(op, view)
        return type(found) in (str, int) and bool(found == op.before)
    except (AttributeError, KeyError, TypeError):
        return False


def discard(prepared: Prepared) -> None:
    """The release won't come."""
    undecided = (epochs.State.STAGED, epochs.State.CANARY)
    if prepared.version is not None and prepared.version.state in undecided:
        prepared.version.withdraw()
        epochs.tend()


def commit(
    program: Program,
    prepared: Prepared,
    app: Any,
    budget: float | None = None,
    force: bool = False,
    stands: Callable[[], bool] | None = None,
) -> Running:
    """The one step.  Raises Held if it needs a moment without requests and there was none; nothing was
    changed then.  With `force` it does without that moment: requests in flight see both sides.  `stands` is
    asked when it has its moment: CalledOff if it says no."""
    running = Running(prepared, app)
    if prepared.version is not None:
        _must_stand(stands)
        with _round(program, prepared, app) as running.round:
            prepared.version.flip(_between_calls(prepared, PATIENCE))
            behind = epochs.is_behind()
        if not behind:
            running.round = None
    else:
        running.below = epochs.version_in_effect()
        allowed = _budget(prepared.release) if budget is None else budget
        with _one_step(allowed, force=force) as seconds:
            _must_stand(stands)
            with _round(program, prepared, app) as running.round, ExitStack() as held:
                moment = _between_calls(prepared, allowed - seconds)
                running.undo = engine.commit_now(prepared.staged, lambda: held.enter_context(moment))
        running.round = None
        running.prepared = evolve(prepared, staged=prepared.staged.once_committed())
    program.push(Layer(prepared.release, running))
    note_epoch(epochs.current(), prepared.release.version)
    show(program, prepared.release)
    return running


def _must_stand(stands: Callable[[], bool] | None) -> None:
    if stands is not None and not stands():
        raise CalledOff


def take_back(program: Program, force: bool = False) -> None:
    """The topmost release undone, exactly.  Raises Held, as `commit` does; PatchRefused if it was there from
    the start."""
    layer = program.layers[-1]
    running = layer.running
    if not isinstance(running, Running):
        raise PatchRefused(
            f"the worker was started on release {layer.release.version}: it can't be taken back in it"
        )
    prepared = running.prepared
    if prepared.version is not None:
        with _round(program, prepared, running.app, undo=True):
            prepared.version.rollback(_between_calls(prepared, PATIENCE, undone=True))
    else:
        assert running.undo is not None
        allowed = _budget(prepared.release)
        with _one_step(allowed, running.below, force) as seconds:
            moment = _between_calls(prepared, allowed - seconds, undone=True)
            with _round(program, prepared, running.app, undo=True), moment:
                running.undo.revert()
    program.pop()
    note_epoch(epochs.current(), program.top.version if program.top else 0)
    program.former[layer.release.digest] = prepared
    while len(program.former) > FORMER:
        del program.former[next(iter(program.former))]
    show(program, layer.release)


def show(program: Program, release: Release) -> None:
    """Tracebacks show the sources that run now, for every file that this release touched."""
    over = program.overlay
    for path in release.sources:
        text = over.get(path)
        located = str(program.root / path)
        if text is None:
            boot.show_disk(located)
        else:
            boot.show(located, text)


@define
class Steps:
    """A release applied in a rehearsal child: the `Steps` of `hotpatch.rehearsal`."""

    program: Program
    release: Release
    app: Any
    """The application object, as it was loaded."""
    cumulative: bool = False
    """Does it replace all releases that run?  Then it stands on the disk's code."""
    staged: Any = None
    handlers: tuple[refresh.Handler, ...] = ()

    def stage(self) -> Sequence[str]:
        """Builds it; the blockers, as text."""
        if (undecided := epochs.undecided_version()) is not None:
            undecided.withdraw()
        while self.cumulative and self.program.layers:
            take_back(self.program)
        epochs.tend()  # the requests of the worker do not exist here: whatever they held is let go
        self.staged, written = _stage(self.program, self.release, self.app)
        self.handlers = written.handlers
        return [str(blocker) for blocker in self.staged.blockers]

    def commit(self) -> None:
        """No barrier: there are no requests in the child.  Raises CheckFailed if a refresh handler fails."""
        root = str(self.program.root)
        round_ = refresh.begin(self.staged.ops, app=self.app, root=root, extra=self.handlers)
        with round_:
            engine.commit(self.staged.ops, view=epochs.view())
        self.program.push(Layer(self.release))
        show(self.program, self.release)
        if round_.report is not None and round_.report.failures:
            raise CheckFailed(str(round_.report.failures[0]))

    def prove(self) -> Sequence[str]:
        """What is unlike a fresh start."""
        return engine.prove(self.staged, refresh.remade())


def _side_by_side(ops: Sequence[Op]) -> epochs.Version:
    """Both versions in place, with nothing visible changed.  Raises PatchRefused, with the reason, if the
    edit has no such form, Busy if another version is undecided."""
    # `epochs` knows a function's code by its kind alone.
    return epochs.install([evolve(op, key=None) if op.kind is SlotKind.CODE else op for op in ops])


def _stage(program: Program, release: Release, app: Any) -> tuple[engine.Staged, authored.Authored]:
    if not release.measurement:
        raise PatchRefused(UNMEASURED)
    measurement = engine.Measurement.load(release.measurement)
    breathe()
    written = authored.read(release.transformers)
    root, view = str(program.root), epochs.view()
    staged = engine.stage(measurement, root, app, release.settings, view, written.transformers)
    return staged, written


def _budget(release: Release) -> float:
    """Seconds for which new requests may be held."""
    text = release.settings.get(BARRIER_MS, "")
    return int(text) / 1000 if text.isdecimal() else epochs.BUDGET


def _between_calls(prepared: Prepared, seconds: float, undone: bool = False) -> AbstractContextManager[Any]:
    """A moment when no thread that serves no request is on its way to call, in the way of the one version,
    what another takes the place of.  Where there is none for so long it is any moment: such a thread is not
    waited for, `status` names it."""
    staged = prepared.staged
    if not (names := staged.breaks(undone)):
        return nullcontext()

    def look() -> Sequence[object]:
        return staged.about_to_call(names, epochs.serves, undone) or epochs.about_to_choose(names)

    return engine.moment(look, seconds)


def _round(program: Program, prepared: Prepared, app: Any, undo: bool = False) -> refresh.Round:
    ops, root = prepared.staged.ops, str(program.root)
    return refresh.begin(ops, undo=undo, app=app, root=root, view=epochs.view(), extra=prepared.handlers)


class _one_step:
    """`epochs.one_step` that raises Held where requests did not end in time, unless it is forced; gives the
    seconds for which it waited for them.

    Others wait for its end, so nothing rests within it.
    """

    def __init__(self, budget: float, back_to: epochs.Version | None = None, force: bool = False) -> None:
        self._step = epochs.one_step(budget, back_to, force)
        self._swift = unpaced()
        self._force = force

    def __enter__(self) -> float:
        hold = self._step.__enter__()
        if not hold.quiet and not self._force:
            self._step.__exit__(None, None, None)
            raise Held(hold)
        self._swift.__enter__()
        return hold.seconds

    def __exit__(self, *error: Any) -> None:
        self._swift.__exit__(*error)
        self._step.__exit__(*error)

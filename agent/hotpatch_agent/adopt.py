"""From one release to another in a process that serves: stage beside, commit in one step, take back.

The parts of `engine` and `epochs` put together for a worker.  All of it runs on the agent's thread; the
commit itself happens while no request is in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from attrs import define, frozen

from hotpatch import engine, epochs
from hotpatch.errors import PatchRefused
from hotpatch.release import Release
from hotpatch_agent import boot
from hotpatch_agent.program import Layer, Program

BARRIER_MS: Final = "barrier_ms"
"""The setting of a release that says how long new requests may be held, in milliseconds."""
UNMEASURED: Final = (
    "the release was built without a measurement of the program, so only a new worker can start on it; "
    "build it where the service's own interpreter and libraries are"
)


class Held(Exception):
    """Requests in flight did not end within the budget; nothing was changed.  Carries the barrier's hold."""

    def __init__(self, hold: epochs.Hold) -> None:
        super().__init__(f"{len(hold.waited_for)} requests did not end within {hold.seconds * 1000:.0f} ms")
        self.hold = hold


@define
class Steps:
    """A release applied in a rehearsal child: the `Steps` of `hotpatch.rehearsal`."""

    program: Program
    release: Release
    app: Any
    """The application object, as it was loaded."""
    staged: Any = None

    def stage(self) -> Sequence[str]:
        """Builds it; the blockers, as text."""
        self.staged = stage(self.program, self.release, self.app)
        return [str(blocker) for blocker in self.staged.blockers]

    def commit(self) -> None:
        """No barrier: there are no requests in the child."""
        engine.commit(self.staged.ops)
        self.program.push(Layer(self.release))
        show(self.program, self.release)

    def prove(self) -> Sequence[str]:
        """What is unlike a fresh start."""
        return engine.prove(self.staged)


def stage(program: Program, release: Release, app: Any) -> Any:
    """The release built beside what runs.  Raises PatchRefused: it has no live form here."""
    if not release.measurement:
        raise PatchRefused(UNMEASURED)
    return engine.stage(engine.Measurement.load(release.measurement), str(program.root), app)


def budget(release: Release | None) -> float:
    """Seconds for which new requests may be held."""
    text = release.settings.get(BARRIER_MS, "") if release else ""
    return int(text) / 1000 if text.isdecimal() else epochs.BUDGET


@frozen
class Prepared:
    """A release that is one step away from running."""

    release: Release
    staged: Any


def commit(program: Program, prepared: Prepared, barrier: Callable[[], AbstractContextManager[Any]]) -> None:
    """The one step.  Raises Held if the requests in flight did not end in time; nothing was changed then."""
    with barrier() as hold:
        if not hold.quiet:
            raise Held(hold)
        undo = engine.commit(prepared.staged.ops)
        program.push(Layer(prepared.release, undo.revert))
    show(program, prepared.release)


def take_back(program: Program, barrier: Callable[[], AbstractContextManager[Any]]) -> None:
    """The topmost release undone, exactly.  Raises Held; PatchRefused if it was there from the start."""
    layer = program.layers[-1]
    if layer.undo is None:
        raise PatchRefused(
            f"the worker was started on release {layer.release.version}: it can't be taken back in it"
        )
    with barrier() as hold:
        if not hold.quiet:
            raise Held(hold)
        layer.undo()
        program.pop()
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

"""hotpatch as a worker uses it, for the same suites as `conformance_adapter`: measured and sent as a bundle
sends it, rehearsed in a fork, staged upon what runs, committed beside the old code or in one step, collapsed.

Old frames that go on, which a service names and waits for, are a reason to refuse here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

from hotpatch_agent.process import adopt
from hotpatch_agent.process.program import Layer

from hotpatch import engine, epochs, patching
from hotpatch.engine.world import absolute
from hotpatch.errors import PatchRefused
from hotpatch.foreseen import Foresight
from hotpatch.plan import Effect
from hotpatch.rehearsal import rehearse
from tests import conformance_adapter
from tests.conformance_adapter import prepare, settle, setup

__all__ = ["apply", "prepare", "settle", "setup", "undo"]

PATIENCE: Final = 10.0
"""Seconds."""


class Program:
    """What `adopt` asks of `process.program.Program`, for modules that no agent has loaded."""

    def __init__(self) -> None:
        self.root = ""
        self.layers: tuple[Layer, ...] = ()
        self.former: dict[str, Any] = {}
        self.overlay: dict[str, bytes | None] = {}

    @property
    def top(self) -> Any:
        return self.layers[-1].release if self.layers else None

    def push(self, layer: Layer) -> None:
        self.layers = (*self.layers, layer)

    def pop(self) -> None:
        self.layers = self.layers[:-1]


_program: Any = Program()


def apply(src: str, changed: Sequence[str]) -> None:
    _program.root = absolute(src)
    release = _release(_program.root)
    verdict = rehearse(adopt.Steps(_program, release, None), (), None)
    verdict.raise_refusal()
    if verdict.effect is not Effect.LIVE:
        raise PatchRefused("; ".join(verdict.findings[:3]))
    prepared = adopt.prepare(_program, release, None)
    _wait_for_frames(prepared)
    adopt.commit(_program, prepared, None)
    epochs.tend()
    assert epochs.is_plain()
    settle(src)


def _wait_for_frames(prepared: adopt.Prepared) -> None:
    """Until none is on its way to call new code in the old way."""
    deadline = time.monotonic() + PATIENCE
    while blockers := prepared.staged.blockers_now():
        lasting = [one for one in blockers if one.never_leaves or not one.running]
        if lasting or time.monotonic() > deadline:
            adopt.discard(prepared)
            raise PatchRefused(str((lasting or list(blockers))[0]))


def _release(root: str) -> Any:
    start = patching.here(root, setup=conformance_adapter.set_up_by())
    measurement = engine.measure(conformance_adapter.as_it_runs(), root, start, Foresight)
    version = len(_program.layers) + 1
    return SimpleNamespace(
        measurement=measurement.dump(),
        transformers="",
        settings={},
        version=version,
        digest=str(version),
        sources={},
    )


def undo() -> None:
    adopt.take_back(_program)
    epochs.tend()

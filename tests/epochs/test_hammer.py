"""Short runs of the consistency benchmark: the promise and both controls.  The long run is
`python -m benchmarks.consistency`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.consistency import Hammer, run
from benchmarks.many_places import sources
from benchmarks.two_versions import Program
from tests.epochs.waiting import until


def test_hammer_zero_mixtures() -> None:
    tally, steps = run("epochs", requests=20_000, commits=60, pause=0.004)
    assert tally.mixed == 0, tally.samples
    assert steps["rollbacks"] and steps["canary_steps"] and steps["aborts"]


def test_hammer_controls_show_mixtures() -> None:
    """What `test_hammer_zero_mixtures` looks for does happen, both where edits go in one by one and where
    whole versions are flipped under requests that are not pinned."""
    assert run("swap", requests=5_000, commits=20)[0].mixed > 0
    assert run("unpinned", requests=5_000, commits=100, pause=0.002)[0].mixed > 0


def torn(folder: Path) -> Program:
    """A program between two edits: the new code of a function is there, its new default isn't yet."""
    program = Program(sources(1), folder)
    program["service"].callee.__code__ = (lambda a, b=1, *, c: 1).__code__
    return program


def test_a_control_goes_on_when_a_request_breaks_between_two_edits(tmp_path: Path) -> None:
    program = torn(tmp_path)
    try:
        with Hammer(program, pinned=False) as hammer:
            until(lambda: hammer.total().broken > 10, "requests that broke")
    finally:
        program.close()
    assert hammer.total().requests >= hammer.total().broken


def test_a_request_that_breaks_although_it_is_pinned_fails_the_run(tmp_path: Path) -> None:
    program = torn(tmp_path)
    try:
        with pytest.raises(RuntimeError, match="callee"), Hammer(program, pinned=True) as hammer:
            until(lambda: hammer.errors, "the error is told")
    finally:
        program.close()

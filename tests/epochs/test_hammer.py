"""Short runs of the consistency benchmark: the promise and both controls.  The long run is
`python -m benchmarks.consistency`."""

from __future__ import annotations

from benchmarks.consistency import run


def test_hammer_zero_mixtures() -> None:
    tally, steps = run("epochs", requests=20_000, commits=60, pause=0.004)
    assert tally.mixed == 0, tally.samples
    assert steps["rollbacks"] and steps["canary_steps"] and steps["aborts"]


def test_hammer_controls_show_mixtures() -> None:
    """What `test_hammer_zero_mixtures` looks for does happen, both where edits go in one by one and where
    whole versions are flipped under requests that are not pinned."""
    assert run("swap", requests=5_000, commits=20)[0].mixed > 0
    assert run("unpinned", requests=5_000, commits=100, pause=0.002)[0].mixed > 0

"""Every test of epochs starts and ends with nothing pinned and no policy but the default."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import carry, control, pins, tend, undecided_version
from hotpatch.epochs.versions import is_plain


@pytest.fixture(autouse=True)
def clean_epochs() -> Iterator[None]:
    carry.install()
    assert not pins.open_pins
    yield
    pins.EPOCH.set(pins.DEFAULT)  # a body closed in another thread leaves its released pin in this one
    left = pins.open_pins.copy()
    pins.open_pins.clear()
    if (version := undecided_version()) is not None:
        version.withdraw()
    control.end_canary()
    tend()
    assert pins.policy.gate is None
    assert is_plain()
    assert not left, "a test left a request open"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """`program(name=source, ...)`: modules that live for the test, in this order of import."""
    made: list[Program] = []

    def make(**sources: str) -> Program:
        text = {name: textwrap.dedent(source) for name, source in sources.items()}
        made.append(Program(text, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()

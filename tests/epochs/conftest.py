"""Every test of epochs starts and ends with nothing pinned and no policy but the default."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hotpatch.epochs import carry, control, pins


@pytest.fixture(autouse=True)
def clean_epochs() -> Iterator[None]:
    carry.install()
    assert not pins.open_pins
    yield
    control.end_canary()
    left = pins.open_pins.copy()
    pins.open_pins.clear()
    assert pins.policy.gate is None
    assert not left, "a test left a request open"

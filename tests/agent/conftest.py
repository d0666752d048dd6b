"""Someone with a key, for every test of a real service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.pushing import Pusher


@pytest.fixture
def pusher(tmp_path: Path) -> Pusher:
    return Pusher(tmp_path)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotpatch.refresh import registry
from tests.refresh.programs import Programs, programs


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Programs]:
    yield from programs(tmp_path)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", ())

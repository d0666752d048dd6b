"""Which sources a new worker starts on, told from the disk and the releases alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hotpatch_agent.process.layers import Disk, Layers, digest_of, layer

from hotpatch.plan import Plan
from hotpatch.release import Release

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def release(version: int, base: Mapping[str, str], sources: Mapping[str, str | None]) -> Release:
    return Release(
        service="shop",
        environment="test",
        version=version,
        created=NOW,
        expires=NOW,
        message="",
        python="",
        app="app:app",
        base={path: str(digest_of(text.encode())) for path, text in base.items()},
        sources={path: None if text is None else text.encode() for path, text in sources.items()},
        measurement=b"",
        plan=Plan(()),
        checks=(),
    )


def disk(files: Mapping[str, str]) -> Disk:
    return lambda path: digest_of(files[path].encode()) if path in files else None


ONE = release(1, {"a.py": "0"}, {"a.py": "1", "new.py": "n"})
TWO = release(2, {"a.py": "1", "b.py": "0"}, {"a.py": "2"})
THREE = release(3, {"b.py": "0"}, {"b.py": None})
STACK = (ONE, TWO, THREE)


def told(layers: Layers) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return layers.stack, layers.absorbed, layers.strangers


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.py": "0", "b.py": "0"}, ((1, 2, 3), (), ()), id="the base"),
        pytest.param({"a.py": "1", "new.py": "n", "b.py": "0"}, ((2, 3), (1,), ()), id="the first deployed"),
        pytest.param({"a.py": "2", "new.py": "n", "b.py": "0"}, ((3,), (1, 2), ()), id="the second deployed"),
        pytest.param({"a.py": "2", "new.py": "n"}, ((), (1, 2, 3), ()), id="all deployed"),
        pytest.param({"a.py": "x", "b.py": "0"}, ((), (), (1, 2, 3)), id="something else deployed"),
        pytest.param(
            {"a.py": "0", "b.py": "0", "new.py": "x"}, ((), (), (1, 2, 3)), id="in a new file's place"
        ),
        pytest.param({"a.py": "0", "b.py": "x"}, ((1,), (), (2, 3)), id="something else below the second"),
    ],
)
def test_what_lies_on_disk_decides_what_is_put_over_it(files: Mapping[str, str], expected: object) -> None:
    assert told(layer(STACK, disk(files))) == expected


def test_the_overlay_is_what_the_last_release_says_of_each_file() -> None:
    layers = layer(STACK, disk({"a.py": "0", "b.py": "0"}))
    assert layers.overlay == {"a.py": b"2", "new.py": b"n", "b.py": None}


def test_the_reason_names_the_releases() -> None:
    absorbed = layer(STACK, disk({"a.py": "2", "new.py": "n", "b.py": "0"}))
    assert absorbed.because == "the sources on disk hold releases 1, 2 already"
    strange = layer((ONE,), disk({"a.py": "x"}))
    assert strange.because == "the sources on disk are neither the base of release 1 nor what it makes of it"

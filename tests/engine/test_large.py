"""Gigabytes of arrays are never copied to be described."""

from __future__ import annotations

import array
import tracemalloc

import pytest

from hotpatch.engine.shape import Shapes
from hotpatch.engine.world import World

LARGE = 64 << 20


@pytest.mark.parametrize(
    "make", [bytearray, lambda size: array.array("b", bytes(size))], ids=["bytearray", "array"]
)
def test_a_large_array_is_not_copied(make: object, tmp_path: object) -> None:
    large = make(LARGE)  # type: ignore[operator]
    shapes = Shapes(World(str(tmp_path)))
    tracemalloc.start()
    try:
        kind = shapes.expand(large)[0]
        greatest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kind == "opaque" and greatest < LARGE // 8


@pytest.mark.parametrize(
    "small", [bytearray(b"abc"), array.array("i", [1, 2, 3])], ids=["bytearray", "array"]
)
def test_a_small_one_is_told_by_its_contents(small: object, tmp_path: object) -> None:
    assert Shapes(World(str(tmp_path))).expand(small)[0] == "reduced"

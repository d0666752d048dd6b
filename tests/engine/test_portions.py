"""What a serving process reads is read in portions: the same values, and no portion of the module's size."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpatch.engine.portions import PORTION, cut, join

LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
LONG = st.lists(LEAVES | st.lists(LEAVES, max_size=3), min_size=1, max_size=2).map(
    lambda parts: parts * (2 * PORTION)
)
"""Not of one another: five in each other would have a thousand million entries."""
PLAIN = st.recursive(
    LEAVES | LONG,
    lambda part: (
        st.lists(part) | st.dictionaries(st.text() | st.integers(), part) | st.lists(part).map(tuple)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_what_was_cut_is_joined_again(value: Any) -> None:
    assert join(marshal.loads(marshal.dumps(cut(value)))) == value


@pytest.mark.parametrize("many", [list(range(10_000)), {n: "x" * n for n in range(1_000)}])
def test_no_portion_grows_with_the_whole(many: Any) -> None:
    for value in (many, ("old", many), {"old": (None, many)}):
        found = list(portions(cut(value)))
        assert len(found) > 30
        assert max(len(marshal.loads(one)) for one in found) <= PORTION


def portions(data: Any) -> Iterator[bytes]:
    """All bytes in what was cut, at whatever depth."""
    if type(data) is bytes:
        yield data
    elif type(data) in (list, tuple):
        for part in data:
            yield from portions(part)

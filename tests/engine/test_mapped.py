"""A number that says where a process has something in its memory is told from one that means something."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpatch.engine.mapped import LEAST, Mapped, ranges

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/maps"),  # noqa: PTH110
    reason="nothing tells here what is mapped",
)


@pytest.mark.parametrize(
    "number",
    [id(ctypes._SimpleCData), ctypes._cast_addr, id(LEAST)],
    ids=["a class", "a function of a library", "an object"],
)
def test_what_lies_in_memory_is_an_address(number: int) -> None:
    assert number in Mapped(ranges())


def test_a_text_says_the_same_whatever_the_address() -> None:
    here, there = id([]), id(sys)
    for form in ("{}", "({}, 1)", "<x at {:#x}>", "{:#x}", "{}:{}"):
        assert Mapped(ranges()).without_places(form.format(here, here)) == Mapped(ranges()).without_places(
            form.format(there, there)
        )


@given(st.integers(max_value=LEAST - 1) | st.integers(min_value=1 << 63))
def test_a_number_that_is_no_address_is_told_as_it_is(number: int) -> None:
    text = f"limit {number}"
    assert Mapped(ranges()).without_places(text) == text


@pytest.mark.parametrize(
    "text", ["0123456789", "0000000000", "1.1234567890123", "v1234567890", "'0123456789abcdef'"]
)
def test_digits_that_are_no_number_are_told_as_they_are(text: str) -> None:
    assert Mapped(ranges()).without_places(text) == text

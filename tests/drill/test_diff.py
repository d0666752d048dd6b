"""A diff does what `diff -u` meant, also after the file has changed around it."""

from __future__ import annotations

import difflib

import pytest
from hotpatch_agent.drill.diff import DiffError, apply, parse
from hypothesis import given
from hypothesis import strategies as st

BEFORE = "".join(f"line {number}\n" for number in range(1, 21))
AFTER = BEFORE.replace("line 5\n", "line five\nand a half\n").replace("line 15\n", "")


def unified(before: str, after: str, path: str = "app.py") -> str:
    return "".join(
        difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")
    )


def applied(diff: str, before: str) -> str:
    return apply(parse(diff), {"app.py": before})["app.py"]


def test_a_diff_makes_the_new_file_of_the_old() -> None:
    assert applied(unified(BEFORE, AFTER), BEFORE) == AFTER


texts = st.lists(st.sampled_from(["a", "b", "c", "", "-- x", "++ y", "@@ -1 +1 @@"]), min_size=1).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(texts, texts)
def test_any_diff_makes_the_new_file_of_the_old(before: str, after: str) -> None:
    if before != after:
        assert applied(unified(before, after), before) == after


def test_a_hunk_is_found_where_its_lines_have_moved() -> None:
    moved = "new at the top\n" * 7 + BEFORE
    assert applied(unified(BEFORE, AFTER), moved) == "new at the top\n" * 7 + AFTER


def test_a_hunk_fits_though_its_outermost_context_has_changed() -> None:
    changed = BEFORE.replace("line 2\n", "line two\n").replace("line 18\n", "line eighteen\n")
    expected = AFTER.replace("line 2\n", "line two\n").replace("line 18\n", "line eighteen\n")
    assert applied(unified(BEFORE, AFTER), changed) == expected


def test_of_several_places_the_nearest_is_taken() -> None:
    block = "start\nvalue\nend\n"
    before = block + "gap\n" * 20 + block
    after = block + "gap\n" * 20 + block.replace("value", "other")
    assert applied(unified(before, after), before) == after


def test_a_hunk_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(DiffError, match=r"app\.py: the hunk for line \d+ does not fit"):
        applied(unified(BEFORE, AFTER), BEFORE.replace("line 5\n", "line V\n"))


def test_an_insertion_without_its_context_is_an_error() -> None:
    with pytest.raises(DiffError):
        applied(unified("a\nb\n", "a\nnew\nb\n"), "x\ny\n")


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DiffError, match=r"other\.py is not there"):
        apply(parse(unified(BEFORE, AFTER, "other.py")), {"app.py": BEFORE})


@pytest.mark.parametrize("text", ["", "hello\n", "--- a/app.py\n+++ b/app.py\n"])
def test_what_is_no_diff_is_an_error(text: str) -> None:
    with pytest.raises(DiffError):
        parse(text)

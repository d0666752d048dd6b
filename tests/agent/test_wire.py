"""Small files hold exactly the value that was written, or are refused."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import pytest
from attrs import frozen
from hotpatch_agent import wire
from hypothesis import given
from hypothesis import strategies as st


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Leaf:
    name: str
    weight: float = 0.5
    colour: Colour | None = None


@frozen
class Tree:
    leaves: tuple[Leaf, ...]
    marks: Mapping[str, int]
    old: bool = False


def leaves() -> st.SearchStrategy[Leaf]:
    weights = st.floats(allow_nan=False, allow_infinity=False)
    return st.builds(Leaf, st.text(), weights, st.none() | st.sampled_from(Colour))


@given(
    st.builds(Tree, st.lists(leaves()).map(tuple), st.dictionaries(st.text(), st.integers()), st.booleans())
)
def test_a_value_comes_back_as_it_was(tree: Tree) -> None:
    line = wire.dump(tree)

    assert line.count(b"\n") == 1
    assert wire.load(Tree, line) == tree


@given(st.integers(min_value=0))
def test_a_line_cut_anywhere_is_refused(cut: int) -> None:
    line = wire.dump(Tree((Leaf("oak"),), {"a": 1}))

    with pytest.raises(wire.Malformed):
        wire.load(Tree, line[: cut % len(line)])


@pytest.mark.parametrize(
    "data",
    [
        {"leaves": []},
        {"leaves": {}, "marks": {}},
        {"leaves": [], "marks": []},
        {"leaves": [{"name": 3}], "marks": {}},
        {"leaves": [{"name": "a", "colour": "green"}], "marks": {}},
        {"leaves": [{"name": "a", "weight": True}], "marks": {}},
        {"leaves": [], "marks": {"a": "1"}},
        {"leaves": [], "marks": {}, "old": 1},
        ["leaves"],
        None,
    ],
)
def test_data_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(wire.Malformed):
        wire.structure(Tree, data)


def test_a_key_that_is_not_known_is_passed_over() -> None:
    assert wire.structure(Leaf, {"name": "oak", "age": 100}) == Leaf("oak")


def test_numbers_that_json_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.dump(Leaf("oak", float("nan")))

from __future__ import annotations

import json
import math

import pytest
from hotpatch_agent.rollout import sketch
from hypothesis import given
from hypothesis import strategies as st

latencies = st.floats(sketch.SHORTEST * 1.01, sketch.LONGEST * 0.99)
many = st.lists(latencies, min_size=1, max_size=300)


def counted(values: list[float]) -> dict[int, int]:
    counts = sketch.empty()
    for value in values:
        counts[sketch.index_of(value)] += 1
    return dict(counts)


@given(latencies)
def test_a_bucket_stands_for_each_of_its_latencies_within_the_error(seconds: float) -> None:
    assert sketch.value_of(sketch.index_of(seconds)) == pytest.approx(seconds, rel=sketch.ERROR * 1.0001)


@given(many, st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_within_the_error_of_the_true_one(values: list[float], q: float) -> None:
    true = sorted(values)[int(q * (len(values) - 1))]
    found = sketch.quantile(counted(values), q)
    assert found == pytest.approx(true, rel=sketch.ERROR * 1.0001)


@given(st.lists(many, min_size=1, max_size=5))
def test_merging_sketches_is_the_same_as_counting_everything_in_one(parts: list[list[float]]) -> None:
    merged = sketch.merge(counted(part) for part in parts)
    assert merged == counted([value for part in parts for value in part])


@given(many)
def test_a_sketch_goes_through_json_unchanged(values: list[float]) -> None:
    counts = counted(values)
    assert sketch.from_wire(json.loads(json.dumps(sketch.to_wire(counts)))) == counts


@given(many, latencies)
def test_slower_than_counts_exactly_those_in_later_buckets(values: list[float], border: float) -> None:
    index = sketch.index_of(border)
    assert sketch.slower_than(counted(values), index) == sum(sketch.index_of(v) > index for v in values)


@given(latencies, st.floats(1.0, 50.0))
def test_a_latency_longer_by_a_factor_lies_no_further_than_steps_for_says(
    seconds: float, factor: float
) -> None:
    longer = min(seconds * factor, sketch.LONGEST)
    # One more: the two may lie at opposite ends of their buckets.
    assert sketch.index_of(longer) - sketch.index_of(seconds) <= sketch.steps_for(factor) + 1


@given(latencies, st.floats(1.0, 50.0), st.floats(0.0, 10.0))
def test_what_is_allowed_is_the_larger_of_factor_and_margin(
    seconds: float, factor: float, margin: float
) -> None:
    index = sketch.index_of(seconds)
    border = sketch.later(index, factor, margin)
    assert border >= index + sketch.steps_for(factor)
    assert sketch.index_of(min(seconds + margin, sketch.LONGEST)) <= border
    assert border in (index + sketch.steps_for(factor), sketch.index_of(sketch.GAMMA**index + margin))


@pytest.mark.parametrize("odd", [0.0, -1.0, 1e-300, 1e12, math.inf, -math.inf])
def test_what_is_out_of_range_counts_as_the_nearest_in_range(odd: float) -> None:
    nearest = sketch.SHORTEST if odd < 1 else sketch.LONGEST
    assert sketch.index_of(odd) == sketch.index_of(nearest)


def test_an_empty_sketch_has_no_quantile() -> None:
    assert sketch.quantile({}, 0.5) is None


@pytest.mark.parametrize("bad", [{"x": 1}, {"3": -1}])
def test_a_damaged_sketch_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        sketch.from_wire(bad)

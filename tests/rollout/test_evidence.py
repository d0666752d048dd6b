"""The proof of `evidence`, checked by enumeration: means and crossing probabilities, where they are small."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hotpatch_agent.rollout.evidence import NOT_WORSE, OFF_SHARE, WORSE, Bets, Grid
from hypothesis import given
from hypothesis import strategies as st

GRIDS = [WORSE, NOT_WORSE, OFF_SHARE]


@pytest.mark.parametrize("grid", GRIDS)
def test_the_first_wealth_is_one(grid: Grid) -> None:
    assert math.fsum(grid.weights) == pytest.approx(1.0)
    assert grid.empty.log_wealth == pytest.approx(0.0)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("grid", GRIDS)
def test_a_fair_event_leaves_the_mean_wealth_at_one(grid: Grid, share: float) -> None:
    start = grid.empty.after(3, 5, share)
    new, old = start.after(1, 0, share), start.after(0, 1, share)
    mean = share * math.exp(new.log_wealth) + (1 - share) * math.exp(old.log_wealth)
    assert mean == pytest.approx(math.exp(start.log_wealth))


def test_looking_after_every_event_crosses_no_more_often_than_promised() -> None:
    """Every one of the 2^16 courses of 16 events, looked at after each, weighted by its chance."""
    share, alpha = 0.5, 0.1
    crossed = 0.0
    for course in itertools.product((True, False), repeat=16):
        bets = WORSE.empty
        for new in course:
            bets = _cached(bets, new, share)
            if bets.log_wealth >= math.log(1 / alpha):
                crossed += share ** len(course)
                break
    assert 0 < crossed <= alpha


_CACHE: dict[tuple[tuple[float, ...], bool], Bets] = {}


def _cached(bets: Bets, new: bool, share: float) -> Bets:
    key = bets.logs, new
    if key not in _CACHE:
        _CACHE[key] = bets.after(int(new), int(not new), share)
    return _CACHE[key]


@pytest.mark.parametrize(("n1", "n0", "events"), [(1, 9, 1), (5, 5, 4), (10, 30, 12), (30, 10, 25)])
def test_exchangeable_events_in_a_block_never_raise_the_mean(n1: int, n0: int, events: int) -> None:
    """Setting 2: all ways in which events can fall on the block's requests are alike; computed exactly."""
    share = n1 / (n1 + n0)
    mean = 0.0
    for k1 in range(max(0, events - n0), min(n1, events) + 1):
        chance = Fraction(math.comb(n1, k1) * math.comb(n0, events - k1), math.comb(n1 + n0, events))
        mean += float(chance) * math.exp(WORSE.empty.after(k1, events - k1, share).log_wealth)
    assert mean <= 1 + 1e-12


@pytest.mark.parametrize("used", [(0, 0), (2, 3), (0, 9), (5, 1)])
def test_buckets_that_are_used_up_never_raise_the_mean(used: tuple[int, int]) -> None:
    """Setting 1, keyed: of 20 buckets 5 are new; some are used; 4 more are struck between two looks."""
    new_left, left = 5 - used[0], 20 - used[0] - used[1]
    share = new_left / left
    if not 0 < share < 1:
        assert new_left == 0  # nothing is bet then
        return
    start = WORSE.empty.after(2, 2, 0.25)
    mean = 0.0
    for k1 in range(max(0, 4 - (left - new_left)), min(new_left, 4) + 1):
        chance = math.comb(new_left, k1) * math.comb(left - new_left, 4 - k1) / math.comb(left, 4)
        mean += chance * math.exp(start.after(k1, 4 - k1, share).log_wealth)
    assert mean <= math.exp(start.log_wealth) * (1 + 1e-12)


def _binomial(n: int, k: int, rate: float) -> float:
    return math.comb(n, k) * rate**k * (1 - rate) ** (n - k)


@pytest.mark.parametrize("grid", [WORSE, NOT_WORSE])
@pytest.mark.parametrize(("n1", "n0"), [(10, 10), (10, 90), (40, 10)])
@pytest.mark.parametrize(("r0", "x"), [(0.0, 0.02), (0.01, 0.01), (0.3, 0.05), (0.5, 0.2)])
def test_at_the_border_of_the_margin_the_mean_never_rises(
    grid: Grid, n1: int, n0: int, r0: float, x: float
) -> None:
    """Setting 3: independent events, rates r0 and r0 + x."""
    share = n1 / (n1 + n0)
    mean = math.fsum(
        _binomial(n1, k1, r0 + x)
        * _binomial(n0, k0, r0)
        * math.exp(grid.empty.after(k1, k0, share, n1, x).log_wealth)
        for k1 in range(n1 + 1)
        for k0 in range(n0 + 1)
    )
    assert mean <= 1 + 1e-9


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 50)), min_size=1, max_size=8),
    st.floats(0.01, 0.99),
)
def test_where_the_looks_fall_makes_no_difference(parts: list[tuple[int, int, int]], share: float) -> None:
    piecewise = WORSE.empty
    for new, old, requests in parts:
        piecewise = piecewise.after(new, old, share, requests, 0.01)
    new, old, requests = (sum(part[at] for part in parts) for at in range(3))
    assert piecewise.log_wealth == pytest.approx(
        WORSE.empty.after(new, old, share, requests, 0.01).log_wealth
    )


def test_a_better_version_earns_the_bet_against_it_nothing() -> None:
    assert WORSE.empty.after(0, 10, 0.5).log_wealth < 0
    assert NOT_WORSE.empty.after(0, 10, 0.5, 1000, 0.01).log_wealth > 0

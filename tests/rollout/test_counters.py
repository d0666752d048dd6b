from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator

import pytest
from hotpatch_agent import wire
from hotpatch_agent.rollout import sketch
from hotpatch_agent.rollout.counters import MAX_ROUTES, WHOLE, Meter, Window, combine
from hotpatch_agent.rollout.sticky import BUCKETS, border, bucket_of, true_share

NOW = math.inf
"""The moment of entry of a request that is certainly no older than its meter."""


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_no_count_is_lost_between_threads_that_take_no_lock() -> None:
    meter = Meter("w", keyed=True)
    each, threads = 20_000, 4

    def work(which: int) -> None:
        for number in range(each):
            meter.enter((which * each + number) % BUCKETS)
            meter.note("GET /", (which * each + number) % BUCKETS, NOW, 0.01, number % 10 == 0)

    workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
    for one in workers:
        one.start()
    reads = []
    while any(one.is_alive() for one in workers):
        reads.append(meter.read())
    for one in workers:
        one.join()
    for scope in (WHOLE, "GET /"):
        counts = meter.read().scopes[scope]
        assert counts.requests == each * threads
        assert counts.errors == each * threads // 10
        assert counts.latency == {str(sketch.index_of(0.01)): each * threads}
    assert meter.read().entered == each * threads
    assert reads


@pytest.mark.usefixtures("quick_switches")
def test_the_control_with_a_call_between_read_and_store_does_lose_counts() -> None:
    """The hammer can tell: the same increment with a call inside is not sound."""
    lost = {"count": 0}

    def same(number: int) -> int:
        return number

    def work() -> None:
        for _ in range(20_000):
            lost["count"] = same(lost["count"]) + 1

    for _ in range(50):
        lost["count"] = 0
        workers = [threading.Thread(target=work) for _ in range(4)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        if lost["count"] < 80_000:
            return
    pytest.fail("the control lost nothing in 50 rounds: this machine's hammer shows nothing")


def test_a_window_goes_through_a_status_file_unchanged() -> None:
    meter = Meter("7.1.0", keyed=True, borders={WHOLE: (1, 2, 3)})
    meter.note("GET /a", 5, NOW, 0.2, True)
    window = meter.read()
    assert wire.load(Window, wire.dump(window)) == window


def test_a_bucket_seen_by_two_workers_counts_once() -> None:
    one, two = Meter("w", keyed=True), Meter("w", keyed=True)
    one.note("", 7, NOW, 0.1, True)
    one.note("", 8, NOW, 0.1, False)
    two.note("", 7, NOW, 0.1, True)
    units = combine([one.read(), two.read()], "w")[WHOLE].units
    assert units is not None
    assert (units.seen, units.erred) == (2, 1)


def test_slow_marks_are_those_above_the_borders() -> None:
    middle, high, highest = (sketch.index_of(seconds) for seconds in (0.1, 0.5, 1.0))
    meter = Meter("w", keyed=True, borders={WHOLE: (middle, high, highest)})
    for bucket, seconds in enumerate((0.05, 0.1, 0.2, 0.7, 3.0)):
        meter.note("", bucket, NOW, seconds, False)
    units = combine([meter.read()], "w")[WHOLE].units
    assert units is not None
    assert units.slow == (3, 2, 1)


def test_a_window_of_another_name_is_left_out() -> None:
    one, late = Meter("new"), Meter("old")
    one.note("", None, NOW, 0.1, False)
    late.note("", None, NOW, 0.1, False)
    assert combine([one.read(), late.read()], "new")[WHOLE].requests == 1


def test_routes_beyond_the_bound_count_in_the_whole_alone() -> None:
    meter = Meter("w")
    for number in range(MAX_ROUTES + 10):
        meter.note(f"GET /{number}", None, NOW, 0.1, False)
    scopes = meter.read().scopes
    assert len(scopes) == MAX_ROUTES + 1
    assert scopes[WHOLE].requests == MAX_ROUTES + 10


def test_damaged_marks_are_an_error_not_a_crash() -> None:
    with pytest.raises(ValueError):
        combine([wire.structure(Window, {"window": "w", "scopes": {"": {"marks": "AAAA"}}})], "w")


def test_shares_nest() -> None:
    buckets = [bucket_of(f"user {number}", "digest") for number in range(5_000)]
    small = {bucket for bucket in buckets if bucket < border(0.05)}
    large = {bucket for bucket in buckets if bucket < border(0.25)}
    assert small < large


def test_the_share_drawn_is_the_share_asked_for() -> None:
    buckets = [bucket_of(f"user {number}", "digest") for number in range(20_000)]
    drawn = sum(bucket < border(0.25) for bucket in buckets) / 20_000
    assert drawn == pytest.approx(0.25, abs=0.015)  # five standard deviations
    assert true_share(0.25) == 0.25


def test_another_release_draws_other_lots() -> None:
    one = [bucket_of(f"user {number}", "a") for number in range(100)]
    assert one != [bucket_of(f"user {number}", "b") for number in range(100)]


def test_the_smallest_share_has_a_bucket_and_none_has_none() -> None:
    assert (border(0.0), border(1e-9), border(1.0)) == (0, 1, BUCKETS)


def test_a_request_that_was_in_before_the_window_began_is_not_counted() -> None:
    meter = Meter("w")
    meter.note("", None, meter.began - 1, 2.0, True)
    meter.note("", None, meter.began + 1, 0.1, True)
    assert combine([meter.read()], "w")[WHOLE].requests == 1


def test_who_got_which_version_is_counted_at_the_entry() -> None:
    meter, keyed = Meter("w"), Meter("w", keyed=True)
    meter.enter(None)
    keyed.enter(7)
    total, of_keys = (combine([one.read()], "w")[WHOLE] for one in (meter, keyed))
    assert (total.entered, total.requests) == (1, 0)
    assert of_keys.units is not None
    assert (of_keys.units.seen, of_keys.requests) == (1, 0)


def test_a_request_for_which_no_lot_was_drawn_is_not_counted() -> None:
    meter = Meter("w", keyed=True)
    meter.enter(None)
    meter.note("", None, NOW, 0.1, True)
    window = meter.read()
    assert (window.entered, window.scopes[WHOLE].requests) == (0, 0)


def test_an_answer_that_fails_after_it_began_is_an_error_but_no_second_request() -> None:
    meter = Meter("w", keyed=True)
    meter.note("GET /", 3, NOW, 0.1, False)
    meter.fail("GET /", 3, NOW)
    totals = combine([meter.read()], "w")
    for scope in (WHOLE, "GET /"):
        assert (totals[scope].requests, totals[scope].errors) == (1, 1)
        units = totals[scope].units
        assert units is not None
        assert units.erred == 1

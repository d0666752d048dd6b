from __future__ import annotations

import math
import random
from collections import defaultdict

import pytest
from hotpatch_agent.rollout.counters import WHOLE, Borders, Total, Units
from hotpatch_agent.rollout.judge import (
    TESTS,
    Comparison,
    Course,
    Outcome,
    Rules,
    Verdict,
    begin,
    borders_of,
    look,
)
from hotpatch_agent.rollout.sticky import border, true_share

from tests.rollout.independent import Judgement

BORDERS: Borders = (10, 20, 30)
FACTOR = 5
NEW_BORDERS: Borders = (15, 25, 35)


class Side:
    """A version's counts as they grow."""

    def __init__(self, borders: Borders) -> None:
        self.borders = borders
        self.requests = self.errors = 0
        self.latency: dict[int, int] = defaultdict(int)
        self.seen: set[int] = set()
        self.erred: set[int] = set()
        self.slow: tuple[set[int], set[int], set[int]] = (set(), set(), set())

    def note(self, bucket: int | None, index: int, failed: bool) -> None:
        self.requests += 1
        self.errors += failed
        self.latency[index] += 1
        if bucket is None:
            return
        self.seen.add(bucket)
        if failed:
            self.erred.add(bucket)
        for marked, at in zip(self.slow, self.borders, strict=True):
            if index > at:
                marked.add(bucket)

    def total(self) -> Total:
        first, second, third = (len(marked) for marked in self.slow)
        units = Units(len(self.seen), len(self.erred), (first, second, third)) if self.seen else None
        return Total(self.requests, self.errors, dict(self.latency), units)


def comparison(share: float | None, keyed: bool = False, **rules: float) -> Comparison:
    return Comparison(
        Rules(**rules),  # type: ignore[arg-type]
        rules.get("alpha", 0.01),
        share,
        keyed,
        {WHOLE: BORDERS},
        {WHOLE: NEW_BORDERS},
    )


def latency(chance: random.Random, new: bool, slow: float) -> int:
    """A sketch bucket: median, p90 and p99 at BORDERS; a share `slow` of the new version's beyond its p99."""
    rank = chance.random()
    if rank > 1 - (slow if new else 0.01):
        return 40
    return 28 if rank > 0.9 else 18 if rank > 0.5 else 5


@pytest.mark.parametrize("mode", ["requests", "keyed", "blocks"])
@pytest.mark.parametrize(
    ("share", "bad", "slow"), [(0.5, 0.01, 0.01), (0.25, 0.05, 0.01), (0.5, 0.01, 0.05), (0.05, 0.2, 0.01)]
)
def test_it_agrees_with_an_independent_implementation_after_every_request(
    mode: str, share: float, bad: float, slow: float
) -> None:
    chance = random.Random(f"{mode} {share} {bad} {slow}")
    keyed, ours = mode == "keyed", None if mode == "blocks" else true_share(share)
    how, course = comparison(ours, keyed), Course()
    other = Judgement(0.01, ours, keyed, BORDERS, FACTOR)
    sides = {True: Side(NEW_BORDERS), False: Side(BORDERS)}
    said: set[str] = set()
    for _ in range(1_500):
        bucket = chance.randrange(16_384) if chance.random() < 0.7 else chance.randrange(50) * 300
        new = bucket < border(share) if keyed else chance.random() < share
        index, failed = latency(chance, new, slow), chance.random() < (bad if new else 0.01)
        sides[new].note(bucket if keyed else None, index, failed)
        other.request(new, bucket if keyed else None, index, failed)
        totals = {side: {WHOLE: sides[side].total()} for side in sides}
        course, verdict = look(how, course, totals[True], totals[False])
        line = course.lines[WHOLE]
        for test, name in enumerate(TESTS):
            assert math.exp(line.alarms[test].log_wealth) == pytest.approx(other.alarms[name].total, rel=1e-6)
            assert math.exp(line.clears[test].log_wealth) == pytest.approx(other.clears[name].total, rel=1e-6)
        if ours is not None:
            assert math.exp(course.share.log_wealth) == pytest.approx(other.on_share.total, rel=1e-6)
        assert verdict.outcome.value == other.outcome
        said.add(verdict.outcome.value)
    if bad >= 0.2:
        assert "worse" in said


def run(
    how: Comparison, requests: int, share: float, bad: float = 0.01, slow: float = 0.01, seed: int = 1
) -> Verdict:
    """Requests drawn by lot, looked at every 50."""
    chance, course = random.Random(seed), Course()
    sides = {True: Side(NEW_BORDERS), False: Side(BORDERS)}
    for number in range(requests):
        new = chance.random() < share
        sides[new].note(None, latency(chance, new, slow), chance.random() < (bad if new else 0.01))
        if number % 50 == 49:
            course, verdict = look(how, course, {WHOLE: sides[True].total()}, {WHOLE: sides[False].total()})
            if verdict.outcome is not Outcome.INCONCLUSIVE or verdict.cause == "share":
                return verdict
    return verdict


def test_no_traffic_is_inconclusive() -> None:
    _, verdict = look(comparison(0.5), Course(), {}, {WHOLE: Total(1000, 0, {5: 1000})})
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, "no_traffic")


def test_too_little_traffic_is_inconclusive() -> None:
    verdict = run(comparison(0.5), 100, 0.5)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, "too_little")


def test_all_requests_on_the_new_version_are_inconclusive() -> None:
    _, verdict = look(comparison(None), Course(), {WHOLE: Total(5000, 0, {5: 5000})}, {})
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, "too_little")


def test_an_equal_version_passes() -> None:
    assert run(comparison(0.5), 40_000, 0.5).outcome is Outcome.BETTER_OR_EQUAL


def test_errors_that_doubled_are_worse_with_the_figures_as_the_reason() -> None:
    verdict = run(comparison(0.5), 60_000, 0.5, bad=0.02)
    assert (verdict.outcome, verdict.cause) == (Outcome.WORSE, "errors")
    assert "% of" in verdict.reason and "on the old" in verdict.reason
    assert verdict.figures["new_errors"] > verdict.figures["old_errors"]


def test_a_tail_that_grew_is_worse_though_the_median_did_not() -> None:
    assert run(comparison(0.5), 60_000, 0.5, slow=0.02).cause == "p99"


def test_a_rise_within_the_margin_is_no_alarm() -> None:
    assert run(comparison(0.5, error_margin=0.01, error_tolerance=0.05), 60_000, 0.5, bad=0.02).outcome is (
        Outcome.BETTER_OR_EQUAL
    )


def test_a_share_that_is_not_the_one_asked_for_is_inconclusive() -> None:
    verdict = run(comparison(0.05), 20_000, 0.07)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, "share")


def test_a_version_that_answers_late_is_slow_not_short_of_its_share() -> None:
    new = {WHOLE: Total(500, 0, {40: 500}, entered=1_000)}
    old = {WHOLE: Total(1_000, 0, {5: 1_000}, entered=1_000)}
    _, verdict = look(comparison(0.5), Course(), new, old)
    assert verdict.outcome is Outcome.WORSE
    assert verdict.cause in ("p50", "p90", "p99")


def test_a_version_that_leaves_requests_unanswered_does_not_pass() -> None:
    fast = {5: 4_000, 18: 3_200, 28: 720, 40: 80}
    old = {WHOLE: Total(8_000, 80, fast, entered=8_000)}
    for hanging, outcome in ((0, Outcome.BETTER_OR_EQUAL), (400, Outcome.INCONCLUSIVE)):
        new = {WHOLE: Total(8_000, 80, fast, entered=8_000 + hanging)}
        _, verdict = look(comparison(None), Course(), new, old)
        assert verdict.outcome is outcome
    assert "have not been answered" in verdict.reason


def test_a_wrong_share_outweighs_an_alarm_that_rests_on_it() -> None:
    assert run(comparison(0.05), 20_000, 0.5, bad=0.02).cause == "share"


def test_a_catastrophe_is_seen_within_some_dozen_requests() -> None:
    chance, course, how = random.Random(3), Course(), comparison(0.05)
    sides = {True: Side(NEW_BORDERS), False: Side(BORDERS)}
    for _number in range(2_000):
        new = chance.random() < 0.05
        sides[new].note(None, 5, chance.random() < (1.0 if new else 0.001))
        course, verdict = look(how, course, {WHOLE: sides[True].total()}, {WHOLE: sides[False].total()})
        if verdict.outcome is Outcome.WORSE:
            break
    assert verdict.outcome is Outcome.WORSE
    assert sides[True].requests <= 12


def test_one_user_who_always_errs_is_no_alarm_when_lots_are_drawn_for_users() -> None:
    how, course = comparison(true_share(0.25), keyed=True), Course()
    sides = {True: Side(NEW_BORDERS), False: Side(BORDERS)}
    chance = random.Random(5)
    for _number in range(3_000):
        heavy = chance.random() < 0.5
        bucket = 1 if heavy else chance.randrange(16_384)
        new = bucket < border(0.25)
        sides[new].note(bucket, 5, heavy)
        course, verdict = look(how, course, {WHOLE: sides[True].total()}, {WHOLE: sides[False].total()})
        assert verdict.outcome is not Outcome.WORSE
    assert sides[True].errors > 1_000


def test_a_route_that_is_worse_is_found_though_the_whole_hides_it() -> None:
    how, course = comparison(0.5), Course()
    requests = {"GET /big": 20_000, "GET /small": 1_000}
    new = {name: Total(n, int(n * 0.02), {5: n}) for name, n in requests.items()}
    old = {name: Total(n, int(n * 0.02), {5: n}) for name, n in requests.items()}
    new["GET /small"] = Total(1_000, 120, {5: 1_000})
    for totals in (new, old):
        totals[WHOLE] = Total(21_000, sum(one.errors for one in totals.values()), {5: 21_000})
    how = Comparison(how.rules, how.alpha, how.share)
    course, verdict = look(how, course, new, old)
    assert verdict.outcome is Outcome.WORSE
    assert "on GET /small" in verdict.reason


def test_a_route_without_enough_requests_is_not_judged() -> None:
    new = {WHOLE: Total(2_000, 10, {5: 2_000}), "GET /rare": Total(50, 10, {5: 50})}
    old = {WHOLE: Total(2_000, 10, {5: 2_000}), "GET /rare": Total(50, 0, {5: 50})}
    course, verdict = look(Comparison(Rules(), 0.01, 0.5), Course(), new, old)
    assert verdict.outcome is not Outcome.WORSE
    assert course.routes == ()


def test_the_parts_of_alpha_sum_up_to_no_more_than_alpha() -> None:
    from hotpatch_agent.rollout.judge import WEIGHTS, _part

    whole = math.fsum(WEIGHTS)
    routes = math.fsum(whole * _part(at) for at in range(100_000))
    assert whole + routes <= 1 + 1e-9


def test_counts_that_shrink_with_a_dead_worker_are_no_event() -> None:
    how = comparison(0.5)
    course, _ = look(how, Course(), {WHOLE: Total(500, 9, {5: 500})}, {WHOLE: Total(500, 9, {5: 500})})
    before = course.lines[WHOLE].alarms
    course, _ = look(how, course, {WHOLE: Total(250, 2, {5: 250})}, {WHOLE: Total(500, 9, {5: 500})})
    assert course.lines[WHOLE].alarms == before


def test_a_new_leader_finds_the_same_evidence_where_lots_are_ours() -> None:
    how = comparison(0.5)
    new, old = {WHOLE: Total(800, 30, {5: 800})}, {WHOLE: Total(800, 9, {5: 800})}
    course, _ = look(how, Course(), {WHOLE: Total(400, 11, {5: 400})}, {WHOLE: Total(400, 5, {5: 400})})
    course, _ = look(how, course, new, old)
    again, _ = look(how, begin(how, new, old), new, old)
    assert again.lines[WHOLE].alarms[0].log_wealth == pytest.approx(course.lines[WHOLE].alarms[0].log_wealth)


def test_a_new_leader_leaves_out_what_came_before_where_lots_are_not_ours() -> None:
    how = comparison(None)
    new, old = {WHOLE: Total(800, 90, {5: 800})}, {WHOLE: Total(800, 9, {5: 800})}
    course, verdict = look(how, begin(how, new, old), new, old)
    assert verdict.outcome is not Outcome.WORSE
    assert course.lines[WHOLE].alarms[0].log_wealth == pytest.approx(0.0)


def test_borders_are_the_old_versions_quantiles_longer_by_the_factor() -> None:
    latency_counts = dict.fromkeys(range(100), 1)
    plain, longer = borders_of(latency_counts), borders_of(latency_counts, 1.1)
    assert plain == (49, 89, 98)
    assert longer is not None and plain is not None
    assert [b - a for a, b in zip(plain, longer, strict=True)] == [5, 5, 5]
    assert borders_of({}) is None

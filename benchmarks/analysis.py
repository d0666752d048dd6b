"""False alarms and power of the judgement on a canary: simulated rollouts, looked at after every request.

    python -m benchmarks.analysis --json

False alarms: rollouts of a release that is equal to the old one, over several shapes of traffic; a false
alarm is a rollout that was called worse at any moment of its life.  The share of them must be at most
`alpha`. Power: requests, on both versions together, until a release is caught whose error rate went from 1 %
to 2 %, or whose p99 doubled (the slowest 2 % of its answers take twice as long; nothing else changes).

Where lots are drawn for requests, a test's wealth depends on nothing but how many events there were and how
many of them on the new version.  So the production code is asked beforehand for the number that raises the
alarm (`Borders`), and a simulated rollout only counts: that is what makes 10,000 rollouts, each looked at
after every request, possible in plain Python.  Where that isn't so (lots for users, whole workers) the
production bets themselves are made.  Each run also puts some rollouts of every kind through the whole
production code and through the independent implementation of the tests, request by request, and stops if they
disagree.
"""

from __future__ import annotations

import argparse
import bisect
import json
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter

from attrs import evolve, frozen
from hotpatch_agent.rollout.counters import WHOLE, Total, Units
from hotpatch_agent.rollout.counters import Borders as LatencyBorders
from hotpatch_agent.rollout.evidence import WORSE
from hotpatch_agent.rollout.judge import TESTS, WEIGHTS, Comparison, Course, Outcome, Rules, _part, look
from hotpatch_agent.rollout.sticky import border, true_share

ALPHA = Rules().alpha
Rates = tuple[float, float, float, float]
"""Chance that a request fails, and that it is slower than the old median, p90 and p99."""


class Borders:
    """For one test: by the number of events, how many on the new version raise the alarm.  From
    production."""

    def __init__(self, share: float, part: float) -> None:
        self.share, self.needed = share, math.log(1 / (ALPHA * part))
        self.least: list[int] = []

    def upto(self, events: int) -> list[int]:
        while len(self.least) <= events:
            number = len(self.least)
            # The wealth grows with the share of the new version: look for the first that is enough.
            self.least.append(
                bisect.bisect_left(
                    range(number + 1),
                    True,
                    key=lambda new: (
                        WORSE.empty.after(new, number - new, self.share).log_wealth >= self.needed
                    ),
                )
            )
        return self.least


@frozen
class Shape:
    """Traffic: `rates(chance, requests)` gives each request's rates, the same for both versions."""

    name: str
    share: float
    requests: int
    rates: Callable[[random.Random, int], list[Rates]]
    routes: int = 0
    weight: int = 1


FLAT: Rates = (0.01, 0.5, 0.1, 0.01)


def steady(chance: random.Random, requests: int) -> list[Rates]:
    return [FLAT] * requests


def few_errors(chance: random.Random, requests: int) -> list[Rates]:
    return [(0.0005, 0.5, 0.1, 0.01)] * requests


def bursts(chance: random.Random, requests: int) -> list[Rates]:
    """Quiet, and now and then some dozen requests of which nearly half fail and most are slow."""
    rates: list[Rates] = []
    while len(rates) < requests:
        rates += [(0.002, 0.45, 0.08, 0.005)] * (1 + int(chance.expovariate(1 / 400)))
        rates += [(0.4, 0.95, 0.7, 0.3)] * (1 + int(chance.expovariate(1 / 40)))
    return rates[:requests]


def diurnal(chance: random.Random, requests: int) -> list[Rates]:
    phase = chance.random() * math.tau
    waves = [0.5 + 0.5 * math.sin(phase + math.tau * number / 2000) for number in range(requests)]
    return [(0.002 + 0.04 * wave, 0.2 + 0.6 * wave, 0.2 * wave, 0.03 * wave**2) for wave in waves]


BY_REQUEST = (
    Shape("half and half, steady", 0.5, 10_000, steady, weight=2),
    Shape("three routes", 0.25, 8_000, steady, routes=3),
    Shape("few errors", 0.1, 20_000, few_errors),
    Shape("bursts", 0.25, 10_000, bursts, weight=2),
    Shape("day and night", 0.05, 10_000, diurnal),
    Shape("one percent", 0.01, 20_000, steady),
)


STRUCK = tuple(tuple((*(0,) * errs, *range(1, level + 1)) for level in range(4)) for errs in (False, True))
"""The tests that an answer counts in, by whether it failed and how slow it was."""


class Counted:
    """Rollouts whose lots are drawn for requests: counts against the borders, request by request."""

    def __init__(self, share: float, routes: int = 0) -> None:
        self.share, self.routes = share, routes
        parts = [1.0, *(_part(at) for at in range(routes))]
        self.borders = [[Borders(share, weight * part) for weight in WEIGHTS] for part in parts]

    def run(self, chance: random.Random, rates: list[Rates], worse: Rates | None = None) -> int:
        """The number of the request at which it was called worse; 0 if it never was.

        `worse`: the new version's rates, where they are not the old one's.
        """
        draw, share = chance.random, self.share
        events = [[0] * len(TESTS) for _ in self.borders]
        on_new = [[0] * len(TESTS) for _ in self.borders]
        least = [[table.upto(64) for table in tables] for tables in self.borders]
        for number, old in enumerate(rates, 1):
            is_new = draw() < share
            failed, middle, high, highest = worse if worse is not None and is_new else old
            rank = draw()
            level = 0 if rank >= middle else 1 if rank >= high else 2 if rank >= highest else 3
            errs = draw() < failed
            if not level and not errs:
                continue
            struck = STRUCK[errs][level]
            where = (0, 1 + int(draw() * self.routes)) if self.routes else (0,)
            for scope in where:
                for test in struck:
                    count = events[scope][test] = events[scope][test] + 1
                    on_new[scope][test] += is_new
                    if count >= len(least[scope][test]):
                        self.borders[scope][test].upto(2 * count)
                    if on_new[scope][test] >= least[scope][test][count]:
                        return number
        return 0


class Versions:
    """Both versions' counts, for the production code to look at."""

    def __init__(self, share: float | None, keyed: bool, borders: LatencyBorders = (0, 1, 2)) -> None:
        scope = {WHOLE: borders}
        self.how = Comparison(Rules(), ALPHA, share, keyed, scope, scope)
        self.course = Course()
        self.keyed = keyed
        self.totals = [Total(), Total()]
        self.units: list[list[set[int]]] = [[set() for _ in range(5)] for _ in range(2)]
        self.latency: list[dict[int, int]] = [defaultdict(int), defaultdict(int)]

    def note(self, is_new: bool, bucket: int, level: int, failed: bool) -> None:
        was = self.totals[is_new]
        self.latency[is_new][level] += 1
        units = self.units[is_new]
        if self.keyed:
            units[0].add(bucket)
            for mark in [1] * failed + list(range(2, 2 + level)):
                units[mark].add(bucket)
        seen, erred, *slow = (len(marked) for marked in units)
        self.totals[is_new] = evolve(
            was,
            requests=was.requests + 1,
            errors=was.errors + failed,
            latency=self.latency[is_new],
            units=Units(seen, erred, (slow[0], slow[1], slow[2])) if self.keyed else None,
        )

    def look(self) -> Outcome:
        new, old = self.totals[True], self.totals[False]
        self.course, verdict = look(self.how, self.course, {WHOLE: new}, {WHOLE: old})
        return verdict.outcome


def few_users(chance: random.Random, keyed: bool = True, requests: int = 1500) -> bool:
    """Some dozen users, a few with most of the requests, each with error rate and speed of their own.

    Says whether it was called worse.  `keyed` False is the control: the same, taken for independent requests.
    """
    users = 40
    buckets = [chance.randrange(16_384) for _ in range(users)]
    errs = [chance.betavariate(0.3, 3.0) for _ in range(users)]
    slows = [chance.random() for _ in range(users)]
    weights = [1 / (rank + 1) for rank in range(users)]
    versions = Versions(true_share(0.25), keyed)
    last = {}
    for user in chance.choices(range(users), weights, k=requests):
        rank, slow = chance.random(), slows[user]
        level = 0 if rank > slow else 1 if rank > slow * 0.3 else 2 if rank > slow * 0.05 else 3
        failed, is_new = chance.random() < errs[user], buckets[user] < border(0.25)
        versions.note(is_new, buckets[user], level, failed)
        # Between two events that are new to their bucket no wealth changes: looking again would tell nothing.
        key = user, failed, level
        if keyed and key in last:
            continue
        last[key] = True
        if versions.look() is Outcome.WORSE:
            return True
    return False


def whole_workers(chance: random.Random, requests: int = 3000) -> bool:
    """One worker of four is new; its share of the requests wanders, and errors come in bursts."""
    versions, share = Versions(None, False), 0.25
    news = olds = 0
    for failed, middle, high, highest in bursts(chance, requests):
        share = min(0.4, max(0.1, share + chance.uniform(-0.002, 0.002)))
        is_new, rank = chance.random() < share, chance.random()
        level = 0 if rank >= middle else 1 if rank >= high else 2 if rank >= highest else 3
        versions.note(is_new, 0, level, chance.random() < failed)
        news, olds = news + is_new, olds + (not is_new)
        if news >= 10 and olds >= 10:  # a block is full: before that, looking changes nothing
            news = olds = 0
            if versions.look() is Outcome.WORSE:
                return True
    return False


def cross_check(seed: str, share: float, worse: Rates | None) -> None:
    """One rollout three times: counted, by the whole production code, by the independent implementation."""
    from tests.rollout.independent import Judgement

    rates = steady(random.Random(seed), 3000)
    counted = Counted(share).run(random.Random(seed), rates, worse)
    chance, versions = random.Random(seed), Versions(share, False)
    other = Judgement(ALPHA, share, False, (0, 1, 2), 0)
    by_production = by_other = 0
    for number, old in enumerate(rates, 1):
        is_new = chance.random() < share
        failed, middle, high, highest = worse if worse is not None and is_new else old
        rank = chance.random()
        level = 0 if rank >= middle else 1 if rank >= high else 2 if rank >= highest else 3
        errs = chance.random() < failed
        versions.note(is_new, 0, level, errs)
        other.request(is_new, None, level, errs)
        versions.look()
        line = versions.course.lines[WHOLE]
        over = [line.peaks[test] >= math.log(1 / (ALPHA * WEIGHTS[test])) for test in range(len(TESTS))]
        by_production = by_production or number * any(over)
        by_other = by_other or number * bool(other.worse)
    if not counted == by_production == by_other:
        sys.exit(f"they disagree on {seed}: counted {counted}, production {by_production}, other {by_other}")


def power(share: float, worse: Rates, rollouts: int, most: int = 400_000) -> float:
    """Median number of requests until it is called worse."""
    counted, rates = Counted(share), [FLAT] * most
    # Below the border of "1.1 times as slow" the old version counts as it does, the new one less.
    found = [counted.run(random.Random(f"power {share} {n}"), rates, worse) or most for n in range(rollouts)]
    return statistics.median(found)


NORMAL = statistics.NormalDist()
SPREAD = 0.5
"""Standard deviation of the logarithm of the latency."""


def slower(factor: float, q: float, doubled: float = 0.0) -> float:
    """The share of answers slower than `factor` times the old q-quantile, if the slowest `doubled` take twice
    as long; latencies are lognormal."""
    limit = NORMAL.inv_cdf(q) + math.log(factor) / SPREAD
    if not doubled:
        return 1 - NORMAL.cdf(limit)
    first = NORMAL.inv_cdf(1 - doubled)
    among_doubled = 1 - NORMAL.cdf(max(first, limit - math.log(2) / SPREAD))
    return among_doubled + max(0.0, NORMAL.cdf(first) - NORMAL.cdf(limit))


def new_rates(errors: float, doubled: float = 0.0) -> Rates:
    middle, high, highest = (slower(Rules().latency_factor, q, doubled) for q in (0.5, 0.9, 0.99))
    return errors, middle, high, highest


def false_alarms(rollouts: int) -> tuple[dict[str, dict[str, float]], int, int]:
    """By shape: rollouts, alarms; and the sums of both."""
    weights = sum(shape.weight for shape in BY_REQUEST) + 2
    table: dict[str, dict[str, float]] = {}
    for shape in BY_REQUEST:
        counted, number = Counted(shape.share, shape.routes), rollouts * shape.weight // weights
        alarms = 0
        for which in range(number):
            chance = random.Random(f"{shape.name} {which}")
            alarms += counted.run(chance, shape.rates(chance, shape.requests)) > 0
        table[shape.name] = {"rollouts": number, "alarms": alarms}
    rest = rollouts - sum(int(row["rollouts"]) for row in table.values())
    users, workers = rest // 2, rest - rest // 2
    alarms = sum(few_users(random.Random(f"users {which}")) for which in range(users))
    table["few users, many requests"] = {"rollouts": users, "alarms": alarms}
    alarms = sum(whole_workers(random.Random(f"workers {which}")) for which in range(workers))
    table["whole workers, wandering share"] = {"rollouts": workers, "alarms": alarms}
    return table, rollouts, sum(int(row["alarms"]) for row in table.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--power", type=int, default=200, help="rollouts for each figure of power")
    options = parser.parse_args()
    began = perf_counter()
    for number in range(6):
        cross_check(f"check {number}", (0.5, 0.25, 0.1)[number % 3], (None, new_rates(0.05))[number % 2])
    table, rollouts, alarms = false_alarms(options.rollouts)
    control = sum(
        few_users(random.Random(f"users {which}"), keyed=False, requests=600) for which in range(100)
    )
    figures = {
        "error_1_to_2_percent": {share: power(share, new_rates(0.02), options.power) for share in (0.5, 0.1)},
        "p99_doubled": {share: power(share, new_rates(0.01, 0.02), options.power) for share in (0.5, 0.1)},
    }
    if not options.json:
        for name, row in table.items():
            print(f"{name:32} {row['rollouts']:6.0f} rollouts {row['alarms']:4.0f} false alarms")
        print(f"{'control: users as requests':32} {100:6} rollouts {control:4} false alarms")
        for name, by_share in figures.items():
            for share, median in by_share.items():
                print(f"{name:32} share {share:4.0%}: caught after {median:7.0f} requests in the median")
        print(f"{perf_counter() - began:.0f} s")
    result = {
        "rollouts": rollouts,
        "false_alarms": alarms / rollouts,
        "alpha": ALPHA,
        "median_requests_error": figures["error_1_to_2_percent"][0.5],
        "median_requests_latency": figures["p99_doubled"][0.5],
        "median_requests_error_share_10": figures["error_1_to_2_percent"][0.1],
        "median_requests_latency_share_10": figures["p99_doubled"][0.1],
        "by_shape": {name: row["alarms"] / row["rollouts"] for name, row in table.items()},
        "control_false_alarms": control / 100,
        "seconds": round(perf_counter() - began, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

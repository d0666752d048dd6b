"""The judgement written a second time, from its description alone: request by request, with plain products.

Slow and straightforward on purpose.  It shares no code with `hotpatch_agent.rollout.judge`, and its constants
are written out, so that the two can only agree if both do what the description says.
"""

from __future__ import annotations

import math

ODDS = {1.25: 0.10, 1.5: 0.20, 2.0: 0.25, 3.0: 0.15, 5.0: 0.10, 10.0: 0.08, 40.0: 0.07, 200.0: 0.05}
ODDS_CLEAR = {0.02: 0.2, 0.2: 0.2, 0.4: 0.2, 0.6: 0.2, 0.75: 0.2}
ODDS_SHARE = dict.fromkeys((0.1, 0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0, 10.0), 0.1)
PARTS = {"errors": 0.30, "p50": 0.05, "p90": 0.10, "p99": 0.20}
TOLERANCES = {"errors": 0.01, "p50": 0.10, "p90": 0.05, "p99": 0.01}
BUCKETS = 16_384


class Wealth:
    """One first unit of money, split over the odds, and what it has become."""

    def __init__(self, odds: dict[float, float]) -> None:
        self.money = dict(odds)

    def event(self, on_new: bool, share: float) -> None:
        if not 0 < share < 1:
            return
        for odds in self.money:
            chance = share * odds / (share * odds + 1 - share)
            self.money[odds] *= chance / share if on_new else (1 - chance) / (1 - share)

    def new_request(self, share: float, margin: float) -> None:
        for odds in self.money:
            chance = share * odds / (share * odds + 1 - share)
            self.money[odds] /= 1 + margin * (chance / share - 1)

    @property
    def total(self) -> float:
        return math.fsum(self.money.values())


class Judgement:
    """One scope: all requests.  `share` None: the lots are not ours; requests are taken in blocks."""

    def __init__(
        self, alpha: float, share: float | None, keyed: bool, borders: tuple[int, int, int], factor: int
    ) -> None:
        self.alpha, self.share, self.keyed = alpha, share, keyed
        self.borders = {"p50": borders[0], "p90": borders[1], "p99": borders[2]}
        self.factor = factor
        self.alarms = {name: Wealth(ODDS) for name in PARTS}
        self.clears = {name: Wealth(ODDS_CLEAR) for name in PARTS}
        self.cleared: set[str] = set()
        self.on_share = Wealth(ODDS_SHARE)
        self.seen: dict[bool, set[int]] = {True: set(), False: set()}
        self.struck: dict[str, dict[bool, set[int]]] = {name: {True: set(), False: set()} for name in PARTS}
        self.block: list[tuple[bool, list[str]]] = []
        self.count = {True: 0, False: 0}
        self.worse = ""
        self.off_share = False

    def request(self, new: bool, bucket: int | None, index: int, failed: bool) -> None:
        self.count[new] += 1
        happened = ["errors"] if failed else []
        for name, border in self.borders.items():
            if index > border + (self.factor if new else 0):
                happened.append(name)
        if self.share is not None:
            self._count_share(new, bucket)
            for name in happened:
                self._strike(name, new, bucket)
        self.block.append((new, happened))
        news = sum(1 for one, _ in self.block if one)
        if news >= 10 and len(self.block) - news >= 10:
            self._close(news / len(self.block), news)
        for name, part in PARTS.items():
            if not self.worse and self.alarms[name].total >= 1 / (self.alpha * part):
                self.worse = name

    def _count_share(self, new: bool, bucket: int | None) -> None:
        assert self.share is not None
        if not self.keyed:
            self.on_share.event(new, self.share)
        elif bucket not in self.seen[new]:
            self.on_share.event(new, self._fresh(self.seen))
            assert bucket is not None
            self.seen[new].add(bucket)
        self.off_share = self.off_share or self.on_share.total >= 1000

    def _strike(self, name: str, new: bool, bucket: int | None) -> None:
        assert self.share is not None
        if not self.keyed:
            self.alarms[name].event(new, self.share)
        elif bucket not in self.struck[name][new]:
            self.alarms[name].event(new, self._fresh(self.struck[name]))
            assert bucket is not None
            self.struck[name][new].add(bucket)

    def _fresh(self, used: dict[bool, set[int]]) -> float:
        assert self.share is not None
        new_left = round(self.share * BUCKETS) - len(used[True])
        return new_left / (BUCKETS - len(used[True]) - len(used[False]))

    def _close(self, share: float, news: int) -> None:
        for new, happened in self.block:
            for name in happened:
                self.clears[name].event(new, share)
                if self.share is None:
                    self.alarms[name].event(new, share)
        for name, clear in self.clears.items():
            for _ in range(news):
                clear.new_request(share, TOLERANCES[name])
            if clear.total >= 20:
                self.cleared.add(name)
        self.block = []

    @property
    def outcome(self) -> str:
        if self.count[True] == 0 or self.off_share:
            return "inconclusive"
        if self.worse:
            return "worse"
        if self.count[True] < 100 or self.count[False] == 0 or len(self.cleared) < len(PARTS):
            return "inconclusive"
        return "better_or_equal"

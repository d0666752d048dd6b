"""Is the new version worse than the old?  A pure judgement on counts that may be looked at at any time.

Four *tests* compare the versions in each scope (all requests, and each route that has enough): the error
rate, and the share of answers slower than the old version's median, 90th and 99th percentile.  Those three
borders are fixed before the step begins (`borders_of`), from what the old version did until then; the new
version's border is `latency_factor` times as far, and by `latency_margin` at least.  So "p99 may rise by the
factor y" is the same kind of statement as "the error rate may not rise": of the new version's answers no
larger share is slower than y * b than of the old version's is slower than b.

Each test is a bet of `evidence`, which has the proof.  All tests of a step together raise a false alarm with
probability at most `alpha`, over the whole life of the step, looked at after every request or never: test i
has the part `weight_i` of alpha and the weights sum up to 1 (routes get 1 / (i (i + 1)) of theirs in the
order in which they have enough).  A step's own part of the rollout's alpha comes with it
(`Comparison.alpha`).

The outcomes:

worse             some test's wealth has reached 1 / (weight * alpha).  Once said, said for good.
better_or_equal   there are `minimum` requests on the new version, and for each test of the whole a bet
                  against "worse by the tolerance" has reached 1 / pass_alpha: had it been so much worse, this
                  verdict would have come with probability at most `pass_alpha`, ever.  (An intersection of
                  tests, so nothing is split.  Here requests count as independent: setting 3 of `evidence`.)
inconclusive      everything else: no traffic, too little of it, not decided yet, or a share of units that is
                  not the share asked for (a sequential test of its own, at `share_alpha`): then nothing that
                  rests on the share can be believed, and no more than that is said.

A worker's counts die with it; what remains is compared on.  A new leader begins anew with the counts that
are there: where the lots are ours that is all the evidence there was, else it leaves out what came before.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from hotpatch_agent.rollout import sketch
from hotpatch_agent.rollout.counters import QUANTILES, WHOLE, Borders, Total, Units
from hotpatch_agent.rollout.evidence import NOT_WORSE, OFF_SHARE, WORSE, Bets
from hotpatch_agent.rollout.sticky import BUCKETS

TESTS: Final = ("errors", "p50", "p90", "p99")
WEIGHTS: Final = (0.30, 0.05, 0.10, 0.20)
"""Of alpha, for the tests on all requests."""
ROUTES: Final = 1.0 - math.fsum(WEIGHTS)
"""Of alpha, for all routes together; split among their tests as WEIGHTS is."""
BLOCK: Final = 10
"""Requests of each version in a block, at least, where the share is taken from the counts."""


class Outcome(enum.Enum):
    BETTER_OR_EQUAL = "better_or_equal"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@frozen
class Rules:
    """What counts as worse, and how sure one wants to be.  `strategy` reads them from rollout.toml."""

    alpha: float = 0.01
    """Probability of ever calling an equal release worse, over all steps of a rollout."""
    pass_alpha: float = 0.05
    """Probability of ever passing a release that is worse by the tolerance."""
    share_alpha: float = 0.001
    """Probability of ever finding fault with a share that is right."""
    error_margin: float = 0.0
    """The error rate may be higher by this (0.001: a tenth of a percent of all requests)."""
    latency_factor: float = 1.1
    """Median, p90 and p99 may be longer by this factor, and"""
    latency_margin: float = 0.001
    """by so many seconds in any case: two versions in one process cost some microseconds, and a page that is
    answered in ten of them is none the worse for that."""
    error_tolerance: float = 0.01
    """A rise of the error rate that must be ruled out before traffic grows."""
    slow_tolerance: tuple[float, ...] = (0.10, 0.05, 0.01)
    """The same for the share of answers slower than the old median, p90 and p99."""
    minimum: int = 100
    """Requests to the new version before it can pass."""
    route_minimum: int = 100
    """Requests to each version before a route is judged by itself."""


@frozen
class Comparison:
    """How one step is judged."""

    rules: Rules
    alpha: float
    """This step's part of `rules.alpha`."""
    share: float | None = None
    """The share of units that lots drawn by us give to the new version; None if the lots are not ours."""
    keyed: bool = False
    """Units are buckets of keys (`sticky`), not requests."""
    old_borders: Mapping[str, Borders] = field(factory=dict)
    new_borders: Mapping[str, Borders] = field(factory=dict)


@frozen
class Verdict:
    outcome: Outcome
    cause: str
    """One word: no_traffic, share, too_little, undecided, passed, or the test that found it worse."""
    reason: str
    """For people, with the figures."""
    figures: Mapping[str, float] = field(factory=dict)


@frozen
class Side:
    """One version's counts in one scope, reduced to what is bet on.  `events` in the order of TESTS."""

    requests: int = 0
    events: tuple[int, ...] = (0, 0, 0, 0)
    entered: int = 0
    """Requests that were given this version; `seen` are units that were."""
    seen: int = 0
    unit_events: tuple[int, ...] = (0, 0, 0, 0)
    measured: tuple[bool, ...] = (True, True, True, True)
    """Which tests have a measure: without borders nothing is slow, and nothing is shown to be fast."""

    @property
    def unanswered(self) -> float:
        """The share of requests that are still waiting: the slow ones are over-represented there."""
        return (self.entered - self.requests) / max(1, self.entered)


@frozen
class Line:
    """The course of one scope: its bets, and the counts that they have taken into account."""

    alarms: tuple[Bets, ...] = (WORSE.empty,) * len(TESTS)
    peaks: tuple[float, ...] = (0.0,) * len(TESTS)
    clears: tuple[Bets, ...] = (NOT_WORSE.empty,) * len(TESTS)
    cleared: tuple[bool, ...] = (False,) * len(TESTS)
    new: Side = Side()
    old: Side = Side()
    block_new: Side = Side()
    block_old: Side = Side()


@frozen
class Course:
    """What a step's judgement remembers between looks.  Begins empty."""

    lines: Mapping[str, Line] = field(factory=dict)
    routes: tuple[str, ...] = ()
    """Those that have had enough, in that order: it gives them their part of alpha."""
    share: Bets = OFF_SHARE.empty
    share_peak: float = 0.0


def borders_of(latency: sketch.Counts, factor: float = 1.0) -> Borders | None:
    """When an answer counts as slow, by the old version's latencies so far; None without any."""
    indexes = [sketch.quantile_index(latency, q) for q in QUANTILES]
    further = sketch.steps_for(factor)
    middle, high, highest = (None if index is None else index + further for index in indexes)
    if middle is None or high is None or highest is None:
        return None
    return middle, high, highest


def begin(how: Comparison, new: Mapping[str, Total], old: Mapping[str, Total]) -> Course:
    """The course of a leader that takes over in the middle of a step, or begins one.

    Where the lots are ours everything counted so far is evidence.  Where they are not, its blocks can't be
    told any more, and the judgement begins with what comes next.
    """
    if how.share is not None:
        return Course()
    sides = {name: (_side(new, name, how.new_borders), _side(old, name, how.old_borders)) for name in new}
    return Course({name: Line(new=n, old=o, block_new=n, block_old=o) for name, (n, o) in sides.items()})


def look(
    how: Comparison, course: Course, new: Mapping[str, Total], old: Mapping[str, Total]
) -> tuple[Course, Verdict]:
    """Take these counts, which are sums since the step began, into account, and judge."""
    lines = dict(course.lines)
    for name in {WHOLE} | (set(new) & set(old)):
        line = lines.get(name, Line())
        lines[name] = _advance(
            how, line, _side(new, name, how.new_borders), _side(old, name, how.old_borders)
        )
    least = how.rules.route_minimum
    enough = [
        name
        for name in sorted(lines)
        if name != WHOLE and min(lines[name].new.requests, lines[name].old.requests) >= least
    ]
    routes = course.routes + tuple(name for name in enough if name not in course.routes)
    before = course.lines.get(WHOLE, Line())
    share = _bet_on_share(how, course.share, before, lines[WHOLE])
    peak = max(course.share_peak, share.log_wealth)
    course = Course(lines, routes, share, peak)
    return course, _verdict(how, course, new, old)


def _advance(how: Comparison, line: Line, new: Side, old: Side) -> Line:
    """One scope's bets after these counts."""
    if new.requests < line.new.requests or old.requests < line.old.requests:
        # A worker has died with its counts: go on from what is left.
        return evolve(line, new=new, old=old, block_new=new, block_old=old)
    rules = how.rules
    margins = (rules.error_margin, 0.0, 0.0, 0.0)
    if how.share is not None:
        line = _bet_alarms(line, margins, how.share, how.keyed, (line.new, new), (line.old, old))
    line = evolve(line, new=new, old=old)
    more_new, more_old = new.requests - line.block_new.requests, old.requests - line.block_old.requests
    if min(more_new, more_old) < BLOCK:
        return line
    share = more_new / (more_new + more_old)
    if how.share is None:
        line = _bet_alarms(line, margins, share, False, (line.block_new, new), (line.block_old, old))
    tolerances = (rules.error_tolerance, *rules.slow_tolerance)
    clears = tuple(
        bets.after(
            new.events[test] - line.block_new.events[test],
            old.events[test] - line.block_old.events[test],
            share,
            more_new,
            tolerances[test],
        )
        for test, bets in enumerate(line.clears)
    )
    needed = math.log(1 / rules.pass_alpha)
    cleared = tuple(
        was or (bets.log_wealth >= needed and new.measured[test] and old.measured[test])
        for test, (was, bets) in enumerate(zip(line.cleared, clears, strict=True))
    )
    return evolve(line, clears=clears, cleared=cleared, block_new=new, block_old=old)


def _bet_alarms(
    line: Line,
    margins: tuple[float, ...],
    share: float,
    keyed: bool,
    new: tuple[Side, Side],
    old: tuple[Side, Side],
) -> Line:
    """Bet on what happened between the first and the second of each pair."""

    def more(pair: tuple[Side, Side], test: int) -> int:
        counts = [side.unit_events[test] if keyed else side.events[test] for side in pair]
        return max(0, counts[1] - counts[0])

    requests = new[1].requests - new[0].requests
    alarms = tuple(
        _bet(
            bets,
            (more(new, test), more(old, test)),
            _fresh(share, new[0].unit_events[test], old[0].unit_events[test]) if keyed else share,
            requests,
            margins[test],
        )
        for test, bets in enumerate(line.alarms)
    )
    peaks = tuple(max(peak, bets.log_wealth) for peak, bets in zip(line.peaks, alarms, strict=True))
    return evolve(line, alarms=alarms, peaks=peaks)


def _fresh(share: float, used_new: int, used_old: int) -> float:
    """The share of the new version among the buckets that have not been struck yet."""
    left = BUCKETS - used_new - used_old
    return (round(share * BUCKETS) - used_new) / left if left > 0 else 0.0


def _bet(bets: Bets, events: tuple[int, int], share: float, requests: int = 0, margin: float = 0.0) -> Bets:
    """Where all or nothing is on one side there is nothing to bet on."""
    return bets.after(*events, share, requests, margin) if 0 < share < 1 else bets


def _bet_on_share(how: Comparison, bets: Bets, before: Line, after: Line) -> Bets:
    if how.share is None:
        return bets

    def units(side: Side) -> int:
        return side.seen if how.keyed else side.entered

    more = max(0, units(after.new) - units(before.new)), max(0, units(after.old) - units(before.old))
    share = _fresh(how.share, before.new.seen, before.old.seen) if how.keyed else how.share
    return _bet(bets, more, share)


def _side(totals: Mapping[str, Total], name: str, borders: Mapping[str, Borders]) -> Side:
    total = totals.get(name, Total())
    slow = tuple(sketch.slower_than(total.latency, border) for border in borders.get(name, ()))
    units = total.units or Units(0, 0, (0, 0, 0))
    return Side(
        total.requests,
        (total.errors, *(slow or (0, 0, 0))),
        total.requests if total.entered is None else total.entered,
        units.seen,
        (units.erred, *units.slow),
        (True, *(bool(slow),) * len(QUANTILES)),
    )


def _verdict(how: Comparison, course: Course, new: Mapping[str, Total], old: Mapping[str, Total]) -> Verdict:
    mine, theirs = new.get(WHOLE, Total()), old.get(WHOLE, Total())
    figures = figures_of(mine, theirs)
    inconclusive = Outcome.INCONCLUSIVE
    if mine.requests == 0:
        text = f"no request has reached the new version; the old one had {theirs.requests}"
        return Verdict(inconclusive, "no_traffic", text, figures)
    if course.share_peak >= math.log(1 / how.rules.share_alpha):
        return Verdict(inconclusive, "share", _about_share(how, course), figures)
    worst = _alarm(how, course)
    if worst is not None:
        name, test, wealth = worst
        text = _about_worse(name, test, wealth, course.lines[name], how.keyed and how.share is not None)
        return Verdict(Outcome.WORSE, TESTS[test], text, figures)
    if mine.requests < how.rules.minimum or theirs.requests == 0:
        text = (
            f"too little to go by: {mine.requests} requests on the new version, {theirs.requests} on the "
            f"old; {how.rules.minimum} on the new and some on the old are needed"
        )
        return Verdict(inconclusive, "too_little", text, figures)
    line = course.lines[WHOLE]
    missing = [name for name, done in zip(TESTS, line.cleared, strict=True) if not done]
    if missing:
        which = ", ".join(missing)
        text = f"not decided after {mine.requests} requests: a rise can't be ruled out yet in {which}"
        if not all(line.new.measured):
            text += "; how fast the old version was before this step is not known, for want of requests"
        return Verdict(inconclusive, "undecided", text, figures)
    unanswered = line.new.unanswered - line.old.unanswered
    if unanswered > how.rules.slow_tolerance[-1]:
        text = f"not decided: {unanswered:.1%} more requests than on the old version have not been answered"
        return Verdict(inconclusive, "undecided", text, figures)
    text = f"no worse, within the tolerance: errors {_rates(line.new, line.old, 0)}"
    return Verdict(Outcome.BETTER_OR_EQUAL, "passed", text, figures)


def _alarm(how: Comparison, course: Course) -> tuple[str, int, float] | None:
    """Scope, test and log wealth of the alarm that is furthest over its bound, if any is."""
    found: list[tuple[float, str, int, float]] = []
    for name, part in [(WHOLE, 1.0), *((route, _part(at)) for at, route in enumerate(course.routes))]:
        for test, peak in enumerate(course.lines[name].peaks):
            over = peak - math.log(1 / (how.alpha * WEIGHTS[test] * part))
            if over >= 0:
                found.append((over, name, test, peak))
    if not found:
        return None
    _, name, test, peak = max(found)
    return name, test, peak


def _part(at: int) -> float:
    """What the tests of the route that came at this place have, for what those of the whole have."""
    return ROUTES / (1 - ROUTES) / ((at + 1) * (at + 2))


def figures_of(new: Total, old: Total) -> dict[str, float]:
    """The figures that a record keeps: counts, and latencies in seconds."""
    figures: dict[str, float] = {}
    for word, total in (("new", new), ("old", old)):
        figures[f"{word}_requests"] = total.requests
        figures[f"{word}_errors"] = total.errors
        for q in QUANTILES:
            value = sketch.quantile(total.latency, q)
            if value is not None:
                figures[f"{word}_p{q * 100:.0f}"] = value
    return figures


def _about_share(how: Comparison, course: Course) -> str:
    line = course.lines[WHOLE]
    new, old = (line.new.seen, line.old.seen) if how.keyed else (line.new.entered, line.old.entered)
    what = "groups of keys" if how.keyed else "requests"
    return (
        f"{new} of {new + old} {what} went to the new version, {new / max(1, new + old):.2%}, where "
        f"{how.share:.2%} was asked for: the two can't be compared; see what routes requests past the canary"
    )


def _about_worse(name: str, test: int, wealth: float, line: Line, keyed: bool) -> str:
    where = f" on {name}" if name else ""
    what = "errors" if test == 0 else f"answers slower than the old {TESTS[test]} allows"
    odds = f"1 in {math.exp(min(wealth, 40.0)):,.0f}"
    users = ""
    if keyed:
        new, old = line.new, line.old
        users = (
            f" ({new.unit_events[test]} of {new.seen} against {old.unit_events[test]} of {old.seen} "
            "groups of keys)"
        )
    return f"worse{where}: {what} {_rates(line.new, line.old, test)}{users}; by chance: at most {odds}"


def _rates(new: Side, old: Side, test: int) -> str:
    return (
        f"{new.events[test] / max(1, new.requests):.2%} of {new.requests} on the new version, "
        f"{old.events[test] / max(1, old.requests):.2%} of {old.requests} on the old"
    )

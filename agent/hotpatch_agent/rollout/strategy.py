"""How a release goes in: a strategy as a frozen value, the same for live patches and for reloads.

    all-at-once   every worker at once, when all are ready
    rolling       some workers at a time, each healthy for a while before the next
    blue-green    built and proven in every worker, one flip, the old kept for a time: back is one flip too;
                  for a release that goes in by reload it is a second set of workers that is built
    canary        steps: a share of requests in every worker, or of those that match a header or a cookie,
                  or whole workers; judged at each step

A strategy is data only: it is written into the ledger when the rollout begins, and every later leader goes by
what stands there.  `strategy_file` reads it from rollout.toml and flags.  Shares are between 0 and 1, times
in seconds.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Sequence

from attrs import evolve, field, frozen

from hotpatch.errors import StrategyInvalid
from hotpatch_agent.rollout.judge import Rules


class Kind(enum.Enum):
    ALL_AT_ONCE = "all-at-once"
    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"


class By(enum.Enum):
    """What a canary's step is a part of."""

    SHARE = "share"
    """Requests, drawn by lot in every worker."""
    MATCH = "match"
    """Requests that bear a header or a cookie with a given value: testers, not a sample."""
    WORKERS = "workers"
    """Whole workers; the only one for a release that goes in by reload.  Blue-green has two sets then."""


class OnWorse(enum.Enum):
    """What follows from a verdict `worse` or from a critical check that says no."""

    ROLLBACK = "rollback"
    FREEZE = "freeze"
    ALERT = "alert"


@frozen
class Step:
    """One step of a canary."""

    share: float
    """Of requests, or of workers (at least one); with a match: of the requests that match."""
    least: float = 60.0
    """Seconds that it lasts at least."""
    patience: float = 600.0
    """Seconds after which a judgement that is still inconclusive pauses the rollout."""


@frozen
class Match:
    """Requests that get the new version: those whose header or cookie of this name has this value."""

    where: str
    """`header` or `cookie`."""
    name: str
    value: str


@frozen
class CheckSpec:
    """One of the user's own checks: see `checks`."""

    name: str
    kind: str
    """`http`, `python` or `prometheus`."""
    critical: bool = True
    """A no counts as worse; an advisory one is only told."""
    url: str = ""
    status: int = 200
    contains: str = ""
    function: str = ""
    """For `python`: `module:function`; an exception, or a falsy answer that isn't None, is a no."""
    query: str = ""
    """For `prometheus`; `{release}` stands for the version."""
    least: float | None = None
    most: float | None = None
    every: float = 30.0
    timeout: float = 10.0


@frozen
class GateSpec:
    """A hook that must say yes: a command that exits with 0, or an URL that answers 2xx."""

    at: str
    """`before`, `more`, `promotion`, `after` or `rollback`."""
    command: tuple[str, ...] = ()
    url: str = ""
    timeout: float = 30.0


@frozen
class EventSpec:
    """Where decisions are told: a command that reads JSON, a webhook, or an URL of apprise."""

    command: tuple[str, ...] = ()
    url: str = ""
    apprise: str = ""
    timeout: float = 10.0


@frozen
class Strategy:
    """All that a rollout goes by."""

    kind: Kind = Kind.ALL_AT_ONCE
    steps: tuple[Step, ...] = ()
    """A canary's."""
    by: By = By.SHARE
    key: str = ""
    """What lots are drawn for: `cookie:NAME`, `header:NAME`, `address`; empty: each request by itself."""
    match: Match | None = None
    batch: int = 1
    """Rolling: workers at a time."""
    healthy: float = 10.0
    """Rolling: seconds that a batch must be healthy before the next."""
    keep: float = 0.0
    """Seconds after the flip for which the old version stays at hand."""
    deadline: float = 3600.0
    """Dead-man's switch: seconds, not counting pauses by a person, until the promotion."""
    on_worse: OnWorse = OnWorse.ROLLBACK
    analysis: bool = True
    """Are new and old compared?"""
    manual: bool = False
    """Does each step wait for a person's `promote`, whatever the verdict?  All-at-once and blue-green have
    none."""
    smoke: str = ""
    """URL asked once a second in a step without traffic, so that there is some; empty: not."""
    rules: Rules = field(factory=Rules)
    checks: tuple[CheckSpec, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    events: tuple[EventSpec, ...] = ()

    @property
    def compared(self) -> bool:
        """Is there traffic on both versions side by side, and is it to be compared?  `worse` counts then."""
        return self.analysis and self.kind in (Kind.CANARY, Kind.ROLLING)

    @property
    def judged(self) -> bool:
        """Does a step end only with `better_or_equal`?  Rolling goes by time and health; an alarm stops
        it."""
        return self.analysis and self.kind is Kind.CANARY


@frozen
class Target:
    """What the workers are to run at a moment of a rollout: derived, never stored."""

    share: float = 0.0
    """Of requests in every worker."""
    workers: float = 0.0
    """Of workers that run the new version alone, as a number; rounded up by whoever picks them."""
    match: Match | None = None
    whole: bool = False
    """Everywhere: the release is committed."""


NOTHING = Target()
EVERYTHING = Target(share=1.0, whole=True)


def target_of(strategy: Strategy, step: int, workers: int) -> Target:
    """What step number `step` (from 0) asks for in a service with so many workers."""
    if step < 0:
        return NOTHING
    if strategy.kind is Kind.ROLLING:
        return Target(workers=min(workers, strategy.batch * (step + 1)))
    if in_two_sets(strategy):
        return Target(workers=workers)
    if strategy.kind is not Kind.CANARY or step >= len(strategy.steps):
        return NOTHING
    share = strategy.steps[step].share
    if strategy.by is By.WORKERS:
        # Somebody stays on the old version, or there would be nothing to compare with.
        most = workers if share >= 1 else max(1, workers - 1)
        return Target(workers=min(most, max(1.0, share * workers)))
    return Target(share=share, match=strategy.match)


def is_last(strategy: Strategy, step: int, workers: int) -> bool:
    """Is there no step after this one?  -1 is the place before the first."""
    if strategy.kind is Kind.ROLLING:
        return strategy.batch * (step + 1) >= workers
    if strategy.kind is Kind.CANARY:
        return step + 1 >= len(strategy.steps)
    return step >= 0 or not in_two_sets(strategy)


def times_of(strategy: Strategy, step: int) -> tuple[float, float]:
    """Seconds that a step lasts at least, and after which inconclusive pauses it."""
    if strategy.kind is Kind.CANARY and 0 <= step < len(strategy.steps):
        return strategy.steps[step].least, strategy.steps[step].patience
    if in_two_sets(strategy):
        return 0.0, 0.0
    return strategy.healthy, strategy.healthy


def alpha_of(strategy: Strategy, round_: int) -> float:
    """The part of alpha that this round of judging may spend: all rounds together spend at most alpha.

    Nine tenths are for the planned steps in equal parts; the rest for rounds that a person adds by `resume`,
    and for rolling, whose number of steps is not known beforehand, in parts of 1 / (i (i + 1)).
    """
    planned = len(strategy.steps) if strategy.kind is Kind.CANARY else 0
    if round_ < planned:
        return strategy.rules.alpha * 0.9 / planned
    extra = round_ - planned + 1
    left = 0.1 if planned else 1.0
    return strategy.rules.alpha * left / (extra * (extra + 1))


def in_two_sets(strategy: Strategy) -> bool:
    """Is a second set of workers started for it, all of them before the flip?  That is its one step."""
    return strategy.kind is Kind.BLUE_GREEN and strategy.by is By.WORKERS


def by_whole_workers(strategy: Strategy, why: str) -> Strategy:
    """The same strategy for a release that can't have both versions in one worker: `why` says what keeps it.

    Shares of requests become shares of workers.  Raises StrategyInvalid where there is no such thing.
    """
    if strategy.kind is Kind.BLUE_GREEN:
        return evolve(strategy, by=By.WORKERS)
    if strategy.kind is not Kind.CANARY or strategy.by is By.WORKERS:
        return strategy
    if strategy.by is By.MATCH:
        raise StrategyInvalid(
            f"a canary by match needs both versions in every worker, and this release can't be there "
            f"beside the old one: {why}; push it with --strategy rolling, or a canary by workers"
        )
    return evolve(strategy, by=By.WORKERS, key="")


def whole_workers(aim: Target) -> int:
    """How many workers are to run the new version alone: rounded up, but for what a float adds to 7 of 10."""
    return math.ceil(aim.workers - 1e-9)


def chosen(aim: Target, workers: Sequence[str], on_new: Collection[str]) -> tuple[str, ...]:
    """Which workers, given from the oldest to the youngest, are to run the new version alone.

    Those that do already stay, so that nobody is moved back while the number grows.
    """
    number = min(len(workers), whole_workers(aim))
    ordered = sorted(workers, key=lambda worker: worker not in on_new)
    return tuple(ordered[:number])

"""The leader's eyes on one rollout: workers' counts judged, checks and gates asked, all as one `Seen`.

The only place where the pure parts (`judge`, `steps`) and those that take time (`checks`, `gates`) meet.
`look` never waits: what takes time is an errand, and its result is there at a later look.  All that an
Observer remembers may be lost with its leader: counts are in the workers' status files, and questions are
asked again.

Not thread-safe: the leader's agent thread alone calls it.  Not for a forked child.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen

from hotpatch.native import original
from hotpatch_agent.rollout import checks, gates, outside
from hotpatch_agent.rollout.counters import Borders, Measured, combine
from hotpatch_agent.rollout.errands import Errands
from hotpatch_agent.rollout.judge import Comparison, Course, Verdict, begin, borders_of, look
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.seen import Answer, Asked, CheckResult, Seen
from hotpatch_agent.rollout.sketch import later
from hotpatch_agent.rollout.states import COMMITTED
from hotpatch_agent.rollout.steps import gate, target, watched
from hotpatch_agent.rollout.sticky import true_share
from hotpatch_agent.rollout.strategy import By, CheckSpec, Kind, Strategy, alpha_of

GRACE: Final = 5.0
"""Seconds beyond its own limit after which an errand is given up."""
SMOKE_EACH: Final = 0.1
SMOKE_BATCH: Final = 20
"""Synthetic requests of one errand, and seconds between them."""


@frozen
class Look:
    """What the rest of the agent tells the Observer at one moment."""

    measured: Sequence[Measured | None]
    """Of each living worker that serves: what its status says of this rollout."""
    reached: bool
    """Does every one of them run what `steps.target` says?"""
    asked: tuple[Asked, ...] = ()
    newer: str = ""
    lost: str = ""


class Observer:
    """`identity`: what gates are told besides, such as service and environment; `wake`: see `errands`."""

    def __init__(
        self,
        identity: Mapping[str, str],
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = dict(identity)
        self._clock = clock
        self._answers: Errands[Answer] = Errands(wake)
        self._results: Errands[CheckResult] = Errands(wake)
        self._smoke: Errands[bool] = Errands(wake)
        self._window = ""
        self._course: Course | None = None
        self._checked: dict[str, tuple[float, CheckResult | None]] = {}
        """By check: when its present run began, and what it last said in this window."""
        self._every: dict[str, float] = {}
        self._smoked = 0

    def look(self, progress: Progress, at: Look) -> Seen:
        """Everything that `steps.step` wants to know."""
        if progress.window != self._window:
            self._window, self._course = progress.window, None
            self._checked.clear()
            self._results.keep_only(())
        workers = len(at.measured)
        measured = [one for one in at.measured if one is not None]
        verdict = self._judge(progress, measured, workers)
        if verdict is not None and verdict.cause in ("no_traffic", "too_little"):
            self._make_traffic(progress)
        results = self._check(progress) if watched(progress) else ()
        return Seen(
            workers=workers,
            reached=at.reached,
            window=progress.window,
            verdict=verdict,
            checks=results,
            gates=self._ask(progress),
            asked=at.asked,
            newer=at.newer,
            lost=at.lost,
            borders=_borders(measured),
        )

    def due(self) -> float:
        """Seconds after which there may be something new to see without a wake; infinite if never."""
        times = [began + self._every[name] - self._clock() for name, (began, _) in self._checked.items()]
        limits = self._answers.due(), self._results.due()
        return max(0.0, min([*times, *limits]))

    def _judge(self, progress: Progress, measured: list[Measured], workers: int) -> Verdict | None:
        compared = progress.strategy.compared and watched(progress) and progress.acting not in COMMITTED
        if not compared or progress.round < 0:
            return None
        how = comparison(progress, workers)
        new = combine((one.new for one in measured), progress.window)
        old = combine((one.old for one in measured), progress.window)
        if self._course is None:
            self._course = begin(how, new, old)
        self._course, verdict = look(how, self._course, new, old)
        return verdict

    def _check(self, progress: Progress) -> tuple[CheckResult, ...]:
        self._every = {spec.name: spec.every for spec in progress.strategy.checks}
        found = (self._check_one(progress, spec) for spec in progress.strategy.checks)
        return tuple(one for one in found if one is not None)

    def _check_one(self, progress: Progress, spec: CheckSpec) -> CheckResult | None:
        """What it said last in this window; begins anew in its time.  One that hangs stays a no."""
        began, said = self._checked.get(spec.name, (self._clock(), None))
        name, limit = f"{self._window}.{spec.name}", spec.timeout + GRACE
        result = self._results.result(
            name,
            lambda: checks.run(spec, progress.version),
            limit,
            lambda: CheckResult(spec.name, spec.critical, False, f"it hangs, for {limit:g} s"),
        )
        if result is not None:
            said = result
            if self._clock() - began >= spec.every:
                self._results.again(name)
                began = self._clock()
        self._checked[spec.name] = began, said
        return said

    def _ask(self, progress: Progress) -> dict[str, Answer]:
        question = gate(progress)
        self._answers.keep_only(() if question is None else (question.id,))
        if question is None:
            return {}
        asked = [one for one in progress.strategy.gates if one.at == question.point]
        document = {
            **self._identity,
            "release": progress.version,
            "step": progress.step,
            "attempt": progress.attempt,
            "station": progress.station.value,
            "reason": progress.reason,
            "id": question.id,
        }
        limit = sum(one.timeout for one in asked) + GRACE
        answer = self._answers.result(
            question.id,
            lambda: gates.ask(tuple(asked), question.point, document),
            limit,
            lambda: Answer(False, f"the gate at {question.point!r} said nothing for {limit:g} s"),
        )
        return {} if answer is None else {question.id: answer}

    def _make_traffic(self, progress: Progress) -> None:
        """Some requests where there are none, if the service asks for that: one batch at a time."""
        url = progress.strategy.smoke
        if not url:
            return

        def ask() -> bool:
            for _ in range(SMOKE_BATCH):
                outside.fetch(url, 5.0)
                original("time", "sleep")(SMOKE_EACH)
            return True

        name = f"{self._window}.{self._smoked}"
        if self._smoke.result(name, ask, 300.0, lambda: True) is not None:
            self._smoke.again(name)
            self._smoked += 1


def comparison(progress: Progress, workers: int) -> Comparison:
    """How the present round is judged."""
    strategy = progress.strategy
    aim = target(progress, workers)
    return Comparison(
        strategy.rules,
        alpha_of(strategy, progress.round),
        _share(strategy, aim.share),
        bool(strategy.key) and _drawn(strategy),
        progress.borders,
        new_borders(progress),
    )


def new_borders(progress: Progress) -> dict[str, Borders]:
    """Above which latencies the new version counts as slow: longer than the old one's by what is allowed."""
    rules = progress.strategy.rules

    def allowed(border: int) -> int:
        return later(border, rules.latency_factor, rules.latency_margin)

    return {
        scope: (allowed(middle), allowed(high), allowed(highest))
        for scope, (middle, high, highest) in progress.borders.items()
    }


def _drawn(strategy: Strategy) -> bool:
    """Do we draw lots for who gets the new version?"""
    return strategy.kind is Kind.CANARY and strategy.by is By.SHARE


def _share(strategy: Strategy, share: float) -> float | None:
    if not _drawn(strategy):
        return None
    return true_share(share) if strategy.key else share


def _borders(measured: list[Measured]) -> dict[str, Borders]:
    """The old version's quantiles in all that is known of it: the round before, or from before the
    rollout."""
    totals = combine((one.old for one in measured), None)
    found = {scope: borders_of(total.latency) for scope, total in totals.items()}
    return {scope: borders for scope, borders in found.items() if borders is not None}

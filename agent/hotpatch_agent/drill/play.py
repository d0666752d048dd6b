"""A drill as it is played: what the operator does, and what must be seen of it from outside.

The acts that several drills have are here; those of canaries are in `canaries`, of misfortunes in `outages`.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hotpatch.errors import ReleaseFailed
from hotpatch_agent.drill import timeline
from hotpatch_agent.drill.commands import Done
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.inquiry import Word
from hotpatch_agent.drill.patches import Patch
from hotpatch_agent.drill.score import Score, Step
from hotpatch_agent.drill.stage import Stage
from hotpatch_agent.load.account import Report

SETTLE_SECONDS = 0.7
"""How long the load runs between two acts, so that each phase has something to show."""
CANARY = ("--canary", "50%", "--step-time", "1s", "--wait", "180")
"""A canary that judges itself; the command ends with it."""


class Play:
    """The acts of one drill about one fault.  Each is a step of the score; the first that goes wrong ends
    the drill with DrillFailed."""

    def __init__(self, stage: Stage, fault: Patch, say: Callable[[Step], None]) -> None:
        self.stage = stage
        self.fault = fault
        self.steps: list[Step] = []
        self.lost: set[int] = set()
        """Workers that the drill itself has killed, or that a release ends: what they had not answered went
        with them."""
        self.held: set[str] = set()
        """Names of the connections that were open at those workers when they were killed."""
        self._say = say
        self._runs = "old"
        self._pushed: float | None = None
        self._workers = set(stage.service.workers())
        self._phases = 0
        self.last_phase = ""
        """Its name in the account."""
        self._claims: list[tuple[str, Callable[[Report], str]]] = []

    def sees(self, label: str) -> None:
        """Every worker, asked by the drill itself, answers as this version does."""

        def look() -> str:
            time.sleep(SETTLE_SECONDS)
            expected = Word(label, self.stage.operator.release)
            words = self.stage.inquiry.ask_all(self.fault.probe())
            others = {pid: word for pid, word in words.items() if word != expected}
            if others:
                raise DrillFailed(f"workers that answer otherwise than {expected}: {others}")
            answer = "yes" if label == "old" else "no"
            return f"{answer}, say {len(words)} of {len(words)} workers, on release {expected.release}"

        self.step(f"asks each worker: {self.fault.title}?", look)

    def builds(self, patch: Patch) -> Path:
        """A signed bundle of the patch, on top of what runs."""
        bundle: list[Path] = []

        def build() -> str:
            bundle.append(self.stage.operator.build(patch))
            return f"signed, {bundle[0].stat().st_size / 1024:.1f} KiB"

        self.step(f"builds {patch.name}", build)
        return bundle[0]

    def pushes(self, bundle: Path) -> None:
        """The fix goes live in every worker, in place."""

        def push() -> str:
            done = self.changes(lambda: self.stage.operator.push(bundle), "new")
            self.has_pushed(done.began)
            return done.message

        self.step("pushes the fix", push)

    def has_pushed(self, began: float) -> None:
        """The fix went to the service at this moment of the machine's monotonic clock."""
        self._pushed = self._pushed or began

    def rolls_back(self) -> None:
        self.step("rolls the fix back", lambda: self.changes(self.stage.operator.roll_back, "old").message)

    def rolls_forward(self) -> None:
        self.step(
            "brings the fix back", lambda: self.changes(self.stage.operator.roll_forward, "new").message
        )

    def is_refused(self, bad: Patch) -> None:
        """A bad patch is refused by the command that should, with the exit code that says why."""

        def refuse() -> str:
            self.phase(bad.name, (self._runs,))
            done = self._try(bad)
            if done.command != bad.refused_by or done.code not in bad.exit_codes:
                expected = " or ".join(map(str, bad.exit_codes))
                raise DrillFailed(
                    f"{done.command} ended with code {done.code} ({done.message}), where "
                    f"{bad.refused_by} should have ended with {expected}"
                )
            self.same_workers()
            return f"refused by {done.command}, code {done.code}: {done.message}"

        self.step(f"tries a bad patch: {bad.title}", refuse)

    def takes_itself_back(self, creeping: Patch, *flags: str, because: str = "") -> None:
        """A canary finds by itself that the new version is worse, on real traffic, and nobody keeps it.  The
        reason it gives holds the words `because`."""

        def canary() -> str:
            operator = self.stage.operator
            bundle = operator.build(creeping)
            self.phase(creeping.name, (self._runs,))
            done = operator.try_push(bundle, *(flags or CANARY))
            if done.code != ReleaseFailed.exit_code or done.answer.get("outcome") != "reverted":
                raise DrillFailed(f"the canary should have gone back, and ended so: {done.message}")
            if because not in done.message:
                raise DrillFailed(f"the canary went back, but not for {because!r}: {done.message}")
            self.same_workers()
            self.phase(f"after {creeping.name}", (self._runs,))
            return done.message

        self.step(f"tries a canary: {creeping.title}", canary)

    def score(self, drill: str) -> Score:
        """The load's account, what was claimed of it, and the whole drill's."""
        memory = self.stage.service.memory()
        moments = timeline.ledger(self.stage.operator.records(), self.stage.began_at)
        report = self.stage.load.finish()
        if all(step.passed for step in self.steps):
            for name, check in self._claims:
                with contextlib.suppress(DrillFailed):
                    self.step(name, functools.partial(check, report))
        return Score(
            drill=drill,
            steps=tuple(self.steps),
            timeline=timeline.merged(self.steps, moments),
            lost=tuple(sorted(self.taken)),
            report=report,
            asked=self.stage.inquiry.asked,
            live_seconds=self._live_seconds(report),
            memory_before=self.stage.memory_before,
            memory_after=memory,
            seconds=time.monotonic() - self.stage.began,
        )

    @property
    def taken(self) -> set[str]:
        """What a drop's other end was, if it went with a worker that was lost."""
        return {str(pid) for pid in self.lost} | self.held

    def claims(self, name: str, check: Callable[[Report], str]) -> None:
        """A step of the end: what the load's account must show.  `check` says what it found, or raises
        DrillFailed."""
        self._claims.append((name, check))

    def _try(self, bad: Patch) -> Done:
        operator = self.stage.operator
        built = operator.try_build(bad)
        return built if built.code else operator.try_push(operator.bundle_of(bad))

    def changes(self, act: Callable[[], Done], to: str) -> Done:
        """An act during which the answers change from one version to another, and stay there."""
        before, self._runs = self._runs, to
        self.phase(f"{before} to {to}", (before, to))
        done = act()
        self.phase(f"all {to}", (to,))
        self.same_workers()
        return done

    def phase(self, name: str, labels: Sequence[str]) -> str:
        """What the answers about the watched fault may be from now on; the phase's name in the account.  What
        else is probed may answer anything: that is for a claim to judge."""
        self._phases += 1
        self.last_phase = f"{self._phases} {name}"
        self.stage.load.phase(self.last_phase, {self.fault.name: labels})
        return self.last_phase

    def same_workers(self) -> None:
        """No worker has come or gone but those that are given up for lost."""
        service = self.stage.service
        if self.lost:
            service.wait_until_ready()
        now = set(service.workers())
        if not self._workers - self.lost <= now or len(now) != len(self._workers):
            told = "; ".join(self.stage.operator.history())
            raise DrillFailed(f"workers were replaced, {sorted(self._workers)} by {sorted(now)}: {told}")

    def step(self, name: str, act: Callable[[], str]) -> None:
        """One step: `act` says what it found, or raises DrillFailed, which ends the drill."""
        began = time.monotonic()
        problem: DrillFailed | None = None
        at = began - self.stage.began
        try:
            found = act()
        except DrillFailed as error:
            problem, found = error, str(error)
        step = Step(name, problem is None, found, time.monotonic() - began, at)
        self.steps.append(step)
        self._say(step)
        if problem is not None:
            raise problem

    def _live_seconds(self, report: Report) -> float | None:
        """From the first push to the last worker's first answer by the new code, seen by the load."""
        if self._pushed is None:
            return None
        first: dict[str, float] = {}
        for sight in report.sights:
            if sight.subject == self.fault.name and sight.label == "new":
                first[sight.worker] = min(sight.first, first.get(sight.worker, sight.first))
        return max(first.values()) - self._pushed if first else None

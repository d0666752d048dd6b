"""What a drill found: its steps, the account of every request, the times, and whether all of it was right."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from hotpatch_agent.load.account import Report

MIB = 1 << 20
ERRED = "erred"
"""The label of an error that a patch is known for."""


@frozen
class Step:
    """One thing that the drill did or looked at, and whether it went as it must."""

    name: str
    passed: bool
    found: str
    seconds: float
    at: float = 0.0
    """When it began, in seconds since the drill did."""


@frozen
class Moment:
    """Something that happened, `at` seconds after the drill's beginning; `who` is the operator or the
    service."""

    at: float
    who: str
    text: str


@frozen
class Score:
    """`asked` counts the drill's own requests beside the load's; all of them were answered, or it would
    have ended.  `live_seconds`: from the start of `push` to the last worker's first new answer.  `lost`: pids
    of workers that the drill killed, or that a release ended, and names of the connections that they held;
    what they had begun went with them."""

    drill: str
    steps: tuple[Step, ...]
    report: Report
    asked: int
    live_seconds: float | None
    memory_before: int
    memory_after: int
    seconds: float
    timeline: tuple[Moment, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def sent(self) -> int:
        return self.report.total.sent + self.asked

    @property
    def dropped(self) -> int:
        """Requests without an answer that no lost worker took along."""
        return self.report.total.dropped - sum(self.report.dropped_at.get(pid, 0) for pid in self.lost)

    @property
    def cuts(self) -> int:
        """Streams that were cut, but by no lost worker's end."""
        return sum(worker not in self.lost for stream in self.report.streams for worker in stream.cut_at)

    @property
    def taken_along(self) -> int:
        """Requests and streams that ended with a worker that was lost."""
        return self.report.total.dropped - self.dropped + self._all_cuts - self.cuts

    @property
    def erred(self) -> int:
        """Errors that the release on trial is known for, at the requests that got it."""
        return sum(sight.count for sight in self.report.sights if sight.label == ERRED)

    @property
    def _all_cuts(self) -> int:
        return sum(stream.cuts for stream in self.report.streams)

    @property
    def passed(self) -> bool:
        total = self.report.total
        wrong = total.errors or total.wrong or self.dropped or self.cuts
        return all(step.passed for step in self.steps) and not wrong

    @property
    def sentence(self) -> str:
        total = self.report.total
        words = [
            f"{self.sent:,} requests sent",
            f"{self.dropped:,} dropped",
            f"{total.errors:,} errors",
            f"{total.wrong:,} wrong",
        ]
        if self.erred:
            words.append(f"{self.erred:,} errors that a canary brought to its share alone")
        if self.lost:
            words.append(f"{self.taken_along:,} that ended with the worker")
        if self.live_seconds is not None:
            words.append(f"{self.live_seconds:.2f} s from push to the last worker live")
        words.append(
            f"memory {self.memory_before / MIB:.0f} MiB before and {self.memory_after / MIB:.0f} MiB after"
        )
        return f"{'Passed' if self.passed else 'FAILED'}: {', '.join(words)}."

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "sent": self.sent,
            "dropped": self.dropped,
            "errors": self.report.total.errors,
            "wrong": self.report.total.wrong,
            "cuts": self.cuts,
            "erred": self.erred,
            "taken_along": self.taken_along,
            "passed": self.passed,
        }

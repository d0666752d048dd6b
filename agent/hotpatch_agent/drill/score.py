"""What a drill found: its steps, the account of every request, the times, and whether all of it was right."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from hotpatch_agent.load.account import Report

MIB = 1 << 20


@frozen
class Step:
    """One thing that the drill did or looked at, and whether it went as it must."""

    name: str
    passed: bool
    found: str
    seconds: float


@frozen
class Score:
    """`asked` counts the drill's own requests beside the load's; all of them were answered, or it would
    have ended.  `live_seconds`: from the start of `push` to the last worker's first new answer."""

    drill: str
    steps: tuple[Step, ...]
    report: Report
    asked: int
    live_seconds: float | None
    memory_before: int
    memory_after: int
    seconds: float

    @property
    def sent(self) -> int:
        return self.report.total.sent + self.asked

    @property
    def cuts(self) -> int:
        return sum(stream.cuts for stream in self.report.streams)

    @property
    def passed(self) -> bool:
        return all(step.passed for step in self.steps) and self.report.total.clean and not self.cuts

    @property
    def sentence(self) -> str:
        total = self.report.total
        words = [
            f"{self.sent:,} requests sent",
            f"{total.dropped:,} dropped",
            f"{total.errors:,} errors",
            f"{total.wrong:,} wrong",
        ]
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
            "dropped": self.report.total.dropped,
            "errors": self.report.total.errors,
            "wrong": self.report.total.wrong,
            "cuts": self.cuts,
            "passed": self.passed,
        }

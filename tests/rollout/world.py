"""A ledger in memory, a clock that is moved by hand, and a leader that may die between any two acts."""

from __future__ import annotations

from attrs import evolve
from hotpatch_agent.clock import Instant
from hotpatch_agent.rollout.judge import Outcome, Verdict
from hotpatch_agent.rollout.progress import Began, Moved, Progress, advance, begin
from hotpatch_agent.rollout.seen import Asked, Record, Refuse, Seen
from hotpatch_agent.rollout.states import Event
from hotpatch_agent.rollout.steps import step
from hotpatch_agent.rollout.strategy import Kind, Step, Strategy

CANARY = Strategy(
    kind=Kind.CANARY,
    steps=(Step(0.05, least=60, patience=600), Step(0.5, least=60, patience=600)),
    deadline=3600,
)
PASSED = Verdict(Outcome.BETTER_OR_EQUAL, "passed", "no worse")
WORSE = Verdict(Outcome.WORSE, "errors", "worse: errors 20% against 1%", {"new_errors": 20.0})
UNDECIDED = Verdict(Outcome.INCONCLUSIVE, "undecided", "not decided yet")
OFF_SHARE = Verdict(Outcome.INCONCLUSIVE, "share", "not the share asked for")


def instant(seconds: float, boot: str = "boot") -> Instant:
    return Instant(1_700_000_000 + seconds, seconds, boot)


class World:
    """Records, and what they fold to; the present is `seen` and `time`."""

    def __init__(self, strategy: Strategy = CANARY) -> None:
        self.time = 0.0
        self.boot = "boot"
        self.began = Began(7, "digest", strategy, "push")
        self.records: list[tuple[Instant, Moved]] = []
        self.refused: list[Refuse] = []
        self.seen = Seen(workers=4, reached=True)
        self.start = self.now
        self.leader: tuple[int, Progress] | None = None
        """How many records the present leader has folded, and what to; a new leader has none."""

    @property
    def now(self) -> Instant:
        return instant(self.time, self.boot)

    @property
    def progress(self) -> Progress:
        """Folded from the records: by the present leader from where it was, by a new one from the first."""
        read, progress = self.leader or (0, begin(self.began, self.start))
        for at, fact in self.records[read:]:
            progress = advance(progress, fact, at)
        self.leader = len(self.records), progress
        return progress

    def new_leader(self) -> None:
        """The old one is dead: all that is left are the records."""
        self.leader = None

    @property
    def events(self) -> list[Event]:
        return [fact.event for _, fact in self.records]

    def turn(self, verdict: Verdict | None = None, *asked: Asked) -> bool:
        """One round of a leader; says whether it wrote a record."""
        seen = evolve(self.seen, window=self.progress.window, verdict=verdict, asked=asked or self.seen.asked)
        for decision in step(self.progress, seen, self.now):
            match decision:
                case Record(fact):
                    self.records.append((self.now, fact))
                    return True
                case Refuse():
                    self.refused.append(decision)
        return False

    def settle(self, verdict: Verdict | None = None) -> Progress:
        """Rounds until nothing more is written."""
        for _ in range(50):
            if not self.turn(verdict):
                return self.progress
        raise AssertionError(f"it never comes to rest: {self.events}")

    def wait(self, seconds: float, verdict: Verdict | None = None) -> Progress:
        self.time += seconds
        return self.settle(verdict)

    def ask(self, verb: Event, verdict: Verdict | None = None, by: str = "ann") -> Progress:
        self.turn(verdict, Asked(f"request-{len(self.records)}", verb, by))
        return self.progress

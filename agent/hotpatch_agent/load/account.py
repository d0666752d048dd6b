"""The account of a run: every request that was sent, once, and what came of it."""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import asdict, field, frozen


class Outcome(enum.Enum):
    RIGHT = "right"
    WRONG = "wrong"
    ERROR = "error"
    DROPPED = "dropped"


@frozen
class Sample:
    """One request.  Times in seconds of the machine's monotonic clock, which all its processes share."""

    phase: int
    began: float
    ended: float
    outcome: Outcome
    subject: str
    label: str = ""
    worker: str = ""
    detail: str = ""


@frozen
class Sight:
    """When a label of a subject was seen at a worker: its first answer came, its last answer came."""

    subject: str
    label: str
    worker: str
    first: float
    last: float
    count: int


@frozen
class Stream:
    """An event stream that is held open: what arrived, the workers at which it was cut, the longest silence
    (s)."""

    events: int
    cut_at: tuple[str, ...]
    silence: float

    @property
    def cuts(self) -> int:
        return len(self.cut_at)


@frozen
class Tally:
    """What became of the requests of one phase, or of a whole run.  Latencies in seconds."""

    sent: int
    right: int
    wrong: int
    errors: int
    dropped: int
    median: float
    p99: float
    longest: float
    seconds: float
    """From the first request sent to the last answer."""

    @property
    def answered(self) -> int:
        return self.right + self.wrong + self.errors

    @property
    def clean(self) -> bool:
        return not (self.wrong or self.errors or self.dropped)


@frozen
class Report:
    total: Tally
    phases: Mapping[str, Tally]
    sights: tuple[Sight, ...]
    """For each phase's name, subject, label and worker; see `in_phase`."""
    sight_phases: tuple[str, ...]
    complaints: tuple[str, ...]
    """What was wrong, most frequent first, each with its count."""
    streams: tuple[Stream, ...]
    dropped_at: Mapping[str, int] = field(factory=dict)
    """By the worker at the other end of the connection; by the name of the connection (`wire.name`) where no
    answer has told it, and empty where there was none."""

    def labels(self, subject: str) -> Mapping[str, int]:
        """How many answers about this subject bore each label."""
        found: Counter[str] = Counter()
        for sight in self.sights:
            if sight.subject == subject:
                found[sight.label] += sight.count
        return found

    def in_phase(self, name: str) -> tuple[Sight, ...]:
        return tuple(
            sight for sight, phase in zip(self.sights, self.sight_phases, strict=True) if phase == name
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        return cls(
            total=Tally(**data["total"]),
            phases={name: Tally(**tally) for name, tally in data["phases"].items()},
            sights=tuple(Sight(**sight) for sight in data["sights"]),
            sight_phases=tuple(data["sight_phases"]),
            complaints=tuple(data["complaints"]),
            streams=tuple(
                Stream(each["events"], tuple(each["cut_at"]), each["silence"]) for each in data["streams"]
            ),
            dropped_at=data["dropped_at"],
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by `share` of the values; 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def tally(samples: Sequence[Sample]) -> Tally:
    outcomes = Counter(sample.outcome for sample in samples)
    times = sorted(sample.ended - sample.began for sample in samples if sample.outcome is not Outcome.DROPPED)
    return Tally(
        sent=len(samples),
        right=outcomes[Outcome.RIGHT],
        wrong=outcomes[Outcome.WRONG],
        errors=outcomes[Outcome.ERROR],
        dropped=outcomes[Outcome.DROPPED],
        median=quantile(times, 0.5),
        p99=quantile(times, 0.99),
        longest=times[-1] if times else 0.0,
        seconds=max(s.ended for s in samples) - min(s.began for s in samples) if samples else 0.0,
    )


def report(samples: Sequence[Sample], names: Sequence[str], streams: Iterable[Stream]) -> Report:
    """The account of all samples; `names` are those of the phases, in their order."""
    by_phase: dict[int, list[Sample]] = {number: [] for number in range(len(names))}
    places: dict[tuple[int, str, str, str], tuple[float, float, int]] = {}
    for sample in samples:
        by_phase[sample.phase].append(sample)
        if sample.label:
            place = (sample.phase, sample.subject, sample.label, sample.worker)
            first, last, count = places.get(place, (sample.ended, sample.ended, 0))
            places[place] = (min(first, sample.ended), max(last, sample.ended), count + 1)
    dropped = Counter(sample.worker for sample in samples if sample.outcome is Outcome.DROPPED)
    complaints = Counter(sample.detail for sample in samples if sample.outcome is not Outcome.RIGHT)
    ordered = sorted(places.items())
    return Report(
        total=tally(samples),
        phases={names[number]: tally(found) for number, found in by_phase.items()},
        sights=tuple(Sight(*place[1:], *times) for place, times in ordered),
        sight_phases=tuple(names[place[0]] for place, _ in ordered),
        complaints=tuple(f"{count} times: {text}" for text, count in complaints.most_common(20)),
        streams=tuple(streams),
        dropped_at=dict(dropped),
    )

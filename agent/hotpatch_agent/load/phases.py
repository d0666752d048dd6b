"""What the answers have to be as the run goes on: before a change the old, in it either, after it the new.

A phase begins when the conductor says so and holds for the requests sent from then on.  A request may be
under way while phases change, so its answer may be what any of the phases between allowed.  Within one
phase, a connection that has seen a later version never sees an earlier one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

NEUTRAL = "neutral"
"""The label of an answer that is right in every version."""


@frozen
class Phase:
    name: str
    expect: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """For each subject the labels that its answers may bear, in the order in which they may appear;
    a subject that is not named may bear any."""


@frozen
class Seen:
    """The furthest label that one connection has seen of each subject, in one phase."""

    phase: int = -1
    position: Mapping[str, int] = field(factory=dict)


def allowed(phases: Sequence[Phase], first: int, last: int, subject: str) -> tuple[str, ...] | None:
    """The labels that a request sent in phase `first` and answered in phase `last` may bear; None for any."""
    labels: list[str] = []
    for phase in phases[first : last + 1]:
        if subject not in phase.expect:
            return None
        labels += [label for label in phase.expect[subject] if label not in labels]
    return tuple(labels)


def judge(
    phases: Sequence[Phase], first: int, last: int, subject: str, label: str, seen: Seen
) -> tuple[str | None, Seen]:
    """What is wrong with this label here and now (None for nothing), and what its connection has seen now."""
    labels = allowed(phases, first, last, subject)
    if labels is None or label == NEUTRAL:
        return None, seen
    if label not in labels:
        return f"{subject}: {label} in phase {phases[last].name}, which allows {' or '.join(labels)}", seen
    if first != last:
        return None, seen
    position = labels.index(label)
    before = seen.position if seen.phase == first else {}
    if position < before.get(subject, 0):
        return f"{subject}: {label} after {labels[before[subject]]} on one connection", seen
    return None, Seen(first, {**before, subject: position})

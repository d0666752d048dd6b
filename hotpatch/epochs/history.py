"""What one slot holds from which epoch on.

    ((-1, "old"), (3, "new"), (4, "old"))       release 3 changed it, and epoch 4 is its rollback

For each epoch that somebody may still be on, the value is that of the latest entry not above it.  Collapse,
squash and withdrawal are one rule: an entry that no live epoch reads goes (`needed`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic, TypeVar

from attrs import frozen

T = TypeVar("T")

BASE = -1
"""The epoch of the value that was there before any release."""


@frozen(eq=False)
class Entry(Generic[T]):
    """A value, and the first epoch that has it."""

    epoch: int
    value: T


History = tuple[Entry[T], ...]
"""Oldest first, at least one entry, epochs growing."""


def begun(value: T) -> History[T]:
    return (Entry(BASE, value),)


def pushed(history: History[T], epoch: int, value: T) -> History[T]:
    """The history with a new latest entry; `epoch` is above all others in it."""
    assert epoch > history[-1].epoch, "epochs only grow"
    return (*history, Entry(epoch, value))


def at(history: History[T], epoch: int) -> Entry[T]:
    """The entry that `epoch` reads; the oldest for epochs below all entries."""
    for entry in reversed(history):
        if entry.epoch <= epoch:
            return entry
    return history[0]


def needed(history: History[T], live: Collection[int]) -> History[T]:
    """The entries that one of the live epochs reads; never empty, for `live` is not."""
    wanted: set[int] = {at(history, epoch).epoch for epoch in live}
    return tuple(entry for entry in history if entry.epoch in wanted)


def dropped(before: History[Any], after: History[Any]) -> tuple[Entry[Any], ...]:
    kept = {entry.epoch for entry in after}
    return tuple(entry for entry in before if entry.epoch not in kept)

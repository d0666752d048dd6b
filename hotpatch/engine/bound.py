"""Values that mean something in one process, or on one machine, and nothing in another.

A clean start's values stand for what a fresh start of the service would have.  These don't: the number of the
process, where something lies in its memory, what the clock said that began to run with the machine.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Final, NamedTuple

from .mapped import Mapped, Ranges, ranges

DAY: Final = 86_400.0
"""By which a value may be ahead of the clock that it was read from: a deadline."""
_CLOCKS: Final = ("CLOCK_MONOTONIC", "CLOCK_BOOTTIME")


class Host(NamedTuple):
    """A process, and the machine that it runs on; plain, for a clean start tells it."""

    pid: int
    memory: Ranges
    clocks: tuple[tuple[float, float], ...]
    """Of each clock that no machine shares with another: when the start began and when it ended, in
    seconds."""


def clocks() -> tuple[float, ...]:
    return tuple(time.clock_gettime(getattr(time, name)) for name in _CLOCKS if hasattr(time, name))


def host(began: tuple[float, ...]) -> Host:
    """This process; `began` is what the clocks said before it loaded anything."""
    return Host(os.getpid(), ranges(), tuple(zip(began, clocks(), strict=True)))


def has_pid(value: Any, of: Host, other: Any, another: Host) -> bool:
    """Is this the number of its process, or a text with it, as `other` in the same place of another start is?
    A number by itself may be there by chance."""
    if type(value) is int:
        return value == of.pid and other == another.pid
    if type(value) is str and type(other) is str:
        pids = str(of.pid), str(another.pid)
        return pids in zip(_NUMBERS.findall(value), _NUMBERS.findall(other), strict=False)
    return False


_NUMBERS: Final = re.compile(r"[0-9]+")


def is_address(value: Any, of: Host) -> bool:
    """Does it say where something is in that process?  In a text it serves as a name."""
    return type(value) is int and Mapped(of.memory).is_in(value)


def says_where(value: Any, of: Host) -> bool:
    """The same, or a text that says so."""
    return Mapped(of.memory).is_in(value)


def to_machine(value: Any, of: Host) -> bool:
    """May it have been read from a clock of that machine, or be a deadline by one?"""
    if type(value) not in (int, float):
        return False
    return any(
        first - 1.0 <= seconds <= last + DAY for first, last in of.clocks for seconds in (value, value / 1e9)
    )

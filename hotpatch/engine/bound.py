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


def to_process(value: Any, of: Host) -> str:
    """What of that process the value says; empty if nothing."""
    text = str(value) if type(value) in (int, str) else ""
    if re.search(rf"(?<!\d){of.pid}(?!\d)", text):
        return "the number of the process"
    if Mapped(of.memory).is_in(value):
        return "an address in memory"
    return ""


def to_machine(value: Any, of: Host) -> bool:
    """May it have been read from a clock of that machine, or be a deadline by one?"""
    if type(value) not in (int, float):
        return False
    return any(
        first - 1.0 <= seconds <= last + DAY for first, last in of.clocks for seconds in (value, value / 1e9)
    )

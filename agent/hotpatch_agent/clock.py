"""Time as the service needs it: the wall clock for people, a clock that never jumps for deadlines.

A deadline is measured by the machine's own count of seconds since it was started, which is the same in all
processes and which no time server and no person moves.  It means nothing after a reboot, so an `Instant`
carries the boot's id: across a reboot a deadline counts as past.
"""

from __future__ import annotations

import functools
import math
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@frozen
class Instant:
    """A moment: `time` in seconds since 1970 (may jump), `tick` in seconds since the machine's start."""

    time: float
    tick: float
    boot: str

    def since(self, earlier: Instant) -> float:
        """Seconds from `earlier` to this; infinite if the machine was restarted in between."""
        if earlier.boot != self.boot:
            return math.inf
        return self.tick - earlier.tick

    def text(self) -> str:
        """For people: UTC to the millisecond, as ISO 8601."""
        moment = datetime.fromtimestamp(self.time, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@functools.cache
def boot_id() -> str:
    """What tells one start of this machine from the next: no process outlives one."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def now() -> Instant:
    """The present moment.  Cheap enough for every wake; safe in any thread."""
    return Instant(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())

"""The one error of drills."""

from __future__ import annotations

from typing import ClassVar

from hotpatch.errors import HotpatchError


class DrillFailed(HotpatchError):
    """A drill could not be played to its end; the text says at which point and why."""

    exit_code: ClassVar[int] = 1

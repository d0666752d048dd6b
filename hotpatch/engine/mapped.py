"""Numbers that say where a process has something in its memory, whatever it is.

`ctypes` notes where its functions were mapped, `str(object())` where an object was: another number in each
process, and two starts may agree by chance.  What the numbers say is the same in all of them: nothing.

Linux tells what is mapped; elsewhere only a text that says `at 0x...` is known for what it is.
"""

from __future__ import annotations

import bisect
import operator
import re
from collections.abc import Sequence
from typing import Final

_PLACE: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"(?<![\w.])(?:0x[0-9a-f]{9,16}|[1-9][0-9]{9,19})(?![\w.])")
"""What may be an address."""
LEAST: Final = 1 << 32
"""Below the first four gigabytes numbers that mean something are as likely."""

Ranges = Sequence[tuple[int, int]]


class Mapped:
    """Memory of a process: from and to, in order.  Costs nothing to make."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def __contains__(self, number: int) -> bool:
        if number < LEAST:
            return False
        at = bisect.bisect_right(self._ranges, number, key=operator.itemgetter(0)) - 1
        return at >= 0 and number < self._ranges[at][1]

    def without_places(self, text: str) -> str:
        """The text, with the same words for each address that is in it."""
        return _NUMBER.sub(self._told, _PLACE.sub(" at 0x", text))

    def is_in(self, value: object) -> bool:
        """Is this an address, or a text with one in it?"""
        if type(value) is int:
            return value in self
        return type(value) is str and any(self._told(found) != found[0] for found in _NUMBER.finditer(value))

    def _told(self, found: re.Match[str]) -> str:
        return "an address" if int(found[0], 0) in self else found[0]


def ranges() -> Ranges:
    """What is mapped in this process, at this moment; nothing where nobody tells."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            pairs = [line.partition(" ")[0].partition("-") for line in maps]
    except OSError:
        return []
    return sorted((int(start, 16), int(end, 16)) for start, _, end in pairs)

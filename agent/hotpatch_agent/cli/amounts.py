"""Amounts as people write them: `7d`, `12h`, `90m`; and numbers with their noun."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

LONGEST: Final = 3653 * 86_400.0
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """A time span: a number and one of s, m, h, d, w, from a second to ten years; a `type` for click."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time: write for example 90m, 12h or 7d")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not timedelta(seconds=1) <= span <= timedelta(days=3653):
        raise click.BadParameter(f"{text!r} is not between a second and ten years")
    return span


if TYPE_CHECKING:
    _Number = click.ParamType[float]
else:
    _Number = click.ParamType  # click before 8.2, which applications may ask for, has no parameter there


class Seconds(_Number):
    """A number of seconds, from none to ten years."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= LONGEST:
            self.fail(f"{value!r} is no number of seconds from 0 on", param, ctx)
        return seconds


SECONDS: Final = Seconds()


def count(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"

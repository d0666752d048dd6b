"""Amounts as people write them: `7d`, `12h`, `90m`; and numbers with their noun."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

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


def count(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"

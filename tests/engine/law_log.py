"""What the programs of the laws ran: a decorator that tells whenever a definition is executed.

It lies outside those programs, so that it is the same in a clean start and in the live process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

executed: list[str] = []


def seen(name: str) -> Callable[[T], T]:
    """Note that the definition of this name runs now."""
    executed.append(name)
    return lambda value: value

"""What a start asks of its surroundings: a variable of the environment, the machine's name, a file that is no
part of the program.  Whoever takes values from that start asks the same of its own, and knows whether a start
would have made them there.

The answers are kept as digests, with a salt of their own for each measurement: they may be secrets.  Works in
the clean process as well, and so imports the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from typing import Final, NamedTuple

ENVIRONMENT: Final = "environment variable"
HOST: Final = "machine's name"
FILE: Final = "file"
BOOT: Final = "run of the machine"
HASHES: Final = "way in which texts are hashed"
SET_BY_US: Final = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"})
"""Variables that a clean start has for its own sake."""
MOST: Final = 1 << 24
"""Bytes of a file that are looked at."""
NONE: Final = b"\0nothing"


class Fact(NamedTuple):
    """Somebody asked, and was told."""

    kind: str
    name: str
    answer: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}".rstrip()


Asked = tuple[Fact, str, str, int]
"""Where it was asked: function (`file:name`) and, of the statement at a module's top, file and line."""


def ask(kind: str, name: str, salt: str) -> Fact:
    """Ask this process."""
    digest = hashlib.blake2b(_told(kind, name), key=salt.encode(), digest_size=16).hexdigest()
    return Fact(kind, name, f"{salt}:{digest}")


def same_here(fact: Fact) -> bool:
    """Would it be told the same in this process?"""
    return ask(fact.kind, fact.name, fact.answer.partition(":")[0]) == fact


def told(facts: Collection[Fact]) -> str:
    """For people."""
    first = ", ".join(map(str, list(facts)[:3]))
    return first if len(facts) <= 3 else f"{first} and {len(facts) - 3} more"


def _told(kind: str, name: str) -> bytes:
    if kind == ENVIRONMENT:
        value = os.environ.get(name)
        return NONE if value is None else os.fsencode(value)
    if kind == HASHES:
        return str(hash("hotpatch")).encode()
    if kind == HOST:
        return os.uname().nodename.encode()
    try:
        with open("/proc/sys/kernel/random/boot_id" if kind == BOOT else name, "rb") as file:
            return file.read(MOST)
    except (OSError, ValueError):
        return NONE

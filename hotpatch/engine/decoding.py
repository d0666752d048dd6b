"""Code that is decoded once, for looks at the same frames that follow each other, and for the questions of a
proof.

To decode takes some 10 us an instruction, and a look at the stacks must be short: others wait for the GIL.
Nothing is kept beyond: old code goes by its reference count alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, TypeVar

T = TypeVar("T")

_kept: dict[tuple[Callable[..., Any], int], tuple[CodeType, Any]] | None = None


@contextmanager
def decoded_once() -> Iterator[None]:
    """Within it what `once` decorates is asked once for each code object.  One thread at a time opens it;
    what others ask for meanwhile is kept as well."""
    global _kept
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


def once(decode: Callable[[CodeType], T]) -> Callable[[CodeType], T]:
    """What it gives must not be changed by who has it."""

    @functools.wraps(decode)
    def decoded(code: CodeType) -> T:
        kept = _kept
        if kept is None:
            return decode(code)
        known = kept.get((decode, id(code)))
        if known is None:
            known = kept[decode, id(code)] = code, decode(code)
        found: T = known[1]
        return found

    return decoded

"""An attribute that is made when it is first read, for the many objects that were made before there was one.

A non-data descriptor on the class: what an object has itself wins, so that each object pays once, and one
made by the new code never.  `vars(obj)` shows the attribute from the first read on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .reading import raw_dict


class Lazily:
    """`C.name` for objects without one.  Two threads that read at once get the same value: the first that
    was put there (`dict.setdefault`, one step under the GIL and with the dict's lock without)."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        self.name, self.make = name, make

    def __get__(self, obj: Any, kind: Any = None) -> Any:
        space = None if obj is None else raw_dict(obj)
        if space is None:  # asked of the class, which has no such attribute
            who = kind.__name__ if kind is not None else type(obj).__name__
            raise AttributeError(f"type object {who!r} has no attribute {self.name!r}", name=self.name)
        return space.setdefault(self.name, self.make(obj))

"""Frames that run now: the collector knows of none of them, nor of what their variables hold."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """From the innermost to the outermost."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def in_threads() -> Iterator[tuple[str, FrameType]]:
    """The frames of all threads; each with who runs it."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, top in sys._current_frames().items():
        for frame in stack(top):
            yield f"thread {names.get(ident, ident)}", frame


def greenlet_type() -> Any:
    """The class of greenlets; where there are none, a tuple for `issubclass` of which nothing is one."""
    return getattr(sys.modules.get("greenlet"), "greenlet", ())


def of_the_program(objects: Sequence[Any] = ()) -> Iterator[tuple[str, FrameType]]:
    """Those of all threads, and of the greenlets among `objects`, but for the engine's own."""
    for holder, frame in in_threads():
        if not _is_ours(frame):
            yield holder, frame
    greenlet = greenlet_type()
    for each in objects if greenlet else ():
        if issubclass(type(each), greenlet):
            for frame in stack(each.gr_frame):
                if not _is_ours(frame):
                    yield "greenlet", frame


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("hotpatch.")


def known_to_frames() -> set[int]:
    """ids of what the local variables of the program's frames hold."""
    return {id(value) for _, frame in of_the_program() for value in list(frame.f_locals.values())}

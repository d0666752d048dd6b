"""Frames that run now: the collector knows of none of them, nor of what their variables hold."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any


def frames_of(objects: Sequence[Any] = ()) -> Iterator[tuple[str, FrameType]]:
    """Those of all threads, and of the greenlets among `objects`; each with who runs it."""
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, top in sys._current_frames().items():
        for frame in _stack(top):
            yield f"thread {threads.get(ident, ident)}", frame
    greenlet: Any = getattr(sys.modules.get("greenlet"), "greenlet", ())
    for obj in objects if greenlet else ():
        if issubclass(type(obj), greenlet):
            for frame in _stack(obj.gr_frame):
                yield "greenlet", frame


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def known_to_frames() -> set[int]:
    """ids of what their local variables hold, the engine's own aside."""
    return {
        id(value)
        for _, frame in frames_of()
        if not str(frame.f_globals.get("__name__", "")).startswith("hotpatch.")
        for value in list(frame.f_locals.values())
    }

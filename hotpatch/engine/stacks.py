"""Frames that run now: the collector knows of none of them, nor of what their variables hold."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Final

OPTIMIZED: Final = 1
"""CO_OPTIMIZED: a function's code, with local variables of its own."""


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """From the innermost to the outermost."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def in_threads() -> Iterator[tuple[str, list[FrameType]]]:
    """The frames of each thread, the innermost first, and who runs them; but for those of the engine that
    ask: one that had itself in a variable would outlive its end, with its callers and all that they work
    with, until garbage is collected."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    tops: dict[int, FrameType | None] = {**sys._current_frames()}
    tops[threading.get_ident()] = _beyond_ours(sys._getframe(1))
    for ident, top in tops.items():
        yield f"thread {names.get(ident, ident)}", [*stack(top)]


def _beyond_ours(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return frame


def greenlet_type() -> Any:
    """The class of greenlets; where there are none, a tuple for `issubclass` of which nothing is one."""
    return getattr(sys.modules.get("greenlet"), "greenlet", ())


def with_frames(objects: Sequence[Any]) -> list[Any]:
    """Those that have frames of their own.  Who goes on to look into frames holds no list of all objects: for
    `values_in` it would be one more who has the dictionary."""
    greenlet = greenlet_type()
    return [obj for obj in objects if is_suspendable(type(obj)) or issubclass(type(obj), greenlet)]


SUSPENDED: Final[dict[type, tuple[str, str, str]]] = {
    types.GeneratorType: ("gi_frame", "gi_yieldfrom", "generator"),
    types.CoroutineType: ("cr_frame", "cr_await", "coroutine"),
    types.AsyncGeneratorType: ("ag_frame", "ag_await", "async generator"),
}
"""Where each has its frame, and what it waits for; and what it is called."""


def is_suspendable(kind: type) -> bool:
    """Is it that of generators, coroutines or asynchronous generators?  By identity alone: `in` would ask the
    metaclasses of the program's classes for `==` or a hash."""
    return kind is types.GeneratorType or kind is types.CoroutineType or kind is types.AsyncGeneratorType


def of_the_program(objects: Sequence[Any] = ()) -> Iterator[tuple[str, FrameType]]:
    """Those of all threads, and of the greenlets among `objects`, but for the engine's own."""
    for holder, frames in in_threads():
        yield from ((holder, frame) for frame in frames if not _is_ours(frame))
    greenlet = greenlet_type()
    for each in objects if greenlet else ():
        if issubclass(type(each), greenlet):
            for frame in stack(each.gr_frame):
                if not _is_ours(frame):
                    yield "greenlet", frame


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("hotpatch.")


def values_in(frame: FrameType) -> list[Any]:
    """What a frame's local variables hold; nothing stays of the question.

    Up to CPython 3.12 a function's frame that is asked keeps a dictionary of its variables for as long as it
    runs, and with that what they held then, though it lets go of it.  So what came from its variables is
    taken out again: whoever asks next has it put in anew (`PyFrame_FastToLocalsWithError`, frameobject.c).
    Not where somebody else has the dictionary, for `locals()` gives the same one.  From 3.13 on it is a view
    (PEP 667).
    """
    space, code = frame.f_locals, frame.f_code
    values = list(space.values())
    if type(space) is dict and code.co_flags & OPTIMIZED and sys.getrefcount(space) == _NOBODY_ELSE:
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            space.pop(name, None)
    return values


_NOBODY_ELSE: Final = 3
"""References to a frame's dictionary of variables: the frame's, that of who asks, and the question's own."""


def known_to_frames() -> set[int]:
    """ids of what the local variables of the program's frames hold."""
    return {id(value) for _, frame in of_the_program() for value in values_in(frame)}

"""Old code that goes on: which frames run code that changes, and what that means for them.

A frame keeps the code that it began with, whatever becomes of its function.  Most end by themselves; a loop
that never ends stays on the old code for ever, and old code that goes on may call new code in the old way.
Both are named before a patch goes in (`may_never_return`, on code objects alone, for the plan) and found
in the live process (`blockers`).

The live part is cheap: it looks at threads' stacks and asyncio's tasks, O(frames).  Suspended generators, and
greenlets, are on no list: whoever has scanned the heap already passes its `objects`.

Safe from any thread, in a forked child too; it looks and takes no lock but that of `threading.enumerate`.
Frames of other threads move on while they are looked at: an answer is a moment's.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import AsyncGeneratorType, CodeType, FrameType
from typing import Any

from attrs import frozen

from hotpatch.engine.codes import walk
from hotpatch.engine.flow import endless_loop, flow_of
from hotpatch.engine.stacks import SUSPENDED, greenlet_type, in_threads, is_suspendable, stack
from hotpatch.engine.view import PLAIN_VIEW, View


@frozen
class Blocker:
    """One frame that is on code which changes."""

    holder: str
    """What keeps it: `thread worker-1`, `task Task-3`, `generator`, `coroutine`, `greenlet`."""
    qualname: str
    file: str
    line: int
    """Where it is now."""
    running: bool
    """On a thread's stack; else suspended."""
    never_leaves: bool
    """Nothing but a failure, or being closed, ends it."""
    in_loop: bool
    calls: tuple[str, ...] = ()
    """Names that it may still call in the old way, and that take other parameters by now."""
    holds: str = ""
    """The class that it holds on to and that gives way to another."""
    took: tuple[str, ...] = ()
    """Variables whose old values it goes on with."""

    def __str__(self) -> str:
        text = f"{self.holder}: {self.qualname} ({self.file}, line {self.line})"
        if self.never_leaves:
            text += " never leaves its loop"
        elif self.in_loop:
            text += " is in a loop"
        if self.calls:
            text += f" and would call {', '.join(self.calls)} with old arguments"
        if self.holds:
            text += f" holds the class {self.holds}, which gives way to another class object"
        if self.took:
            text += f" and goes on with the {', '.join(self.took)} that it took before"
        return text


@frozen
class Endless:
    """A function that may never return."""

    qualname: str
    file: str
    line: int
    """Of the loop."""

    def __str__(self) -> str:
        return (
            f"{self.qualname} may never return (the loop at {self.file}, line {self.line}): "
            "where it runs, it stays on its old code"
        )


def may_never_return(codes: Iterable[CodeType]) -> tuple[Endless, ...]:
    """The functions, inner ones too, that have a loop which nothing but a failure ends.

    Pure: works on the code objects of a builder as well as on live ones.
    """
    found = []
    for code in codes:
        for part in walk(code):
            line = endless_loop(part)
            if line is not None:
                found.append(Endless(part.co_qualname, part.co_filename, line))
    return tuple(found)


def blockers(
    codes: Iterable[CodeType],
    *,
    objects: Iterable[object] = (),
    incompatible: Collection[str] = (),
    view: View = PLAIN_VIEW,
) -> tuple[Blocker, ...]:
    """The live frames of these code objects: threads first, then tasks, then what `objects` hold.

    Code is told by identity, or by that of the code it was made from (`view`).  `incompatible` are the bare
    names of changed functions that can't be called as before (`codes.accepts_same_calls`).
    The frame of the caller of this function and those below it count like any other.
    """
    return _on_code(codes, everywhere(objects), incompatible, view)


def about_to_call(
    codes: Iterable[CodeType],
    incompatible: Collection[str],
    view: View,
    besides: Callable[[Sequence[FrameType]], bool],
) -> tuple[Blocker, ...]:
    """Frames of these code objects on the stacks of threads, but for those stacks of which `besides` is true,
    that will soon have called one of `incompatible`, or returned."""
    running = (
        (holder, frame, True) for holder, frames in in_threads() if not besides(frames) for frame in frames
    )
    found = _on_code(codes, running, incompatible, view)
    return tuple(blocker for blocker in found if blocker.calls and not blocker.never_leaves)


def _on_code(
    codes: Iterable[CodeType],
    frames: Iterable[tuple[str, FrameType, bool]],
    incompatible: Collection[str],
    view: View,
) -> tuple[Blocker, ...]:
    wanted = {id(code): code for code in codes}
    found = []
    seen: set[int] = set()
    for holder, frame, running in frames:
        code = wanted.get(id(view.written(frame.f_code)))
        if code is not None and id(frame) not in seen:
            seen.add(id(frame))
            found.append(blocker(holder, frame, running, incompatible, code))
    return tuple(found)


def blocker(
    holder: str,
    frame: FrameType,
    running: bool,
    incompatible: Collection[str] = (),
    written: CodeType | None = None,
) -> Blocker:
    """`written` is the code that the frame's was made from, which has the names that the sources have."""
    code = frame.f_code if written is None else written
    flow = flow_of(code)
    at = flow.at(frame.f_lasti)
    names = flow.names(at) if incompatible else frozenset()
    return Blocker(
        holder=holder,
        qualname=code.co_qualname,
        file=code.co_filename,
        line=frame.f_lineno or code.co_firstlineno,
        running=running,
        never_leaves=not flow.can_leave(at),
        in_loop=flow.in_loop(at),
        calls=tuple(sorted(names.intersection(incompatible))),
    )


# -- where frames are ------------------------------------------------------------------------


def everywhere(objects: Iterable[object]) -> Iterator[tuple[str, FrameType, bool]]:
    """(holder, frame, whether it is on a thread's stack)."""
    for holder, frames in in_threads():
        yield from ((holder, frame, True) for frame in frames)
    for task in tasks():
        for frame in awaiting(task.get_coro()):
            yield f"task {task.get_name()}", frame, False
    greenlet = greenlet_type()
    for held in objects:
        kind = type(held)
        if is_suspendable(kind):
            if (suspended := getattr(held, SUSPENDED[kind][0])) is not None:
                yield SUSPENDED[kind][2], suspended, False
        elif greenlet and issubclass(kind, greenlet):
            for frame in stack(getattr(held, "gr_frame", None)):
                yield "greenlet", frame, False


def awaiting(awaitable: object) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it waits for, outermost first, as far as Python tells."""
    while (names := SUSPENDED.get(type(awaitable))) is not None:
        frame = getattr(awaitable, names[0])
        if frame is not None:
            yield frame
        awaitable = _generator_of(getattr(awaitable, names[1]))


def _generator_of(awaitable: object) -> object:
    """The asynchronous generator behind one step of it, which shows it to the collector alone."""
    if type(awaitable).__name__ in ("async_generator_asend", "async_generator_athrow"):
        return next((one for one in gc.get_referents(awaitable) if type(one) is AsyncGeneratorType), None)
    return awaitable


def tasks() -> list[Any]:
    """All asyncio tasks of all loops.

    `asyncio.all_tasks` answers for one loop, and loops are on no list, so asyncio's own registers are read:
    `_all_tasks` (3.11), `_scheduled_tasks` and `_eager_tasks` (3.12 and 3.13).
    """
    tasks = sys.modules.get("asyncio.tasks")
    found: list[Any] = []
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        register = getattr(tasks, name, ())
        for _ in range(100):  # another thread may add to it meanwhile
            try:
                found += list(register)
                break
            except RuntimeError:
                continue
    return [task for task in found if not task.done()]

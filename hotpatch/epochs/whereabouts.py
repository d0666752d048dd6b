"""Where a request is just now: thread, task or greenlet, function and line.  For people who wait for it.

A pin says which request it is, not where that runs.  Threads are walked from their innermost frame to the
wrapper that pinned the request, or to the frame of a server that has the request in hand; tasks and greenlets
carry the pin in their context, and so do those that the request has started.  Of all frames that are found
for a request the innermost one of the program's own tells most; one of a library is better than none.

O(frames), with one look at every object of the heap where gevent is in charge: greenlets are on no list.
To be asked for a request that has lasted, not at every look.  It takes no lock but that of
`threading.enumerate`.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextvars import Context
from types import FrameType
from typing import Any

from attrs import frozen

from hotpatch.engine.frames import awaiting, tasks
from hotpatch.engine.frozen import all_objects
from hotpatch.engine.stacks import in_threads, stack
from hotpatch.epochs import asgi, carry, control, pins, unit, wsgi
from hotpatch.epochs.dispatch import chooses
from hotpatch.epochs.pins import EPOCH, Pin, Released

_WRAPPERS = frozenset({wsgi.__file__, asgi.__file__, unit.__file__})
BETWEEN = "between two parts of its answer"


@frozen
class Located:
    """A request, or another pinned unit, and where it is."""

    what: str
    epoch: int
    seconds: float
    holders: tuple[str, ...]
    """What runs it: `thread worker-1`, `task Task-3`, `greenlet`."""
    where: str
    """`function (file, line n)`; `BETWEEN` where no frame of it is to be found."""


def located(below: int, root: str) -> tuple[Located, ...]:
    """What is pinned to an epoch below this one, the longest first.  `root` is the program's folder."""
    wanted = {pin for pin in pins.open_pins.copy() if pin.epoch < below}
    found: dict[Pin, list[tuple[str, list[FrameType]]]] = {pin: [] for pin in wanted}
    for pin, holder, frames in _everywhere(wanted):
        if pin in found:
            found[pin].append((holder, frames))
    now = time.monotonic()
    places = [
        Located(
            control.describe({pin})[0].what,
            pin.epoch,
            max(0.0, now - pin.since),
            tuple(dict.fromkeys(holder for holder, _ in places)),
            _place([frames for _, frames in places], root),
        )
        for pin, places in found.items()
    ]
    return tuple(sorted(places, key=lambda place: -place.seconds))


def serves(frames: Sequence[FrameType]) -> bool:
    """Does a request run on this stack, as far as that can be seen from another thread?  What it started by
    itself counts; a task of its own, and what is `pinned` without being a request, is not seen."""
    if any(_is_wrapper(frame) or _is_carried(frame) for frame in frames):
        return True
    return any(_served(pins.open_pins.copy(), "", [*frames]))


def about_to_choose(names: Collection[str]) -> tuple[str, ...]:
    """Threads that have called a function of such a name, with what one of its bodies takes, and have not
    come to the choice; but for those that serve a request, which has its epoch."""
    found = []
    for holder, frames in in_threads():
        code = frames[_asks(frames[0])].f_code
        if chooses(code) and code.co_name in names and not serves(frames):
            found.append(f"{holder} calls {code.co_qualname}")
    return tuple(found)


def _asks(frame: FrameType) -> bool:
    """A released pin is asked for its epoch by a frame of its own."""
    return frame.f_code.co_filename == pins.__file__ and frame.f_code.co_name == "epoch"


def _is_carried(frame: FrameType) -> bool:
    if frame.f_code.co_filename != carry.__file__:
        return False
    pin = frame.f_locals.get("pin", getattr(frame.f_locals.get("self"), carry.ATTRIBUTE, None))
    return isinstance(pin, Pin) and not isinstance(pin, Released)


def _everywhere(wanted: set[Pin]) -> Iterator[tuple[Pin, str, list[FrameType]]]:
    """Pin, holder, and the frames that run for it, innermost first."""
    yield from _in_threads(wanted)
    for task in tasks():
        if (pin := _carried(task)) is not None:
            yield pin, f"task {task.get_name()}", [*awaiting(task.get_coro())][::-1]
    greenlet: Any = getattr(sys.modules.get("greenlet"), "greenlet", None)
    if greenlet is None or "gevent" not in sys.modules:
        return
    for each in all_objects():
        if issubclass(type(each), greenlet) and (pin := _carried_by(each)) is not None:
            yield pin, "greenlet", [*stack(getattr(each, "gr_frame", None))]


def _in_threads(wanted: set[Pin]) -> Iterator[tuple[Pin, str, list[FrameType]]]:
    for holder, frames in in_threads():
        inner: list[FrameType] = []
        for frame in frames:
            if _is_wrapper(frame):
                pin = frame.f_locals.get("pin")
                if isinstance(pin, Pin):
                    yield pin, holder, inner
                    inner = []
                    continue
            inner.append(frame)
        yield from _served(wanted, holder, inner)


def _served(
    wanted: set[Pin], holder: str, frames: list[FrameType]
) -> Iterator[tuple[Pin, str, list[FrameType]]]:
    """A body that its server iterates by itself: the outermost frame that has the request's environ is the
    server's, and what is further in runs for it."""
    for depth in range(len(frames) - 1, -1, -1):
        if "environ" not in frames[depth].f_code.co_varnames:
            continue
        request = frames[depth].f_locals.get("environ")
        for pin in wanted:
            if request is not None and pin.what is request:
                yield pin, holder, frames[:depth]
                return


def _carried(task: Any) -> Pin | None:
    """The pin in a task's context.  Up to 3.11 a task shows its context to the collector alone."""
    get_context = getattr(task, "get_context", None)
    if get_context is not None:
        found: Pin | None = get_context().get(EPOCH)
        return found
    for each in gc.get_referents(task):
        if type(each) is Context:
            return each.get(EPOCH)
    return None


def _carried_by(greenlet: Any) -> Pin | None:
    try:
        context = greenlet.gr_context
    except ValueError:  # it runs at this moment, in another thread
        return None
    found: Pin | None = None if context is None else context.get(EPOCH)
    return found


def _is_wrapper(frame: FrameType) -> bool:
    return frame.f_code.co_filename in _WRAPPERS


def _place(stacks: list[list[FrameType]], root: str) -> str:
    # What the request has started is further on than the task that waits for it.
    stacks = sorted(stacks, key=lambda frames: any(_is_wrapper(frame) for frame in frames))
    theirs = [frame for frames in stacks for frame in frames if not _is_wrapper(frame)]
    told = next((frame for frame in theirs if frame.f_code.co_filename.startswith(root)), None)
    frame = told or next(iter(theirs), None)
    if frame is None:
        return BETWEEN
    code = frame.f_code
    return f"{code.co_qualname} ({code.co_filename}, line {frame.f_lineno or code.co_firstlineno})"

"""Frames that hold a class which gives way to another class object.

Instances follow, wherever they are: the collector tracks each of them.  But a frame that has taken the old
class itself from its module makes objects of it later, which are none of the new one's.  A local variable
tells; the value stack of a running frame does not, so the code does: the class was loaded by the statement
that the frame is in.  A generator or coroutine shows `gc` all that it holds, its stack too.
"""

from __future__ import annotations

import dis
import gc
from collections.abc import Sequence
from types import CodeType, FrameType
from typing import Any, Final

from . import instructions, stacks
from .frames import Blocker
from .heap import Exchanged
from .reading import class_name

ENDS: Final = frozenset(f"STORE_{what}" for what in ("NAME", "GLOBAL", "ATTR", "SUBSCR", "FAST", "DEREF")) | {
    "POP_TOP",
    "RETURN_VALUE",
}
"""Instructions after which nothing of the statement before is on the stack (but for `:=`, which copies, and
in a comprehension)."""
LOADS: Final = frozenset(
    f"LOAD_{what}"
    for what in ("GLOBAL", "NAME", "FROM_DICT_OR_GLOBALS", "ATTR", "METHOD", "SUPER_ATTR", "DEREF")
)


def holding(exchanged: Exchanged, objects: Sequence[Any] = ()) -> tuple[Blocker, ...]:
    """Frames that hold one of the classes: of all threads, the engine's own aside, and of the greenlets,
    generators and coroutines among `objects`.  A moment's answer.
    """
    if not exchanged:
        return ()
    found = []
    for holder, frame in stacks.of_the_program(objects):
        cls = _held(frame, exchanged)
        if cls is not None:
            found.append(_blocker(holder, frame, cls))
    for obj in objects:
        kind = type(obj)
        if stacks.is_suspendable(kind) and not exchanged.keys().isdisjoint(map(id, gc.get_referents(obj))):
            cls = next(cls for i, (cls, _) in exchanged.items() if i in map(id, gc.get_referents(obj)))
            frame = getattr(obj, stacks.SUSPENDED[kind][0])
            if frame is not None:
                found.append(_blocker(kind.__name__, frame, cls))
    return tuple(found)


def _held(frame: FrameType, exchanged: Exchanged) -> type | None:
    code = frame.f_code
    if code.co_flags & stacks.OPTIMIZED:
        for value in stacks.values_in(frame):
            if id(value) in exchanged:
                return exchanged[id(value)][0]
    for cls, heir in exchanged.values():
        names = [n for n in code.co_names if _may_name(n, cls, heir, frame)]
        if names and not loaded(code, frame.f_lasti).isdisjoint(names):
            return cls
    return None


def _may_name(name: str, cls: type, heir: type, frame: FrameType) -> bool:
    """Whether what the code has loaded by this name may be the class."""
    variable = frame.f_globals.get(name)
    if variable is cls:
        return True
    if name != class_name(cls):
        return False
    steps = dis.get_instructions(frame.f_code)
    ways = {step.opname for step in steps if step.opcode in dis.hasname and step.argval == name}
    return variable is None or variable is heir or not ways <= _OF_VARIABLES


_OF_VARIABLES: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "STORE_NAME", "IMPORT_FROM"})


def loaded(code: CodeType, at: int) -> frozenset[str]:
    """Names that the statement around the instruction `at` (a byte offset) has loaded by then, and whose
    objects may be on the stack."""
    found: set[str] = set()
    before = ""
    steps = instructions.of(code)
    inside = instructions.comprehensions(steps)
    for i, step in enumerate(steps):
        if step.offset >= at:
            break
        if step.opname in ENDS and before != "COPY" and i not in inside:
            found.clear()
        elif step.opname in LOADS and type(step.argval) is str:
            found.add(step.argval)
        before = step.opname
    return frozenset(found)


def _blocker(holder: str, frame: FrameType, cls: type) -> Blocker:
    code = frame.f_code
    line = frame.f_lineno or code.co_firstlineno
    return Blocker(
        holder, code.co_qualname, code.co_filename, line, True, False, False, holds=cls.__qualname__
    )

"""Loops that go on with a variable's old value: they took it before they began.

`pause = PAUSE`, and then `while True: sleep(pause)`: a fresh start would take the new one, and this frame
never asks again.  A call that ends by itself is as any call that has begun.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any, Final

from attrs import evolve

from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes, frames
from .flow import Flow, flow_of
from .frames import Blocker

GETS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
PARTS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})

Changed = Mapping[int, tuple[ModuleType, Collection[str]]]
"""By the id of a module: itself, and its variables that have other values from now on."""


def by_loops(ops: Iterable[Op], objects: Sequence[Any] = ()) -> tuple[Blocker, ...]:
    """A moment's answer, of all threads, tasks and what is suspended among `objects`."""
    changed: dict[int, tuple[ModuleType, set[str]]] = {}
    for op in ops:
        if op.kind is SlotKind.GLOBAL and op.before is not ABSENT and op.after is not ABSENT:
            changed.setdefault(id(op.owner), (op.owner, set()))[1].add(op.key)
    found = list[Blocker]()
    for holder, frame, running in frames.everywhere(objects) if changed else ():
        if names := tuple(sorted(_taken(frame, changed))):
            found.append(evolve(frames.blocker(holder, frame, running), took=names))
    return tuple(b for b in found if b.never_leaves or (b.running and b.in_loop))


def _taken(frame: FrameType, changed: Changed) -> set[str]:
    own = {name: value for name in frame.f_code.co_names if (value := frame.f_globals.get(name)) is not None}
    spaces = {id(vars(module)): names for module, names in changed.values()}
    names = {name for name in spaces.get(id(frame.f_globals), ()) if name in frame.f_code.co_names}
    parts = {
        (name, part)
        for name, value in own.items()
        if id(value) in changed
        for part in changed[id(value)][1]
        if part in frame.f_code.co_names
    }
    if not names and not parts:
        return set()
    flow = flow_of(frame.f_code)
    at = flow.at(frame.f_lasti)
    to_come = flow.reached(at)
    used = {name for offset in to_come for name in _variables(flow, offset, "LOAD_")}
    return {
        name
        for name, variables in _kept(frame.f_code, flow, to_come, names, parts)
        if not used.isdisjoint(variables)
    }


def _kept(
    code: CodeType, flow: Flow, to_come: Collection[int], names: Collection[str], parts: Collection[Any]
) -> Iterator[tuple[str, list[str]]]:
    """What was read where the frame does not come again, and the local variables that the statement set."""
    read, before = set[str](), None
    for step in codes.steps_of(code):
        stored = _variables(flow, step.offset, "STORE_")
        if stored:
            for name in sorted(read):
                yield name, stored
            read = set()
        elif step.offset not in to_come:
            if step.opname in GETS and step.argval in names:
                read.add(step.argval)
            elif step.opname in PARTS and before is not None and (before, step.argval) in parts:
                read.add(f"{before}.{step.argval}")
        before = step.argval if step.opname in GETS else None
        if step.opname == "POP_TOP":
            read = set()


def _variables(flow: Flow, offset: int, what: str) -> list[str]:
    """The local variables that an instruction loads, or sets; 3.13 has some that do two things."""
    step = flow.steps[offset]
    local = "FAST" in step.opname or "DEREF" in step.opname or "CLOSURE" in step.opname
    if not local or not step.opname.startswith(what):
        return []
    return list(step.argval) if type(step.argval) is tuple else [step.argval]

"""An object that the new start asks for and the old one did not, where the process has asked for it since.

Of such an answer of a cached property (an environment for templates that comes into being when it is first
used) there is no old start's to compare with.  What lives is what its making gave, and what has come to it;
what the new start's has besides is added.  Where the two have something else in one place there is no telling
which is meant; and what only the one that lives has is for the proof to judge, which finds it unlike a fresh
start unless a refresh handler has it forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hotpatch.ops import ABSENT, Op, SlotKind

from .memo import keeps_its_answer
from .reading import class_attribute

if TYPE_CHECKING:
    from .merge import Merger

_SLOTS: Final = {"instance": ("attr", SlotKind.INSTANCE), "dict": ("key", SlotKind.ITEM)}


def is_answer(owner: Any, slot: SlotKind, name: Any) -> bool:
    """Does this stand where a cached property leaves what it was answered?"""
    return slot is SlotKind.INSTANCE and keeps_its_answer(class_attribute(type(owner), name))


def additions(merger: Merger, live: Any, n: int, where: str) -> list[Op] | None:
    """The steps by which an answer that lives gets what the new start's has besides.  None where they differ
    otherwise."""
    ops: list[Op] = []
    todo = [(live, n, where)]
    while todo:
        live, n, where = todo.pop()
        if merger.builder.made.get(n) is live or merger.alike.stays(live, n):
            continue
        shape, head, live_kids, _ = merger.shapes.expand(live)
        kind, wanted = merger.new.kind(n), merger.new.kids(n)
        if kind not in _SLOTS or (shape, head) != (kind, merger.new.nodes[n][1]):
            if merger.alike.as_after(live, n) or _came_to(shape, kind, wanted):
                continue
            return None
        if n in merger.builder.made:
            return None  # another one was made of it, for somebody else
        merger.builder.made[n] = live
        mine, (found_by, slot) = dict(live_kids), _SLOTS[kind]
        for step, child in wanted.items():
            if step in mine:
                todo.append((mine[step], child, f"{where}.{step[-1] if type(step) is tuple else step}"))
            elif type(step) is tuple and step[0] == found_by:
                key = merger.builder.key(step, wanted)
                value = merger.builder.make(child)
                ops.append(Op(live, slot, key, ABSENT, value, f"{where}.{key}"))
            else:
                return None
    return ops


def _came_to(shape: str, kind: str, wanted: Any) -> bool:
    """A sequence that is empty after a start has been filled since."""
    return shape == kind and kind in ("list", "deque", "set") and not wanted

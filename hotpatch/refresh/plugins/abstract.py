"""Abstract base classes: what `isinstance` and `issubclass` remembered of classes that changed.

An ABC keeps which classes it found to be its subclasses, and which not.  A class that gains a method may
now satisfy `Iterable` or a runtime-checkable protocol, a protocol that gains one may no longer be
satisfied.  The answers "no" of all ABCs are dropped by raising the counter that every `register` raises;
the answers "yes" of each ABC by `ABCMeta._abc_caches_clear` (CPython 3.7 to 3.13), for the ABCs that there
are.
"""

from __future__ import annotations

from abc import ABC, ABCMeta
from collections.abc import Iterator
from typing import Any

from hotpatch.engine.reading import class_dict
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update

_ANSWERS = frozenset({"__subclasshook__", "__subclasscheck__", "__instancecheck__", "__proto_hook"})


def forget(update: Update) -> None:
    if not any(map(may_change_answers, update.ops)):
        return

    class Throwaway(ABC):  # noqa: B024  it is only there to raise the counter
        pass

    Throwaway.register(type("Registered", (), {}))
    for cls in abstract():
        ABCMeta._abc_caches_clear(cls)  # type: ignore[attr-defined]


def may_change_answers(op: Op) -> bool:
    """Whether a class gains or loses a name or a base, or decides in another way who belongs to it."""
    if op.kind in (SlotKind.BASES, SlotKind.TYPE):
        return True
    if op.kind is SlotKind.CLASS:
        return op.before is ABSENT or op.after is ABSENT or op.key in _ANSWERS or op.key.startswith("__proto")
    return op.kind is SlotKind.CODE and op.owner.__name__ in _ANSWERS


def abstract() -> Iterator[ABCMeta]:
    """Every abstract base class, through the registers of subclasses that classes keep."""
    seen: set[int] = set()
    todo: list[type] = [object]
    while todo:
        cls = todo.pop()
        subclasses: list[Any] = type.__subclasses__(cls)
        for sub in subclasses:
            if id(sub) not in seen:
                seen.add(id(sub))
                todo.append(sub)
                if issubclass(type(sub), ABCMeta) and "_abc_impl" in class_dict(sub):
                    yield sub


HANDLER = Handler("abc", forget=forget)

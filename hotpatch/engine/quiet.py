"""The moment for a commit where work is not pinned: nobody is between the halves of the edit.

A thread inside an old caller would call the changed callee in the old way; a thread in a loop of an old
function would go round on old code.  The library call waits for a moment at which there is no such frame,
and commits in that moment; where it never comes, the change is refused.  A service has pins and epochs
instead, for its requests; for threads that serve none it looks for such a moment too, and goes on without.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from . import codes, constructors
from .collector import youngest_alone
from .commit import Undo
from .decoding import decoded_once
from .frames import Blocker, blockers, may_never_return
from .heap import Exchange, Functions
from .living import Living
from .moment import commit_now
from .stacks import is_suspendable
from .view import PLAIN_VIEW, View

if TYPE_CHECKING:
    from .staged import Staged

MAKERS: Final = ("__init__", "__new__", "__call__")
SECONDS: Final = 2.0
SHORTEST: Final = 0.001
LONGEST: Final = 0.25
"""Seconds that another thread waits for the GIL: at least, and where a look at what lives takes long."""


def incompatible_names(functions: Functions, ops: Sequence[Op], view: View = PLAIN_VIEW) -> frozenset[str]:
    """Names by which old code that goes on would call something in a way that no longer holds."""
    names: set[str] = set()
    by_owner: dict[int, list[Op]] = {}
    for op in ops:
        by_owner.setdefault(id(op.owner), []).append(op)

    def defaults(f: types.FunctionType) -> tuple[int, frozenset[str]]:
        return _defaults(f, by_owner.get(id(f), ()), view)

    broken: dict[int, Any] = {}
    for f, old, new in functions.values():
        if not codes.accepts_same_calls(old, new, *defaults(f)):
            broken[id(f)] = f
            names |= {new.co_name, f.__name__}
            if f.__name__ in MAKERS:
                names.add(f.__qualname__.rpartition(".")[0].rpartition(".")[2])
    for cls in constructors.outdated(functions, broken, ops, defaults, view):
        broken[id(cls)] = cls
        names.add(constructors.name_of(cls))
    for op in ops:
        if op.after is ABSENT and op.kind in (SlotKind.GLOBAL, SlotKind.CLASS, SlotKind.INSTANCE):
            names.add(str(op.key))
    return frozenset(names | _other_names(broken, functions))


def _other_names(broken: Mapping[int, Any], functions: Functions) -> set[str]:
    """Those by which modules with code that changes have what can't be called as before."""
    spaces = {id(f.__globals__): f.__globals__ for f, _, _ in functions.values()}
    return {
        name
        for space in (spaces.values() if broken else ())
        for name, value in list(space.items())
        if id(value) in broken and type(name) is str
    }


def _defaults(f: types.FunctionType, ops: Sequence[Op], view: View) -> tuple[int, frozenset[str]]:
    """How many parameters of the new function have defaults, and which keyword-only ones."""
    found: dict[str, Any] = {name: view.part(f, name) for name in ("__defaults__", "__kwdefaults__")}
    for op in ops:
        if op.owner is f and op.kind is SlotKind.CODE and op.target is not None:
            return len(op.target.__defaults__ or ()), frozenset(op.target.__kwdefaults__ or ())
        if op.owner is f and op.kind is SlotKind.FUNCTION and op.key in found:
            found[op.key] = op.after
    return len(found["__defaults__"] or ()), frozenset(found["__kwdefaults__"] or ())


def needs_search(exchange: Exchange, incompatible: frozenset[str]) -> bool:
    """Could a suspended generator be in the way?  Tasks are found without a search."""
    return any(
        codes.kind_flags(part) and (codes.names_in(part) & incompatible or may_never_return([part]))
        for part, _ in exchange.changed.values()
    )


def suspended_in(objects: Living) -> tuple[Any, ...]:
    return tuple(objects.of(is_suspendable))


def blockers_of(
    exchange: Exchange, incompatible: frozenset[str], suspended: Sequence[Any] = ()
) -> tuple[Blocker, ...]:
    """Frames on old code that stand in the way of a commit right now."""
    old = [code for code, _ in exchange.changed.values()]
    if not old:
        return ()
    return tuple(
        b
        for b in blockers(old, objects=suspended, incompatible=incompatible)
        if b.never_leaves or b.calls or (b.running and b.in_loop)
    )


def commit_quietly(staged: Staged, seconds: float = SECONDS) -> Undo:
    """Commit at a moment when no frame is in the way.  Raises PatchRefused, with nothing changed, if one
    never leaves, is suspended where it would call the new code in the old way, or stays for `seconds`."""

    def look() -> Sequence[Blocker]:
        found = staged.blockers_now()
        for blocker in found:
            if blocker.never_leaves or not blocker.running:
                raise PatchRefused(str(blocker))
        return found

    with youngest_alone(), decoded_once(), ExitStack() as held:

        def ready() -> None:
            if late := held.enter_context(moment(look, seconds)):
                raise PatchRefused(f"{late}: not left within {seconds:g} s")

        return commit_now(staged, ready)


@contextmanager
def moment(look: Callable[[], Sequence[object]], seconds: float) -> Iterator[str]:
    """The body runs in a moment when `look` finds no frame in the way, with the GIL newly ours: whoever wants
    it waits for a whole interval, longer than a few stores take.  If there was none for `seconds`, it runs
    all the same, and is told why.

    The interval is short at first, to look often.  To look takes long where much lives; the interval that
    others wait for is longer then.  It holds for who waits already as well: one that is woken, or that sees
    the GIL change hands, reads it again.
    """
    usual = sys.getswitchinterval()
    interval = min(usual, SHORTEST)
    deadline = time.monotonic() + seconds
    try:
        while True:
            sys.setswitchinterval(interval)
            time.sleep(0.001)
            sys.setswitchinterval(1.0)  # at once: who begins to wait for the GIL now reads it
            began = time.perf_counter()
            found = look()
            took = time.perf_counter() - began
            if not found and took < interval / 2:
                late = ""
                break
            if time.monotonic() > deadline:
                late = str(found[0]) if found else "the process is too busy to commit in one step"
                break
            interval = max(interval, min(4 * took, LONGEST))
        yield late
    finally:
        sys.setswitchinterval(usual)

"""Who refers to an object, told without a pass over the heap: every reference is accounted for.

A reference count says how many there are.  A walk from the program's modules finds who holds them, some
hundred objects at a time, with other threads let in between; once as many are found as there are, nobody else
holds the object, however large the heap.  What was found is looked at again together with the count, in one
C call during which no other thread runs: references that came and went meanwhile deceive nobody.

It errs on one side alone.  A reference that the walk does not come to (a variable on a thread's stack, a
table of more than `WIDE` entries, a C library) leaves the account open, and whoever asked has to look through
the whole heap, which holds the GIL from start to end.

Leans on the GIL and on exact reference counts: CPython up to 3.13 without free threading; elsewhere the
account stays open.  A function holds its globals, and a frame its code, by one reference each as long as it
lives, and so on (`lasting`).  Tests: test_accounted.py.
"""

from __future__ import annotations

import collections
import gc
import inspect
import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from hotpatch.native import original
from hotpatch.ops import Op

from .difference import Difference
from .frames import stack, tasks
from .graph import Graph
from .measurement import Measurement
from .reading import LRU, PLAIN

SLICE: Final = 200
"""Objects whose referents are asked for in one C call: some 100 us with what belongs to it."""
LARGE: Final = 100
"""Containers with more items are asked one at a time."""
WIDE: Final = 5_000
"""Containers with more items than this are not entered: that alone would hold the GIL for long."""
MOST: Final = 200_000
"""Objects after which the walk gives up."""
CLOSED: Final = PLAIN | {Measurement, Difference, Graph}
SIZED: Final = (dict, list, tuple, set, frozenset, collections.deque)
SUSPENDING: Final = (
    inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
)

records: weakref.WeakSet[Any] = weakref.WeakSet()
"""What hotpatch itself keeps of code, old and new: edits laid out, undo records, versions.  They may be known
to a thread's stack alone, so they are where every walk begins."""

Targets = Callable[[], Sequence[Any]]


def holders(
    targets: Targets, near: Iterable[Any], known: Iterable[Any] = (), most: int = MOST
) -> list[Any] | None:
    """All objects that refer to one of the targets; None if there may be others.

    `targets` gives them anew each time, and the caller keeps no reference of its own to them.  `near` is
    where the walk begins (modules of the program), `known` are objects that may hold one and that nothing
    may lead to.
    """
    account = _Account(targets)
    known = list(known)
    for obj in known:
        account.note(obj)
    if account.closes():
        return account.found()
    near = [*near, *itertools.chain.from_iterable(map(within, targets()))]
    modules = [m for m in list(sys.modules.values()) if issubclass(type(m), ModuleType)]
    ours = set(map(id, near))
    others = [m for m in modules if id(m) not in ours]
    shut = {*map(id, others), *(id(m.__dict__) for m in others)}
    walk = _Walk(account, most)
    try:
        if walk.along([*near, *known, *records], shut) or walk.along([*tasks(), *modules], set()):
            return account.found()
        return None
    finally:
        walk.forget()


def lasting(obj: Any) -> Sequence[Any]:
    """What the object holds by one reference each for as long as it lives.  A frame holds its code even after
    its end; a generator's shows it to the collector besides."""
    kind = type(obj)
    if kind is tuple:
        return obj  # type: ignore[no-any-return]
    if kind is FunctionType:
        return (obj.__globals__,)
    if kind is FrameType:
        return () if obj.f_code.co_flags & SUSPENDING else (obj.f_code,)
    if kind is Op:
        return gc.get_referents(obj)
    return (kind,) if kind is LRU else ()


def frames() -> Iterator[FrameType]:
    """Of all threads but this one, at this moment.  Who holds a frame of its own stack holds all its
    variables beyond their time."""
    tops = sys._current_frames()
    del tops[original("_thread", "get_ident")()]  # the system's thread, also under gevent
    for top in tops.values():
        yield from stack(top)


class _Account:
    """References found so far, against those that there are."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self.ids = {id(target): k for k, target in enumerate(targets())}
        self._sure = [0] * len(self.ids)
        self._lasting: list[Any] = []
        self._passing: list[Any] = []
        self._seen: set[int] = set()

    def note(self, obj: Any) -> bool:
        """Does the object refer to a target?"""
        if id(obj) in self._seen:
            return False
        sure = [k for part in lasting(obj) if (k := self.ids.get(id(part))) is not None]
        if sure:
            for k in sure:
                self._sure[k] += 1
            self._lasting.append(obj)
        elif any(id(referent) in self.ids for referent in gc.get_referents(obj)):
            self._passing.append(obj)
        else:
            return False
        self._seen.add(id(obj))
        return True

    def closes(self) -> bool:
        """Is every reference accounted for, at this moment?"""
        if len(self._passing) > WIDE:
            return False
        found = self._sure.copy()
        counts, referents = self._moment()
        for i in map(id, referents):
            if (k := self.ids.get(i)) is not None:
                found[k] += 1
        return found == counts

    def _moment(self) -> tuple[list[int], list[Any]]:
        scratch = object()
        wanted = [scratch, *self._targets()]
        # One C call from the first count to the last referent: no other thread runs within it.
        parts = [partial(list, map(sys.getrefcount, wanted)), partial(gc.get_referents, *self._passing)]
        counts, referents = map(operator.call, parts)
        ours = counts[0] - 1  # `scratch` itself; the rest is what `wanted` and the call add to each
        return [count - ours for count in counts[1:]], referents

    def found(self) -> list[Any]:
        return self._lasting + self._passing


class _Walk:
    """From objects to their referents, nearest first, until the account closes."""

    def __init__(self, account: _Account, most: int) -> None:
        self._account, self._left = account, most
        self._seen = _Seen()

    def along(self, roots: Iterable[Any], shut: set[int]) -> bool:
        """Whether it closed.  What `shut` has the ids of is passed by."""
        todo = collections.deque([[root for root in roots if self._seen.add(root) and _size(root) <= WIDE]])
        while todo and self._left > 0:
            level = todo.popleft()
            for at in range(0, len(level), SLICE):
                chunk = level[at : at + SLICE]
                self._left -= len(chunk)
                referents = gc.get_referents(*chunk)
                ids = list(map(id, referents))
                fresh = list(self._fresh(zip(ids, referents, strict=True), shut))
                del referents  # it holds targets, and would be counted
                todo.append([obj for obj in fresh if _size(obj) <= LARGE])
                todo.extend([obj] for obj in fresh if _size(obj) > LARGE)
                del fresh
                if not self._account.ids.keys().isdisjoint(ids) and self._note(chunk):
                    return True
        return self._account.closes()

    def _note(self, chunk: Iterable[Any]) -> bool:
        new = [self._account.note(obj) for obj in chunk]
        return any(new) and self._account.closes()

    def _fresh(self, referents: Iterable[tuple[int, Any]], shut: set[int]) -> Iterator[Any]:
        targets, add = self._account.ids, self._seen.add
        for i, referent in referents:
            if i in shut or i in targets or type(referent) in CLOSED or not add(referent):
                continue
            if type(referent) is CodeType:
                yield from filter(add, within(referent))
            elif _size(referent) <= WIDE:
                yield referent

    def forget(self) -> None:
        self._seen.forget()


class _Seen:
    """Objects met, held so that an id stays its own.  In many small tables: one of all would hold the GIL for
    milliseconds whenever it grows."""

    def __init__(self) -> None:
        self._tables: list[dict[int, Any]] = [{} for _ in range(256)]

    def add(self, obj: Any) -> bool:
        """Was it new?"""
        i = id(obj)
        table = self._tables[i >> 4 & 255]
        if i in table:
            return False
        table[i] = obj
        return True

    def forget(self) -> None:
        for table in self._tables:
            table.clear()


def within(target: Any) -> Sequence[Any]:
    """What an object refers to.  Of code the collector sees nothing: its constants, if any are more than
    plain (nested code, and what dispatchers call)."""
    if type(target) is not CodeType:
        return gc.get_referents(target)
    return [] if all(type(const) in PLAIN for const in target.co_consts) else [target.co_consts]


def _size(obj: Any) -> int:
    """How many items it has, if it is a container that may have many."""
    kind = type(obj)
    if kind is LRU:
        return int(obj.cache_info().currsize)
    for base in SIZED:
        if issubclass(kind, base):
            return base.__len__(obj)
    return 0

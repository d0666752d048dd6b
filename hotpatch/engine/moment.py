"""What only the moment of the commit knows: the edit brought up to date with what went on since staging.

Between staging and commit requests go on: they make objects of a class that gives way, and change state that
a transformer carries over.  So these steps are made anew, all of them before the first store.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind

from . import heap, held, locks, stacks
from .collector import collected
from .commit import Undo, commit
from .frozen import all_objects
from .living import Living, living
from .recorded import Note

if TYPE_CHECKING:
    from .given import Given
    from .staged import Staged
    from .successors import Successors


class LaterUndo(Undo):
    """As `Undo`, with the state of its own moment: objects made since follow their class back, and what
    transformers carried over goes back by them where it has changed."""

    def __init__(
        self, undo: Undo, base: Sequence[Op], ours: Sequence[Op], staged: Staged, built: Sequence[Any]
    ) -> None:
        super().__init__(undo.ops, undo._orders, undo._view)
        self._given, self._successors = staged.given, staged.successors
        self._base, self._ours, self._carry = tuple(base), tuple(ours), staged.carry
        self._back: heap.Exchanged = {id(new): Note(new, old) for old, new in staged.exchanged.values()}
        self._rigid = {id(new) for i, (_, new) in staged.exchanged.items() if i in staged.rigid}
        self._built = built
        """Objects of the classes that came, built as part of the edit: they go with it."""

    def revert(self) -> None:
        """Raises PatchRefused as `Undo` does, and where what changed since has no way back."""
        if self.done:
            super().revert()
        if variables := [op.after for op in self._base if _exchanges_variable(op)]:
            _refuse_if_set(variables, all_objects())
        known = self.ops
        ours = () if self._carry is None else self._carry.back(self._ours)
        given = [op for op in self._base if locks.gives_way(op)]
        try:
            with locks.taken(given, forward=False):
                self.ops = (*self._base, *self._since(), *ours)
                _nobody_is_about_to(given, False)
                super().revert()
        except PatchRefused:
            self.ops = known
            raise

    def _since(self) -> list[Op]:
        """Objects of the classes that came, made since: the steps by which they would have followed."""
        gave = _of_who_lives(self._given, self._successors, self._base, back=True)
        if not self._back:
            return gave
        known = {id(op.owner) for op in self._base} | set(map(id, self._built))
        ops = collected(lambda: heap.following(self._back, self._rigid, living(), known, self._view))
        return [*gave, *(op.inverse for op in ops)]


def commit_now(staged: Staged, ready: Callable[[], None] | None = None) -> Undo:
    """Commit `staged` as things are.  To be called where no other code of the program runs.

    `ready` may wait for that moment, and raise; all that it could outdate is made after it.
    """
    variables = [op.before for op in staged.base if _exchanges_variable(op)]
    given = [op for op in staged.base if locks.gives_way(op)]
    follow = staged.exchanged or staged.given is not None or staged.successors
    if staged.carry is None and not follow and not variables and not given:
        return commit(staged.ops, ready, view=staged.view)
    if ready is not None:
        ready()
    if variables:
        _refuse_if_set(variables, all_objects())
    base, built = [*staged.base], list[Any]()
    base += _of_who_lives(staged.given, staged.successors, base, back=False)
    if staged.exchanged:
        for blocker in held.holding(staged.exchanged, stacks.with_frames(all_objects())):
            raise PatchRefused(str(blocker))
        base += collected(lambda: newcomers(staged, living()))
        objects = all_objects()
        came = {id(new) for _, new in staged.exchanged.values()}
        built = [obj for obj in objects if id(type(obj)) in came]
        del objects
    ours: list[Op] = []
    if staged.carry is not None:
        base, ours = staged.carry.ops(base)
    with locks.taken(given, forward=True):
        undo = commit([*base, *ours], partial(_nobody_is_about_to, given, True), staged.view)
    undo.ops, base = heap.without_followers(undo.ops), [*heap.without_followers(base)]
    if staged.carry is not None:
        staged.carry.note()
    return LaterUndo(undo, base, ours, staged, built)


def _of_who_lives(given: Given | None, successors: Successors, known: Sequence[Op], back: bool) -> list[Op]:
    """What those that live now are given, or what is taken from them again: one look at all for both."""
    if given is None and not successors:
        return []
    objects, found = living(), list[Op]()
    if given is not None:
        found += given.back(objects, known) if back else given.ops(objects, known)
    if successors:
        more = successors.back if back else successors.ops
        found += more(objects, [*known, *found])
    return found


def _nobody_is_about_to(take: Sequence[Op], forward: bool) -> None:
    if take:
        locks.refuse_if_known(take, forward, stacks.with_frames(all_objects()))


def _exchanges_variable(op: Op) -> bool:
    return type(op.before) is type(op.after) is contextvars.ContextVar


def _refuse_if_set(variables: Sequence[contextvars.ContextVar[Any]], objects: Sequence[Any]) -> None:
    """A context that has a value for a variable which gives way would lose it, and could not reset it."""
    for obj in objects:
        if type(obj) is contextvars.Context:
            for variable in variables:
                if variable in obj:
                    raise PatchRefused(
                        f"the context variable {variable.name} has another default and needs another object, "
                        "and is set just now in what runs: try again when it is idle"
                    )


def newcomers(staged: Staged, objects: Living) -> list[Op]:
    """Objects of classes that give way, made since staging."""
    known = {id(op.owner) for op in staged.base if op.kind is SlotKind.TYPE}
    known |= staged.displaced.keys()
    return heap.following(staged.exchanged, staged.rigid, objects, known, staged.view)

"""The life of a release in this process: installed beside the old code, decided, collapsed.

    install(ops)  staged      both versions are there; every request still gets the old one
      .canary(p)  canary      the requests that `p` picks get the new one
      .flip()     committed   the new one is the default; one store, atomic at any number of edits
      .collapse() collapsed   nobody is pinned below it any more: plain code again, at its plain cost
      .withdraw() withdrawn   before the flip: as if it had never been
      .rollback()             after the flip: a new version that holds what was there before

Invariants.  Epochs only grow; a rollback is a new epoch.  What an epoch sees never changes while it is live.
Before the flip every request outside the canary picks the old values, before a collapse nobody is pinned
below; so installing and settling may take their time, in any order.  Commit waits for nobody; collapse waits
for the last request on the old epoch, however long its stream.

Thread-safety: all functions here may be called from any thread; they take one lock, and nothing on the
request path does.  Fork-safety: a child may go on with them at once.
"""

from __future__ import annotations

import enum
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any

from attrs import evolve

from hotpatch.epochs import control, late, pins, readers, recursion
from hotpatch.epochs.barrier import BUDGET, Hold, barrier
from hotpatch.epochs.change import Change, body_part
from hotpatch.epochs.control import InFlight
from hotpatch.epochs.functions import Body
from hotpatch.epochs.grades import Form, Graded, grade, worst
from hotpatch.epochs.newest import Newest
from hotpatch.epochs.world import World
from hotpatch.errors import Busy, PatchRefused
from hotpatch.ops import Op, SlotKind
from hotpatch.plan import Grade


class State(enum.Enum):
    STAGED = "staged"
    CANARY = "canary"
    COMMITTED = "committed"
    COLLAPSED = "collapsed"
    WITHDRAWN = "withdrawn"


_lock = threading.RLock()
_world = World()
_undecided: Version | None = None
_uncollapsed: list[Version] = []
_in_effect: weakref.ref[Version] | None = None
"""The version that a rollback may undo; weak, since whoever may ask for that holds it."""


class Version:
    """One release in this process.  Made by `install`; the object is also its undo record, and keeps the
    replaced code alive until it is dropped."""

    def __init__(self, epoch: int, changes: tuple[Change, ...]) -> None:
        self.epoch = epoch
        self.state = State.STAGED
        self._changes = changes
        self._below = _in_effect

    def __repr__(self) -> str:
        return f"<Version {self.epoch} {self.state.value}>"

    def canary(self, pick: Callable[[Any], bool], lot: Callable[[Any], Any] | None = None) -> None:
        """From now on requests for which `pick(request)` is true get this version; may be called again with
        another share.  `pick` may take no lock.  Requests in flight stay where they are.

        With `lot`, `pick` is asked of `lot(request)` instead, and a listener gets that as well: what it takes
        to draw it is done once.
        """
        with _lock:
            self._must_be(State.STAGED, State.CANARY)
            control.set_canary(self.epoch, pick, lot)
            self.state = State.CANARY

    def flip(self, moment: AbstractContextManager[Any] | None = None) -> None:
        """Commit: every request that begins from now on gets this version, and so does work outside requests.

        Waits for nobody, unless `moment`, within which the store is made, does.  Metadata (docs, annotations)
        changes with it, and what has to be forgotten (`CALL` ops) is, at once and again at the collapse.
        """
        global _undecided, _in_effect
        with _lock:
            self._must_be(State.STAGED, State.CANARY)
            with moment or nullcontext():
                control.set_default(self.epoch)
            self.state = State.COMMITTED
            _undecided, _in_effect = None, weakref.ref(self)
            _uncollapsed.append(self)
            for change in self._changes:
                late.set_metadata(change.form, change.owner, change.key, change.after)
            _world.show(self.epoch)
            self._call()

    def rollback(self, moment: AbstractContextManager[Any] | None = None) -> Version:
        """After the flip, before the collapse or after: commit what was there before, as a new epoch.

        Then the version before this one may be rolled back, too.  `moment` is as in `flip`.  Raises
        `PatchRefused` if a later one is in effect: that one goes first.
        """
        global _in_effect
        with _lock:
            self._must_be(State.COMMITTED, State.COLLAPSED)
            if _in_effect is None or _in_effect() is not self:
                raise PatchRefused(
                    f"version {self.epoch} can't be rolled back: another change was committed after it; "
                    "roll that back first"
                )
            _nothing_undecided("a rollback")
            back = _push(tuple(change.inverse() for change in reversed(self._changes)))
            back.flip(moment)
            _in_effect = self._below
            return back

    def withdraw(self) -> None:
        """Before the flip: no request gets this version any more.  Those that have it keep it to their end;
        its code goes with the last of them (`tend`)."""
        global _undecided
        with _lock:
            self._must_be(State.STAGED, State.CANARY)
            control.end_canary()
            self.state = State.WITHDRAWN
            _undecided = None
            if self.epoch in control.pinned_epochs():
                # Later epochs would find this version's values below them: the old ones get a new epoch.
                changes = tuple(change.inverse() for change in reversed(self._changes))
                control.set_default(_push_changes(changes))
            tend()

    def collapse(self) -> bool:
        """Put the plain code in, if nobody is pinned below this version; whether it is in."""
        with _lock:
            self._must_be(State.COMMITTED, State.COLLAPSED)
            tend()
            return self.state is State.COLLAPSED

    def blockers(self) -> tuple[InFlight, ...]:
        """The requests for whose end the collapse waits, the longest first."""
        return tuple(flight for flight in control.requests_in_flight() if flight.epoch < self.epoch)

    def _must_be(self, *states: State) -> None:
        if self.state not in states:
            wanted = " or ".join(state.value for state in states)
            raise PatchRefused(f"version {self.epoch} is {self.state.value}; this wants it {wanted}")

    def _call(self) -> None:
        for change in self._changes:
            if change.form is Form.CALL and callable(change.after):
                change.after()

    def _collapsed(self) -> None:
        self.state = State.COLLAPSED
        self._call()  # requests on the old epoch may have filled caches with its answers meanwhile


def survey(ops: Iterable[Op]) -> tuple[Graded, ...]:
    """The grade of each op, with the reason; changes nothing."""
    ops = tuple(ops)
    with _lock:
        return grade(ops, readers.functions_of(_dicts(ops)), _world.split_names(), view().code)


def install(ops: Iterable[Op]) -> Version:
    """Put a release in beside what runs.  Nothing visible changes.

    Raises `PatchRefused`, naming each edit and why, if one of them has no parallel form (`survey` tells
    beforehand): the whole release then goes in at a `barrier`.  Raises `Busy` while an earlier version is
    neither flipped nor withdrawn.
    """
    ops = tuple(ops)
    with _lock:
        _nothing_undecided("another release")
        functions = readers.functions_of(_dicts(ops))
        graded = grade(ops, functions, _world.split_names(), view().code)
        if worst(graded) is not Grade.CANARY:
            reasons = "; ".join(f"{g.op.where}: {g.reason}" for g in graded if g.grade is not Grade.CANARY)
            raise PatchRefused(f"not all edits can run beside the old code; use a barrier. {reasons}")
        return _push(_changes(graded), functions)


def tend() -> None:
    """Take out what no request needs any more: collapse, squash, and the last of withdrawn versions.

    Cheap when there is nothing to do; to be called now and then, by whoever watches over releases.
    """
    with _lock:
        live = {pins.policy.epoch, pins.DEFAULT.epoch} | control.pinned_epochs()
        oldest = min(live)
        if _world.plain:
            _mark_collapsed(oldest)
            return
        if _undecided is not None:
            live.add(_undecided.epoch)
        _world.settle(live, pins.policy.epoch)
        if _world.plain:
            recursion.restore()
        _mark_collapsed(oldest)


def force() -> int:
    """The last resort: no request is left on an old epoch, each goes on with what the default has.

    They see a mixture of versions, which nothing else here allows; frames in the middle of an old body end
    it.  Gives how many requests or pinned units that was.  Raises `Busy` while a version is undecided.
    """
    with _lock:
        _nothing_undecided("to force a release")
        moved = control.follow_default()
        tend()
        return moved


def newest(owner: Any, kind: SlotKind, key: Any, otherwise: Any) -> Any:
    """What the newest version has in a slot that has several values; `otherwise` for any other slot."""
    with _lock:
        part = body_part(kind, key)
        if part is not None and (body := _world.newest_body(owner)) is not None:
            return getattr(body, part)
        if kind is SlotKind.GLOBAL and key in (of := _world.variables.get(id(vars(owner)), {})):
            return of[key].newest()
        if kind is SlotKind.CLASS and (member := _world.members.get((id(owner), key))) is not None:
            return member.newest()
        return otherwise


def view() -> Newest:
    """The process as the newest version sees it, for whoever compares it with sources or stages the next
    release while several versions run.  To be asked for anew in a forked child."""
    return Newest(_world, _lock)


def is_plain() -> bool:
    """No dispatcher, alias or descriptor is in place: calls cost what they cost without hotpatch."""
    return _world.plain


def version_in_effect() -> Version | None:
    """The version that a rollback would undo; None if there is none, or nobody holds it any more."""
    return None if _in_effect is None else _in_effect()


def undecided_version() -> Version | None:
    """The version that is staged or in canary."""
    return _undecided


@contextmanager
def one_step(budget: float = BUDGET, back_to: Version | None = None, force: bool = False) -> Iterator[Hold]:
    """The other way in: a barrier, for a release that has no parallel form.

        with one_step(0.250) as hold:
            if hold.quiet:
                undo = commit(ops)

    If all requests ended within the budget, the body finds plain code (what earlier versions left is
    collapsed) and may change it in place: no request sees both sides.  What it does then counts as an epoch
    of its own, unless it raises; it is undone by its own undo, not by `Version.rollback`.  If they did not,
    requests go on while the body runs, and it had better change nothing; `hold.waited_for` says for whom.

    A body that undoes such a step exactly names the version that was in effect before it (`back_to`): that
    one may be rolled back again then.  Raises `PatchRefused` if the caller itself is pinned to an old epoch.

    With `force`, the last resort, requests that did not end see both sides; the hold says for whom.
    """
    global _in_effect
    with _lock:
        _nothing_undecided("a release that takes a barrier")
    with barrier(budget) as hold:
        if not hold.quiet and not force:
            yield hold
            return
        with _lock:
            _nothing_undecided("a release that takes a barrier")
            if force:
                control.follow_default()
            tend()
            if not _world.plain:
                raise PatchRefused(
                    "the caller is pinned to an older epoch, so that two versions run until it ends; "
                    "call this from outside any request"
                )
            yield hold
            control.set_default(control.next_epoch())
            if force:
                control.follow_default()
            _in_effect = None if back_to is None else weakref.ref(back_to)


def _nothing_undecided(what: str) -> None:
    if _undecided is not None:
        raise Busy(
            f"{what} has to wait: version {_undecided.epoch} is {_undecided.state.value}; "
            "promote it or withdraw it first"
        )


def _dicts(ops: Iterable[Op]) -> list[dict[str, Any]]:
    """The modules whose functions may have to read other names: globals change there, or are split."""
    dicts = {id(vars(op.owner)): vars(op.owner) for op in ops if op.kind is SlotKind.GLOBAL}
    dicts |= {key: next(iter(split.values())).dict for key, split in _world.variables.items()}
    return list(dicts.values())


def _changes(graded: Iterable[Graded]) -> tuple[Change, ...]:
    """One change for each slot; what ops do to parts of a function's body comes together in one."""
    bodies: dict[int, tuple[Any, dict[str, Any]]] = {}
    changes: list[Change] = []
    for each in graded:
        op = each.op
        if each.form is Form.BODY:
            _, parts = bodies.setdefault(id(op.owner), (op.owner, {}))
            part = body_part(op.kind, op.key)
            assert part is not None, op
            parts[part] = op.after
        else:
            changes.append(Change(each.form, op.owner, op.key, op.before, op.after))
    for function, parts in bodies.values():
        before: Body = _world.body(function).newest()
        changes.append(Change(Form.BODY, function, None, before, evolve(before, **parts)))
    return tuple(changes)


def _push(changes: tuple[Change, ...], functions: readers.FunctionsOf | None = None) -> Version:
    global _undecided
    made: list[Change] = []
    epoch = _push_changes(changes, functions, made)
    _undecided = Version(epoch, tuple(made))
    return _undecided


def _push_changes(
    changes: tuple[Change, ...],
    functions: readers.FunctionsOf | None = None,
    made: list[Change] | None = None,
) -> int:
    """Give each slot its value for a new epoch; nobody is on it yet.  Returns the epoch."""
    epoch = control.next_epoch()
    recursion.raise_limit()
    modules: dict[int, ModuleType] = {}
    for change in changes:
        done = change
        if change.form is Form.VARIABLE:
            variable = _world.variable(change.owner, change.key)
            done = evolve(change, before=variable.newest())
            variable.push(epoch, change.after)
            modules[id(vars(change.owner))] = change.owner
        elif change.form is Form.MEMBER:
            member = _world.member(change.owner, change.key)
            done = evolve(change, before=member.newest())
            member.push(epoch, change.after)
        elif change.form is Form.MODULE:
            _world.imported(change.key).push(epoch, change.after)
        elif change.form is Form.BODY:
            _world.body(change.owner).push(epoch, change.after)
        if made is not None:
            made.append(done)
    if functions is None:
        functions = readers.functions_of([vars(module) for module in modules.values()])
    for of_module in functions.values():
        _world.readers(of_module)
    _world.split_modules()
    _world.refresh(pins.policy.epoch)
    return epoch


def _mark_collapsed(oldest: int) -> None:
    done = [version for version in _uncollapsed if version.epoch <= oldest]
    _uncollapsed[:] = [version for version in _uncollapsed if version.epoch > oldest]
    for version in done:
        version._collapsed()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()  # some other thread may have held it


os.register_at_fork(after_in_child=_after_fork_in_child)

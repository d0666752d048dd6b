"""Staging: the edit located, built and laid out as ops in the live process, with nothing visible changed."""

from __future__ import annotations

import gc
import importlib
import sys
import types
import weakref
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from attrs import evolve, field, frozen

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.pace import breathe
from hotpatch.transform import Transformer

from . import (
    carry_places,
    codes,
    collector,
    filled,
    frames,
    heap,
    held,
    memo,
    moved_state,
    quiet,
    taken,
)
from .build import Builder
from .carry import Carry, Choices
from .difference import Difference
from .frames import Blocker
from .given import Given
from .graph import APP
from .living import living
from .locate import Locator
from .measurement import Measurement, problems_left, why_here
from .merge import Merger
from .reading import MISSING
from .recorded import Note, Record
from .shape import Shapes
from .statement import Statements
from .successors import Successors
from .view import PLAIN_VIEW, View
from .world import World


@frozen(eq=False)
class Staged(Record):
    """An edit, ready to be committed in this process and in its forked children.  Holds live objects."""

    measurement: Measurement = field(repr=False)
    ops: tuple[Op, ...] = field(repr=False)
    root: str
    app: Any = field(repr=False)
    functions: heap.Functions = field(repr=False)
    """id of a live function whose code changes: itself, its code before, the code that it comes to run."""
    exchange: heap.Exchange = field(repr=False)
    exchanged: Mapping[int, tuple[type, type]] = field(repr=False)
    """Classes that give way to another class object."""
    incompatible: frozenset[str] = frozenset()
    """Names that can't be called, or looked up, any more as old code does."""
    suspended: tuple[weakref.ref[Any], ...] = field(default=(), repr=False)
    """Generators and coroutines, where the heap was searched for those on code that changes.  Held weakly:
    one that the program drops has to end."""
    gone: tuple[weakref.ref[types.FunctionType], ...] = field(default=(), repr=False)
    """Closures that lived at staging, and whose code the new sources have nowhere."""
    displaced: Mapping[int, Note] = field(factory=dict, repr=False)
    """Objects whose place another takes, though they are the same thing to the program: id to object."""
    built: frozenset[int] = field(default=frozenset(), repr=False)
    """ids of what it brings and did not live before; the ops hold it."""
    kept: frozenset[str] = frozenset()
    """What the author chose to keep as it lives, by the names of the choices."""
    view: View = field(default=PLAIN_VIEW, repr=False)
    notes: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    """Frames on old code that never leave it or would call the new code in the old way, as of staging."""

    base: tuple[Op, ...] = field(default=(), repr=False)
    """The ops without what transformers add or have the say over."""
    carry: Carry | None = field(default=None, repr=False)
    """What the author's transformers carry over."""
    given: Given | None = field(default=None, repr=False)
    """What objects that live get, as new ones do; None where nothing comes to any."""
    successors: Successors = field(factory=Successors, repr=False)
    """Values that give way, for who took one of them."""
    rigid: frozenset[int] = field(default=frozenset(), repr=False)
    """Of `exchanged`: those whose objects can't follow."""

    def blockers_now(self) -> tuple[Blocker, ...]:
        suspended = self._suspended()
        found = quiet.blockers_of(self.exchange, self.incompatible, suspended)
        return found + taken.by_loops(self.ops, suspended) + held.holding(self.exchanged)

    def breaks(self, undone: bool = False) -> frozenset[str]:
        """The names that can't be called any more as they are now, once this is committed, or taken back."""
        if not undone:
            return self.incompatible
        back = {i: (f, new, old) for i, (f, old, new) in self.functions.items()}
        return quiet.incompatible_names(back, [op.inverse for op in self.ops], self.view)

    def about_to_call(
        self, names: Set[str], besides: Callable[[Sequence[types.FrameType]], bool], undone: bool = False
    ) -> tuple[Blocker, ...]:
        """What runs just now in threads, on code that this edit replaces (or brought, where it is to be
        `undone`), and will call one of `names`; but for stacks of which `besides` is true."""
        return frames.about_to_call(self._codes(undone), names, self.view, besides)

    def on_old_code(self, undone: bool = False) -> tuple[Blocker, ...]:
        """Every frame that runs what this edit replaced; once it is undone, what it had brought."""
        codes = self._codes(undone)
        return frames.blockers(codes, objects=self._suspended(), view=self.view) if codes else ()

    def _codes(self, undone: bool) -> list[types.CodeType]:
        pairs = self.exchange.changed.values()
        return [code for pair in pairs if (code := pair[undone]) is not None]

    def _suspended(self) -> list[Any]:
        return [obj for ref in self.suspended if (obj := ref()) is not None]

    def once_committed(self) -> Staged:
        """What there is to keep of it then."""
        return evolve(self, ops=heap.without_followers(self.ops), base=heap.without_followers(self.base))


def stage(
    measurement: Measurement,
    root: str,
    app: Any = None,
    choices: Mapping[str, str] | None = None,
    view: View = PLAIN_VIEW,
    transformers: Sequence[Transformer] = (),
) -> Staged:
    """Lay the measured edit onto this process: nothing visible changes.

    `root` is the folder that the program's modules were loaded from, `app` the live application object where
    the program makes it by a factory.  `choices` are the bundle author's (`keep`, `rebuild`), by the names
    that refusals give.  `view` tells what the slots of this process mean, where several versions run in it:
    the edit is laid onto the newest.  `transformers` carry state over that is in the way of the edit.
    Raises PatchRefused, with the reason, if it has no sound form here.
    """
    if problems := problems_left(measurement.problems, choices or {}):
        raise PatchRefused(why_here(problems[0]))
    with collector.youngest_alone(), codes.remembering():
        return _stage(measurement, root, app, choices or {}, view, transformers)


def _stage(
    measurement: Measurement,
    root: str,
    app: Any,
    choices: Mapping[str, str],
    view: View,
    transformers: Sequence[Transformer],
) -> Staged:
    difference = measurement.difference
    world = World(root, view)
    breathe()
    _all_measured(measurement, world)
    shapes = Shapes(world)
    extra = world.open(measurement.opened) | ({} if app is None else {APP: app})
    locator = Locator(world, shapes, difference.old, extra, difference.unmistakable)
    files = {name: f"{world.root}/{file}" for name, file in measurement.files.items()}
    builder = Builder(difference, world, shapes, locator, files, measurement.source_root)
    statements = Statements(builder, measurement.sources)
    builder.make_named = statements.make_named
    say = Choices(choices, transformers)
    carried = [id(carry_places.find(name, world.local, view)[1]) for name in say.classes]
    merger = Merger(difference, shapes, locator, builder, statements, say, carried)
    merger.run()
    _clear_dispatch(merger, difference, locator)
    filled.of_old_code(difference.filled, merger)
    _drop_modules(merger, measurement)
    breathe()
    exchange = heap.Exchange(merger.functions)
    incompatible = quiet.incompatible_names(merger.functions, merger.ops, view)
    exchanged = builder.classes.exchanged
    given = Given(merger.functions, merger.ops, exchanged, world, carried)
    successors = Successors(merger.successors.values())
    suspended, gone = _scan(measurement, merger, builder, exchange, world, incompatible, given, successors)
    breathe()
    base, carry, ours = merger.ops, None, list[Op]()
    if transformers:
        carry = Carry(transformers, root, view, exchanged)
        base, ours = carry.ops(merger.ops)
    importlib.invalidate_caches()
    locator.forget()
    builder.made.clear()
    return Staged(
        measurement=measurement,
        ops=(*base, *ours),
        base=tuple(merger.ops),
        carry=carry,
        given=given if given else None,
        successors=successors,
        rigid=frozenset(builder.classes.rigid),
        root=world.root,
        app=app,
        functions=merger.functions,
        exchange=exchange,
        exchanged=exchanged,
        displaced=merger.displaced,
        built=_there(builder.built, merger.ops),
        kept=frozenset(merger.kept),
        incompatible=incompatible,
        suspended=tuple(map(weakref.ref, suspended)),
        gone=tuple(map(weakref.ref, gone)),
        blockers=quiet.blockers_of(exchange, incompatible, suspended) + taken.by_loops(base, suspended),
        view=view,
        notes=tuple(f"{name} was made by running its statement" for name in statements.ran),
    )


def _all_measured(measurement: Measurement, world: World) -> None:
    """A module that runs here, that the change reaches and that no clean start loaded, would be passed
    over."""
    known = measurement.difference.old.roots
    unseen = sorted(name for name in measurement.reached if name in world.local and name not in known)
    if unseen:
        raise PatchRefused(
            f"{', '.join(unseen[:3])} runs here and changes, or imports what changes, "
            "and a clean start of the program did not load it"
        )


def _scan(
    measurement: Measurement,
    merger: Merger,
    builder: Builder,
    exchange: heap.Exchange,
    world: World,
    incompatible: frozenset[str],
    given: Given,
    successors: Successors,
) -> tuple[tuple[Any, ...], list[types.FunctionType]]:
    """What only the heap knows, and only if the edit needs it: the holders of suspended frames, and closures
    whose code is gone."""
    exchanged = builder.classes.exchanged
    search = quiet.needs_search(exchange, incompatible)
    cached = memo.cached_properties(merger.functions, world)
    caches = bool(measurement.stale_names)
    asked = memo.recalled(measurement.difference.recalled, merger.locator)
    closures = heap.needs_scan(merger.functions, exchange)
    if not (exchanged or search or cached or caches or given or successors or any(asked) or closures):
        return (), []
    following = list[Op]()
    if exchanged:
        leaving = _leaving(merger.ops)
        # No `*`: arguments are gathered in a list, which is one of all objects when those are asked for, and
        # would hold them, and be held by them, until garbage is collected.
        following = collector.collected(
            lambda: heap.instances(
                exchanged,
                builder.classes.rigid,
                merger.rebased,
                merger.displaced,
                leaving,
                living(),
                world.view,
            )
        )
    objects = living()
    ops, gone = heap.closures_made(exchange, merger.functions, objects, world.view)
    merger.ops += ops
    if exchanged:
        merger.ops += following
        merger.ops += heap.variables(exchanged, world.local, world.view)
    merger.ops += memo.stale_caches(measurement.stale_names, merger.written, objects, merger.caches)
    merger.ops += memo.drop_cached(cached, objects, merger.written, asked[2])
    merger.ops += memo.drop_recalled(asked, objects, merger.ops, merger.shapes)
    merger.ops += given.ops(objects, merger.ops)
    merger.ops += memo.drop_told_of(merger.ops, merger.written)
    if successors:
        merger.ops += successors.ops(objects, merger.ops)
    return quiet.suspended_in(objects) if search else (), gone


def _leaving(ops: Sequence[Op]) -> set[int]:
    """ids of classes whose names go, or come to stand for something else."""
    return {id(op.before) for op in ops if issubclass(type(op.before), type)}


def _there(built: Set[int], ops: Sequence[Op]) -> frozenset[int]:
    """Of what was built, what the ops hold: an id says nothing of what is gone again."""
    found, todo = set[int](), [op.after for op in ops]
    while todo:
        value = todo.pop()
        if id(value) not in found and (id(value) in built or type(value) is dict):
            found.add(id(value))
            todo += gc.get_referents(value)
    return frozenset(found & built)


def _clear_dispatch(merger: Merger, difference: Difference, locator: Locator) -> None:
    for pair in difference.stale_dispatch:
        if (live := locator.locate(pair[0])) is not MISSING:
            merger.call(vars(live)["_clear_cache"], f"{difference.old.path(pair[0])} dispatch cache")


def _drop_modules(merger: Merger, measurement: Measurement) -> None:
    moved_state.refuse_if_lost(measurement.difference, merger)
    for name in measurement.gone:
        module = merger.view.modules().get(name)
        if module is not None:
            merger.emit(sys, SlotKind.MODULE, name, module, ABSENT, f"removed module {name}")

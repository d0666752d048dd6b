"""The difference laid onto the live process, three ways: a list of steps, nothing done yet.

What differs between the old and the new start is the edit; what differs between the old start and the live
object is state, and stays.  Where both differ, there is no telling which is meant: refused, unless the
bundle's author has chosen (`keep`, `rebuild`).
"""

from __future__ import annotations

import sys
import types
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.pace import breathe

from . import abstract, answers, codes, counted, flags, locks, memo
from .alike import Alike
from .build import Builder
from .build_outside import Unbuildable, bare_package
from .difference import Difference, hidden
from .giving_way import is_handed_on
from .locate import Locator
from .match import Pair
from .merge_asked import additions, is_answer
from .merge_callables import merge_cell, merge_partial
from .merge_keys import Keys, exchange_keys, merge_order
from .merge_objects import exchange_table, merge_class, merge_function, merge_instance, merge_lru_cache
from .merge_sequences import merge_list
from .merge_sets import merge_set
from .reading import MISSING, class_attribute, is_bare_folder, mro_of
from .recorded import Note
from .shape import Shapes
from .statement import Statements

KEEP_OR_REBUILD: Final = "the bundle may say keep or rebuild"


class Merger:
    """Makes the ops.  `choices` are the author's, by the name that a refusal gives: `keep` or `rebuild`.
    `carried` are ids of classes whose objects the author's transformers carry over."""

    def __init__(
        self,
        difference: Difference,
        shapes: Shapes,
        locator: Locator,
        builder: Builder,
        statements: Statements,
        choices: Mapping[str, str],
        carried: Collection[int] = (),
    ) -> None:
        self.difference, self.shapes, self.locator, self.builder = difference, shapes, locator, builder
        self.old, self.new = difference.old, difference.new
        self.statements, self.choices, self.carried = statements, choices, carried
        self.alike = Alike(shapes, locator, self.old, self.new, difference.origin, difference.replaced)
        self.ops: list[Op] = []
        self.functions: dict[int, tuple[types.FunctionType, types.CodeType, types.CodeType]] = {}
        """id of a live function whose code changes: itself, the code before, the code that it comes to
        run."""
        self.rebased: set[int] = set()
        self.displaced: dict[int, Note] = {}
        """id of a live object whose place another takes: itself, as a `Note`."""
        self.successors: dict[int, Note] = {}
        """The same of values: itself, and the one that whoever took it is given."""
        self.exchanged_keys: dict[Pair, dict[int, Any]] = {}
        """Of a mapping: the key that takes the place of one that lives, by the id of that one."""
        spaces = [vars(module) for module in builder.world.local.values()]
        self.written = answers.Written(builder.world.is_local, spaces)
        self.caches: set[int] = set()
        """ids of the caches whose answers have been seen to."""
        self.kept: set[str] = set()
        """Where the process and the new code disagree, and the author chose what lives."""
        self.unloaded = builder.unloaded
        self.view = builder.world.view

    # -- the whole edit ----------------------------------------------------------------

    def run(self) -> None:
        flags.name_combinations(self)
        for name, n in self.new.roots.items():
            if name not in self.old.roots and not name.startswith("<"):
                self._new_module(name, n)
        for pair in self.difference.visits:
            breathe()
            self._visit(pair)
        for pair in self.difference.stale_caches:
            if (live := self.locator.locate(pair[0])) is not MISSING:
                self._forget_answers(pair, live)
        flags.forget_combinations(self)
        self.ops += abstract.of_later_classes(self.ops)
        self.ops += memo.levels(self.ops)
        self.ops += memo.codecs_found(self.ops)

    def _forget_answers(self, pair: Pair, cache: Any) -> None:
        """Of a cache in front of something that changes, or that leads there."""
        where = f"{self.old.path(pair[0])} cache"
        self.caches.add(id(cache))
        kept = answers.state_in(cache, self.written)
        choice = self.choices.get(where)
        if kept is None or choice == "rebuild":
            self.call(cache.cache_clear, where, cache)
        elif pair in self.difference.remade and choice != "keep":
            raise PatchRefused(
                f"{where}: it keeps a {kept}, which may hold what came since, and which the new code makes "
                f"otherwise: {KEEP_OR_REBUILD}"
            )

    def _new_module(self, name: str, n: int) -> None:
        here = self.view.modules().get(name, ABSENT)
        if name in self.builder.world.local or not (here is ABSENT or is_bare_folder(here)):
            raise PatchRefused(f"the module {name} is new, and the live process has another one of that name")
        try:
            module = self.builder.make(n)
            above = bare_package(self.builder, name)
        except Unbuildable as why:
            raise PatchRefused(f"the new module {name}: {why}") from why
        self.emit(sys, SlotKind.MODULE, name, here, module, f"new module {name}")
        if here is not ABSENT:
            self.displaced[id(here)] = Note(here, None)
        if above is not None and (last := name.rpartition(".")[2]) not in vars(above):
            self.emit(above, SlotKind.GLOBAL, last, ABSENT, module, name)

    def _visit(self, pair: Pair) -> None:
        o, n = pair
        kind = self.old.kind(o)
        where = self.old.path(o)
        live = self.locator.locate(o)
        if live is MISSING:
            if self.old.module(o) in self.unloaded:
                return
            if pair in self.difference.moved or hidden(self.old, o):
                return
            raise PatchRefused(f"{where} changes, and is not in the live process as it was started")
        if kind in ("function", "class") and pair not in self.difference.replaced:
            self.builder.made[n] = live
        merge = MERGES.get(kind)
        if merge is None:
            raise PatchRefused(f"{where}: there is no way to change a {kind} in place")
        try:
            merge(self, pair, live)
        except Unbuildable as why:
            raise PatchRefused(f"{where} changes: {why}") from why

    # -- steps -----------------------------------------------------------------------------

    def emit(
        self, owner: Any, kind: SlotKind, key: Any, before: Any, after: Any, where: str, target: Any = None
    ) -> None:
        if before is not after:
            self.ops.append(Op(owner, kind, key, before, after, where, target))

    def call(self, action: Callable[[], Any], where: str, owner: Any = None) -> None:
        """For what is only ever forgotten: the same call done and undone."""
        self.ops.append(Op(owner, SlotKind.CALL, None, action, action, where))

    def settle(self, pair: Pair, live: Any, where: str) -> Any:
        """The object to stand where `live` stands: itself if it is edited where it is, else a new one."""
        if pair not in self.difference.replaced:
            return live
        o, n = pair
        if pair in self.difference.rebuilt:
            if live is not self.locator.locate(o) and live is not self.builder.made.get(n):
                raise PatchRefused(
                    f"{where} was set since the start, and the new code needs another class there"
                )
            return self.builder.make(n)
        if o not in self.difference.awake and self.alike.as_after(live, n):
            return live
        if pair in self.difference.living and self._stands_elsewhere(o, live, where):
            return self.builder.make(n)
        if not (self.alike.as_before(live, o) or self._only_evaluated(live, o)):
            return self._conflict(pair, live, where)
        opaque = self.old.kind(o) == "opaque" == self.new.kind(n)
        if opaque and not {self.old.nodes[o][1], self.new.nodes[n][1]} <= locks.TYPES.keys():
            raise PatchRefused(
                f"{where} becomes an object of another type "
                f"({self.old.nodes[o][1]} to {self.new.nodes[n][1]}), and the one that lives may be in use"
            )
        if self.old.kind(o) == "weakref" and "callback" in self.old.kids(o):
            raise PatchRefused(
                f"{where} becomes another weak reference, and the callback of the old one stays"
            )
        made = self.builder.make(n)
        kind = self.old.kind(o)
        gives_way = pair in self.difference.giving_way
        if opaque or gives_way or kind == "lru_cache":
            self.displaced[id(live)] = Note(live, None)
        if gives_way and is_handed_on(self.old, o):
            self.successors[id(live)] = Note(live, made)
        if type(live) is type(made) is types.FunctionType and self.difference.same_thing(pair):
            self.forward(live, made, where)
        return made

    def _only_evaluated(self, live: Any, o: int) -> bool:
        """Is it what the old start had, but for what came of asking it for something?"""
        became = self.difference.awake.get(o)
        return became is not None and self.alike.as_once_asked(live, o, became)

    def _stands_elsewhere(self, o: int, live: Any, where: str) -> bool:
        """Is it found in another place than this?  Then it may give way here whatever has become of it."""
        return self.old.path(o) != where and self.locator.locate(o) is live

    def _conflict(self, pair: Pair, live: Any, where: str) -> Any:
        """The live value is neither what the old start had nor what the new one has."""
        o, n = pair
        choice = self.choices.get(where)
        if choice == "keep":
            self.kept.add(where)
            return live
        if choice == "rebuild":
            return self.builder.make(n)
        inner = self.locator.behind(live, o)
        if inner is MISSING or not self.difference.same_thing(pair):
            raise PatchRefused(
                f"{where} was changed since the start, and the new code changes it too: {KEEP_OR_REBUILD}"
            )
        self.forward(inner, self.builder.make(n), where)
        return live

    def forward(self, live: types.FunctionType, made: Any, where: str) -> None:
        """The old function object can't hold the new code (other free variables), or something else takes its
        place: it forwards, for whoever kept it."""
        if live is made or id(live) in self.functions or not _is_called(made):
            return
        before = self.view.code(live)
        if type(made) is not types.FunctionType:
            made = codes.calling(before, made)
        code = codes.forwarding(before, made)
        self.functions[id(live)] = live, before, made.__code__
        self.emit(live, SlotKind.CODE, "__code__", before, code, f"{where} code", made)
        for name in ("__defaults__", "__kwdefaults__"):
            self.emit(live, SlotKind.FUNCTION, name, self.view.part(live, name), None, f"{where} {name}")

    # -- mappings ----------------------------------------------------------------------------

    def merge_mapping(
        self,
        pair: Pair,
        owner: Any,
        mapping: Mapping[Any, Any],
        slot: SlotKind,
        step_kind: str,
        get: Callable[[Any, Any, Any], Any] = dict.get,
    ) -> None:
        """Key by key: what the new code adds, takes away or replaces; all else stays."""
        where = self.old.path(pair[0])
        keys = Keys(self, pair, mapping, step_kind)
        for step, node in self.difference.added.get(pair, ()):
            if keys.concerns(step):
                key = keys.after(step)
                current = get(mapping, key, MISSING)
                self._add(owner, slot, key, current, node, f"{where}.{key}")
        for step, node in self.difference.removed.get(pair, ()):
            if keys.concerns(step) and keys.lives(step):
                key = keys.before(step)
                current = get(mapping, key, MISSING)
                later = self.is_counted(slot, owner, key, current, node, mapping)
                if slot in (SlotKind.INSTANCE, SlotKind.FUNCTION_DICT):
                    later = later and self._gains(pair, owner)
                if current is not MISSING and self.may_go(current, node, f"{where}.{key}", later):
                    self.emit(owner, slot, key, current, ABSENT, f"{where}.{key}")
                    if flags.is_member_that_goes(self.difference, pair, node):
                        self.displaced[id(current)] = Note(current, None)
        for step, _, child in self.difference.edges.get(pair, ()):
            if keys.concerns(step) and child in self.difference.replaced:
                key = keys.before(step)
                current = get(mapping, key, MISSING)
                if current is MISSING:
                    raise PatchRefused(f"{where}.{key} changes, and the live process has dropped it")
                value = self._settle_named(child, current, f"{where}.{key}", owner, key)
                self.emit(owner, slot, key, current, value, f"{where}.{key}")
        if step_kind == "key":
            exchange_keys(self, pair, owner, keys)

    def _add(self, owner: Any, slot: SlotKind, key: Any, current: Any, child: int, where: str) -> None:
        if current is not MISSING and self.alike.as_after(current, child):
            return
        if current is not MISSING and where not in self.choices and is_answer(owner, slot, key):
            added = additions(self, current, child, where)
            if added is not None:
                self.ops += added
                return
            raise PatchRefused(f"{where} is new, and lives here already: {KEEP_OR_REBUILD}")
        if issubclass(type(owner), types.ModuleType):
            value = self.builder.make_named(child, owner, key)
        else:
            value = self.builder.make(child)
        if current is MISSING:
            self.emit(owner, slot, key, ABSENT, value, where)
        elif _was_looked_up(owner, current):
            self.emit(owner, slot, key, current, value, where)
        elif current is not value:
            choice = self.choices.get(where)
            if choice == "rebuild":
                self.emit(owner, slot, key, current, value, where)
            elif choice == "keep":
                self.kept.add(where)
            else:
                raise PatchRefused(f"{where} is new, and lives here already: {KEEP_OR_REBUILD}")

    def may_go(self, current: Any, o: int, where: str, later: bool) -> bool:
        """Of what the new sources have no more: what it has gathered since the start would be lost."""
        if not (later or self.alike.gathered(current, o)) or (choice := self.choices.get(where)) == "rebuild":
            return True
        if choice != "keep":
            raise PatchRefused(
                f"{where} is no longer there in the new sources, and holds what came to it since the start: "
                f"{KEEP_OR_REBUILD}"
            )
        self.kept.add(where)
        return False

    def is_counted(
        self, slot: SlotKind, owner: Any, name: str, current: Any, o: int, space: Mapping[str, Any]
    ) -> bool:
        """Is this plain data that the program has put there since the start?"""
        if current is MISSING or self.old.kind(o) != "plain" or self.alike.as_before(current, o):
            return False
        return counted.is_set_later(slot, owner, name, space, self.view)

    def _gains(self, pair: Pair, owner: Any) -> bool:
        """May the object have under another name what goes?  Not if its author carries it over."""
        carried = any(id(cls) in self.carried for cls in mro_of(type(owner)))
        return bool(self.difference.added.get(pair)) and not carried

    def _settle_named(self, pair: Pair, current: Any, where: str, owner: Any, key: Any) -> Any:
        try:
            return self.settle(pair, current, where)
        except Unbuildable:
            if not issubclass(type(owner), types.ModuleType):
                raise
            return self.builder.make_named(pair[1], owner, key)


def _is_called(made: Any) -> bool:
    return class_attribute(type(made), "__call__") is not MISSING


def merge_module(merger: Merger, pair: Pair, live: Any) -> None:
    merger.merge_mapping(pair, live, merger.view.names(live), SlotKind.GLOBAL, "name")


def merge_dict(merger: Merger, pair: Pair, live: Any) -> None:
    since = len(merger.ops)
    merger.merge_mapping(pair, live, live, SlotKind.ITEM, "key", type(live).get)
    for step, _, child in merger.difference.edges.get(pair, ()):
        if step == "factory" and child in merger.difference.replaced:
            factory = live.default_factory
            value = merger.settle(child, factory, merger.old.path(pair[0]))
            merger.emit(live, SlotKind.MEMBER, _FACTORY, factory, value, merger.old.path(pair[0]))
    merge_order(merger, pair, live)
    exchange_table(merger, pair, live, since)


def merge_logger(merger: Merger, pair: Pair, live: Any) -> None:
    merger.merge_mapping(pair, live, vars(live), SlotKind.INSTANCE, "attr")


def _factory_member() -> Any:
    import collections

    return collections.defaultdict.__dict__["default_factory"]


_FACTORY: Final = _factory_member()

MERGES: Final[dict[str, Callable[[Merger, Pair, Any], None]]] = {
    "module": merge_module,
    "dict": merge_dict,
    "ordereddict": merge_dict,
    "defaultdict": merge_dict,
    "list": merge_list,
    "deque": merge_list,
    "set": merge_set,
    "cell": merge_cell,
    "partial": merge_partial,
    "logger": merge_logger,
    "instance": merge_instance,
    "class": merge_class,
    "function": merge_function,
    "lru_cache": merge_lru_cache,
}


def _was_looked_up(owner: Any, value: Any) -> bool:
    """Is it there for no other reason than that somebody asked a `defaultdict` for it?"""
    return issubclass(type(owner), defaultdict) and _is_blank(value)


def _is_blank(value: Any) -> bool:
    if type(value) is defaultdict:
        return all(map(_is_blank, list(dict.values(value))))
    return type(value) in (dict, list, set, deque) and not value

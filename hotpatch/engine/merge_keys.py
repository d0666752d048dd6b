"""What the steps of one mapping mean as keys, where the mapping is merged; and their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, SlotKind

from . import order
from .match import Pair
from .reading import MISSING, container_of
from .shape import Step

if TYPE_CHECKING:
    from .merge import Merger


class Keys:
    """What the steps of one mapping mean as keys, in the old start, the new one and the live object."""

    def __init__(self, merger: Merger, pair: Pair, mapping: Mapping[Any, Any], step_kind: str) -> None:
        self.merger, self.kind, self.at = merger, step_kind, pair[0]
        self.old, self.new = merger.old.kids(pair[0]), merger.new.kids(pair[1])
        self.live: dict[Step, Any] = {}
        if step_kind == "key" and any(
            step[0] == "keyobj" for step in (*self.old, *self.new) if type(step) is tuple
        ):
            named = merger.shapes._named(list(mapping))
            self.live = {("key", *name): key for name, key in named if name[0] == "obj"}

    def concerns(self, step: Step) -> bool:
        return type(step) is tuple and step[0] == self.kind

    def is_object(self, step: Step) -> bool:
        """Is it the step to a key itself?"""
        return self.kind == "key" and type(step) is tuple and step[0] == "keyobj"

    def lives(self, step: Step) -> bool:
        if self.kind != "key" or step[1] != "obj" or step in self.live:
            return True
        return self.merger.locator.locate(self.old["keyobj", *step[1:]]) is not MISSING

    def before(self, step: Step) -> Any:
        return self._key(step, lambda: self.merger.locator.locate(self.old["keyobj", *step[1:]]))

    def after(self, step: Step) -> Any:
        return self._key(step, lambda: self.merger.builder.make(self.new["keyobj", *step[1:]]))

    def _key(self, step: Step, find: Callable[[], Any]) -> Any:
        if self.kind != "key":
            return step[-1]
        if step[1] == "address":
            raise PatchRefused(
                f"{self.merger.old.path(self.at)} has keys that say where objects lie in memory, and the new "
                "sources have others there"
            )
        if step[1] != "obj":
            return self.merger.builder.texts.here(step[2]) if type(step[2]) is str else step[2]
        return self.live[step] if step in self.live else find()


def exchange_keys(merger: Merger, pair: Pair, owner: Any, keys: Keys) -> None:
    """A key that gives way to another object hands on what stands under it."""
    where = merger.old.path(pair[0])
    for step, _, child in merger.difference.edges.get(pair, ()):
        if keys.is_object(step) and child in merger.difference.replaced and keys.lives(step):
            key = keys.before(("key", *step[1:]))
            made = merger.settle(child, key, f"{where}.{step[2]}")
            if made is not key:
                _exchange(merger, pair, owner, key, made, where)


def _exchange(merger: Merger, pair: Pair, owner: Any, key: Any, made: Any, where: str) -> None:
    """The value goes along as it is after the steps that were made for it."""
    get: Any = container_of(type(owner)).get  # type: ignore[attr-defined]
    before = after = get(owner, key, MISSING)
    for op in [op for op in merger.ops if op.owner is owner and op.kind is SlotKind.ITEM and op.key is key]:
        after = op.after
        merger.ops.remove(op)
    if before is MISSING:
        raise PatchRefused(f"{where}: a key changes that the live process has dropped")
    merger.emit(owner, SlotKind.ITEM, key, before, ABSENT, where)
    if after is not ABSENT:
        merger.emit(owner, SlotKind.ITEM, made, ABSENT, after, where)
        merger.exchanged_keys.setdefault(pair, {})[id(key)] = made


def merge_order(merger: Merger, pair: Pair, live: Any) -> None:
    """The keys of the start come in the order of the new sources, those that the process has come by stand
    behind them.  Where the process has them in an order of its own, there is no telling which is meant.
    A key that took another's place stands where that one stood."""
    exchanged = merger.exchanged_keys.get(pair, {})
    reordered = pair in merger.difference.reordered
    if not exchanged and not reordered:
        return
    where = f"{merger.old.path(pair[0])} {order.STEP}"
    keys = Keys(merger, pair, live, "key")
    old, new = (list(filter(order.is_key, steps)) for steps in (keys.old, keys.new))
    here = {("key", *name): key for name, key in merger.shapes._named(order.keys_of(live))}
    at_start = [step for step in here if step in keys.old]
    choice = merger.choices.get(where) if reordered else "keep"
    if choice == "keep":
        merger.kept |= {where} if reordered else set()
        gone = {step for step, _ in merger.difference.removed.get(pair, ())}
        after = [here[step] for step in at_start if step not in gone]
    elif choice != "rebuild" and at_start != [step for step in old if step in here]:
        raise PatchRefused(
            f"the {where} was changed since the start, and the new sources give it another: "
            "the bundle may say keep or rebuild"
        )
    else:
        came = {step for step, _ in merger.difference.added.get(pair, ())}
        known = [step for step in new if step in here or step in came]
        after = [here[step] if step in here else keys.after(step) for step in known]
    if exchanged or choice != "keep":
        stand = tuple(exchanged.get(id(key), key) for key in after)
        merger.emit(live, SlotKind.ORDER, None, tuple(here[step] for step in at_start), stand, where)

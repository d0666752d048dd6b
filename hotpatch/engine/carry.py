"""State carried to a new shape and back, as the author's transformers say: a list of steps, nothing done.

The functions are called with the old code in place, before the first store, and their results become ops of
the one list.  They are called twice in a process that takes the release: at staging, so that one that fails
is known of, and in the moment of the commit, for what lived at staging has gone on meanwhile.

Taken back, state that is as the commit left it gets exactly what it had; what was made or has changed since
goes through the author's way back, and without one the release can't be taken back in this process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind
from hotpatch.transform import Kind, Transformer, told

from . import carry_places
from .carry_objects import Layouts
from .frozen import all_objects
from .lazily import Lazily
from .reading import MISSING, class_attribute, mro_of, qualname_of
from .recorded import Note, Record
from .view import View
from .world import World

MANY: Final = 5_000
"""Objects of a class from which on an attribute is made when it is first read."""
MOST: Final = 50_000
"""Objects that take another shape in one step; their requests wait for it."""

Touched = Mapping[int, tuple[Any, frozenset[str] | None]]
"""id to object, with the attributes that a transformer has the say over (None: all)."""


class Choices(dict[str, str]):
    """The author's choices; where a transformer has the say, what the edit would put there is built, and
    nothing that lives there is in its way."""

    def __init__(self, choices: Mapping[str, str], transformers: Sequence[Transformer]) -> None:
        super().__init__(choices)
        self.places = tuple(t.target for t in transformers if t.kind is Kind.PLACE)
        self.classes = tuple(t.target for t in transformers if t.kind is not Kind.PLACE)

    def get(self, where: str, otherwise: Any = None) -> Any:
        if where not in self and any(where == p or where.startswith(f"{p}.") for p in self.places):
            return "rebuild"
        return super().get(where, otherwise)


class Carry(Record):
    """The transformers of one release in one process.  `exchanged` are classes that give way to others."""

    def __init__(
        self,
        transformers: Sequence[Transformer],
        root: str,
        view: View,
        exchanged: Mapping[int, tuple[type, type]],
    ) -> None:
        world = World(root, view)
        self.view, self.exchanged, self.local = view, exchanged, world.local
        self.places = [t for t in transformers if t.kind is Kind.PLACE]
        self.of_class: dict[int, tuple[type, list[Transformer]]] = {}
        for t in transformers:
            if t.kind is not Kind.PLACE:
                cls = self._class(t)
                self.of_class.setdefault(id(cls), Note(cls, []))[1].append(t)
        self.lazily: list[Transformer] = []
        """Decided at staging, once: whose attribute is made on first read."""
        self.decided = False
        self.touched: dict[int, tuple[Any, frozenset[str] | None]] = {}
        self.had: dict[int, tuple[Any, frozenset[str]]] = {}
        """Objects that had an attribute of their own before a transformer gave one to the others."""
        self.layouts = Layouts()
        self._by_class: dict[int, tuple[type, Sequence[Transformer]]] = {}
        self.left: dict[str, Any] = {}
        """What the commit left at each place, to tell whether it has changed."""

    def _class(self, t: Transformer) -> type:
        cls: type
        _, cls = carry_places.find(t.target, self.local, self.view)
        if not issubclass(type(cls), type):
            raise PatchRefused(f"{t}: {t.target} is no class")
        return cls

    # -- forward -------------------------------------------------------------------------

    def ops(self, base: Sequence[Op]) -> tuple[list[Op], list[Op]]:
        """The edit as of now: `base`, but for what transformers have the say over; and their steps.
        Raises PatchRefused if one of them fails."""
        self.touched = {}
        ours: list[Op] = []
        slots: set[tuple[int, SlotKind, Any]] = set()
        for t in self.places:
            slot, now = carry_places.find(t.target, self.local, self.view)
            ours += self._place(t, slot, now, base)
            if slot is not None:
                slots.add((id(slot[0]), slot[1], _name(slot[1], slot[2])))
        ours += self._instances()
        ours += [self._on_class(t) for t in self.lazily]
        slots |= {(id(op.owner), op.kind, _name(op.kind, op.key)) for op in ours}
        rest = [
            op
            for op in base
            if (id(op.owner), op.kind, _name(op.kind, op.key)) not in slots
            and not _overruled(op, self.touched)
        ]
        return rest, ours

    def _place(
        self, t: Transformer, slot: carry_places.Slot | None, now: Any, base: Sequence[Op]
    ) -> list[Op]:
        arguments = [carry_places.copied(now)]
        if len(inspect.signature(t.forward).parameters) > 1:
            arguments.append(carry_places.edited(slot, now, base))
        wanted = _called(t, t.forward, *arguments)
        if type(now) in carry_places.CONTENTS:
            self.touched[id(now)] = Note(now, None)
        return carry_places.steps(slot, now, wanted, t.target)

    def _instances(self) -> list[Op]:
        eager = [t for _, ts in self.of_class.values() for t in ts if t not in self.lazily]
        found = self.instances() if eager or not self.decided else []
        if not self.decided:
            self._decide(found)
        ops = [op for obj in found for op in self._one(obj)]
        self.layouts.clear()
        self._by_class.clear()
        return ops

    def _decide(self, found: Sequence[Any]) -> None:
        self.decided = True
        for cls, transformers in self.of_class.values():
            count = sum(1 for obj in found if cls in mro_of(type(obj)))
            for t in transformers:
                can = t.kind is Kind.ATTRIBUTE and class_attribute(self._new(cls), t.name) is MISSING
                many = count > MANY if t.lazy is None else t.lazy
                if can and many and not any(other.kind is Kind.SHAPE for other in transformers):
                    self.lazily.append(t)
                elif count > MOST:
                    raise PatchRefused(
                        f"{t}: {count} objects would change their shape in one step, and {MOST} may; "
                        "an `attribute` can be made when it is first read"
                    )

    def instances(self) -> list[Any]:
        """All objects of the classes that transformers are for."""
        kinds: set[int] = set()
        todo = [cls for cls, _ in self.of_class.values()]
        while todo:
            cls = todo.pop()
            kinds.add(id(cls))
            todo += type.__subclasses__(cls)
        if not kinds:
            return []
        objects = all_objects()
        return list(compress(objects, map(kinds.__contains__, map(id, map(type, objects)))))

    def _transformers(self, kind: type) -> Sequence[Transformer]:
        """Those of the bases first, as `__init__` would."""
        known = self._by_class.get(id(kind))
        if known is None:
            found = [t for cls in reversed(mro_of(kind)) for t in self.of_class.get(id(cls), (cls, []))[1]]
            known = self._by_class[id(kind)] = kind, found
        return known[1]

    def _one(self, obj: Any) -> list[Op]:
        layout = self.layouts.of(obj)
        before = layout.attributes(obj)
        after, names = before.copy(), set[str]()
        all_of_it = False
        for t in self._transformers(type(obj)):
            if t.kind is Kind.SHAPE:
                after, all_of_it = _shape(t, t.forward, after), True
            elif t.name in after:
                self._note_had(obj, t.name)
            elif t not in self.lazily:
                after[t.name] = _called(t, t.forward, obj)
                names.add(t.name)
        if all_of_it or names:
            self.touched[id(obj)] = Note(obj, None if all_of_it else frozenset(names))
        return layout.steps(obj, before, after, id(type(obj)) in self.exchanged)

    def _note_had(self, obj: Any, name: str) -> None:
        _, names = self.had.get(id(obj), (obj, frozenset[str]()))
        self.had[id(obj)] = Note(obj, names | {name})

    def _new(self, cls: type) -> type:
        return self.exchanged.get(id(cls), (cls, cls))[1]

    def _on_class(self, t: Transformer) -> Op:
        cls = self._new(next(cls for cls, ts in self.of_class.values() if t in ts))
        self.touched[id(cls)] = Note(cls, frozenset((t.name,)))
        made = Lazily(t.name, lambda obj: _called(t, t.forward, obj))
        return Op(cls, SlotKind.CLASS, t.name, ABSENT, made, f"{t.target}.{t.name}")

    def rehearse(self) -> list[str]:
        """For the rehearsal: what is made on first read, made for all that live, and forgotten."""
        for obj in self.instances() if self.lazily else ():
            for t in self._transformers(type(obj)):
                if t in self.lazily and t.name not in self.layouts.of(obj).own(obj):
                    try:
                        _called(t, t.forward, obj)
                    except PatchRefused as why:
                        return [str(why)]
        return []

    # -- back ----------------------------------------------------------------------------

    def back(self, done: Sequence[Op]) -> list[Op]:
        """The steps to be taken back (their `before` is what comes) in place of `done`, this carry's own.
        Raises PatchRefused where state has changed and has no way back."""
        ours: dict[int, list[Op]] = {}
        for op in done:
            ours.setdefault(id(op.owner), []).append(op)
        ops = [op for t in self.places for op in self._place_back(t, done)]
        ops += [op for op in done if type(op.after) is Lazily]
        news: dict[int, tuple[type, list[Transformer]]] = {
            id(self._new(cls)): Note(self._new(cls), ts) for cls, ts in self.of_class.values()
        }
        self._by_class = {}
        self.of_class, before = news, self.of_class
        try:
            for obj in self.instances():
                ops += self._one_back(obj, ours.get(id(obj), []))
        finally:
            self.of_class, self._by_class = before, {}
            self.layouts.clear()
        return ops

    def _place_back(self, t: Transformer, done: Iterable[Op]) -> list[Op]:
        slot, now = carry_places.find(t.target, self.local, self.view)
        mine = [op for op in done if op.where == t.target or op.where.startswith(f"{t.target}.")]
        if carry_places.contents(now) == self.left.get(t.target):
            return mine
        if t.backward is None:
            raise PatchRefused(f"{t.target} has changed since, and {t} has no way back")
        was = _called(t, t.backward, carry_places.copied(now))
        return [op.inverse for op in carry_places.steps(slot, now, was, t.target)]

    def note(self) -> None:
        """To be called when the ops are done."""
        found = {t.target: carry_places.find(t.target, self.local, self.view)[1] for t in self.places}
        self.left = {name: carry_places.contents(value) for name, value in found.items()}

    def _one_back(self, obj: Any, mine: Sequence[Op]) -> Sequence[Op]:
        layout = self.layouts.of(obj)
        now = layout.attributes(obj)
        transformers = self._transformers(type(obj))
        shapes = any(t.kind is Kind.SHAPE for t in transformers)
        if shapes and mine and all(_holds(op, now) for op in mine):
            return mine
        _, had = self.had.get(id(obj), (obj, frozenset[str]()))
        was = now.copy()
        for t in reversed(transformers):
            if t.kind is Kind.SHAPE:
                was = self._shape_back(t, obj, was)
            elif t.name not in had:
                was.pop(t.name, None)
        return layout.steps(obj, was, now)

    def _shape_back(self, t: Transformer, obj: Any, now: Mapping[str, Any]) -> dict[str, Any]:
        if t.backward is None:
            name = qualname_of(type(obj))
            raise PatchRefused(f"an object of {name} was made or has changed since, and {t} has no way back")
        return _shape(t, t.backward, now)


def _holds(op: Op, now: Mapping[str, Any]) -> bool:
    name = op.key if type(op.key) is str else op.key.__name__
    return now.get(name, ABSENT) is op.after


def _overruled(op: Op, touched: Touched) -> bool:
    if id(op.owner) not in touched or op.kind not in _STATE:
        return False
    names = touched[id(op.owner)][1]
    return names is None or _name(op.kind, op.key) in names


_STATE: Final = (SlotKind.INSTANCE, SlotKind.MEMBER, SlotKind.ITEM, SlotKind.ELEMENTS)


def _name(kind: SlotKind, key: Any) -> Any:
    return key.__name__ if kind is SlotKind.MEMBER else key


def _shape(t: Transformer, function: Callable[[Any], Any], now: Mapping[str, Any]) -> dict[str, Any]:
    found = _called(t, function, dict(now))
    if type(found) is not dict or not all(type(name) is str for name in found):
        raise PatchRefused(f"{t} has to give a dict of attributes by name, and gave {type(found).__name__}")
    return found


def _called(t: Transformer, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        raise PatchRefused(f"{t} failed: {told(error)}") from error

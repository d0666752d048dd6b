"""From a measured difference back to the changed statements that it may follow from.

A difference follows from a change where the changed statement binds the name, touches the object, or binds
something that the name was made of, however many unchanged steps lie between, across modules too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

from hotpatch.engine.syntax_changes import Act, Change, Changes
from hotpatch.engine.syntax_follow import Place, Program
from hotpatch.engine.syntax_units import Kind, Unit, plain, related

Thing = TypeVar("Thing")


class Related(Generic[Thing]):
    """Things by dotted names; those that are `related` to a name are found without a look at all others."""

    def __init__(self) -> None:
        self._things: list[Thing] = []
        self._called: defaultdict[str, list[int]] = defaultdict(list)
        self._parts: defaultdict[str, list[int]] = defaultdict(list)
        """By each name that has a part which is called so."""

    def add(self, thing: Thing, names: Collection[str]) -> None:
        number = len(self._things)
        self._things.append(thing)
        for name in names:
            self._called[name].append(number)
            for whole in _wholes(name):
                self._parts[whole].append(number)

    def to(self, name: str) -> list[Thing]:
        """In the order in which they came."""
        found = {*self._called.get(name, ()), *self._parts.get(name, ())}
        for whole in _wholes(name):
            found.update(self._called.get(whole, ()))
        return [self._things[number] for number in sorted(found)]


def _wholes(name: str) -> Iterator[str]:
    """`a.b` and `a` of `a.b.c`."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name:
            yield name


class Trace:
    """The changes by module, by name and by what they touch; keeps what it has parsed, so make one for many
    questions.  Not for several threads."""

    def __init__(self, changes: Changes) -> None:
        self.new, self.old = Program(changes.new, changes.read), Program(changes.old, changes.read)
        self._changes = changes
        self._touched: dict[str, Related[Change]] | None = None
        self._known: dict[Place, list[Change]] = {}
        self._by_module: dict[str, list[Change]] = {}
        self._bound: dict[str, Related[Change]] = {}
        self._of_kind: defaultdict[tuple[str, Kind], list[Change]] = defaultdict(list)
        for change in changes.statements:
            self._by_module.setdefault(change.module, []).append(change)
            self._bound.setdefault(change.module, Related()).add(change, _bound(change))
            self._of_kind[change.module, change.kind].append(change)

    def file(self, module: str) -> str:
        """The file that defines a module, or its name where none does."""
        return self.new.file(module) or self.old.file(module) or module

    def named(self, place: Place) -> list[Change]:
        """Changes of statements that bind the name: of it (for a function, of those inside it too) or of what
        it is a part of, else of its parts."""
        name = plain(place[1])
        near = self._binding(place)
        above = [c for c in near if name == c.name or name.startswith(c.name + ".")]
        inside = [c for c in near if c.name.startswith(f"{name}.<locals>.")]
        return [c for c in near if c in above or c in inside] if above else near

    def _binding(self, place: Place) -> list[Change]:
        name, bound = plain(place[1]), self._bound.get(place[0])
        return bound.to(name) if bound is not None and name else []

    def causes(self, place: Place) -> Iterator[Change]:
        """Changes that a difference may follow from, nearest first; its own statement's before all others."""
        seen: set[int] = set()
        for change in self._walk(place):
            if id(change) not in seen:
                seen.add(id(change))
                yield change

    def explained(self, place: Place) -> Iterator[Change]:
        """Every change that a difference at this place accounts for."""
        yield from self.causes(place)
        yield from (
            c for c in self._binding(place) if c.unit and c.unit.name == c.unit.owner
        )  # heads of branches
        owner, _, last = place[1].rpartition(".")
        if last == "__annotations__":
            for change in self._by_module.get(place[0], ()):
                if change.kind is Kind.ANNOTATION and (not owner or related(owner, change.name)):
                    yield change

    def _walk(self, place: Place) -> Iterator[Change]:
        """Breadth first over what the place was made of.

        Where a statement of its own changed, the difference is accounted for: what it reads at once is
        still followed, what the code that it calls reads is not.
        """
        own = self._at(place)
        start = self.new.known(place)
        yield from own or self._at(start)
        deep = not own
        seen = {start}
        todo = deque([(start, False)])
        while todo:
            at, called = todo.popleft()
            for program in (self.new, self.old):
                for source in program.sources_of(at, called=called):
                    if source not in seen:
                        seen.add(source)
                        yield from self._at(source)
                        todo.append((source, deep))
        # how a module's annotations are evaluated may show anywhere in it
        yield from self._of_kind.get((place[0], Kind.FUTURE), ())

    def _at(self, place: Place) -> list[Change]:
        """Changes at one place: of its statement, of its object by other statements, of the whole module."""
        known = self._known.get(place)
        if known is not None:
            return known
        found, touches = self.named(place), self._touches().get(place[0])
        if touches is not None:
            found += [change for change in touches.to(plain(place[1])) if change not in found]
        found = found or self._of_kind.get((place[0], Kind.MODULE), [])
        self._known[place] = found
        return found

    def _touches(self) -> dict[str, Related[Change]]:
        """By module, the changed statements by the objects of it that the statement, or one that uses it, may
        change."""
        if self._touched is None:
            self._touched = {}
            readers: dict[tuple[bool, str], _Readers] = {}
            for change in self._changes.statements:
                program = self.old if change.act is Act.REMOVED else self.new
                module = program.module(change.module)
                if change.unit is None or module is None:
                    continue
                key = program is self.new, change.module
                if key not in readers:
                    readers[key] = _Readers(module.units)
                names: dict[str, set[str]] = {}
                for unit in (change.unit, *readers[key].of(change.unit)):
                    for at, name in program.touched(module.name, unit):
                        names.setdefault(at, set()).add(name)
                for at, touched in names.items():
                    self._touched.setdefault(at, Related()).add(change, touched)
        return self._touched


class _Readers:
    """Who reads at once, in the same scope, what a statement binds."""

    def __init__(self, units: Collection[Unit]) -> None:
        self._units = tuple(units)
        self._reading: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for number, unit in enumerate(self._units):
            for name in {read.partition(".")[0] for read in unit.now.reads}:
                self._reading[unit.owner, name].append(number)

    def of(self, unit: Unit) -> list[Unit]:
        names = {bound.rpartition(".")[2] for bound in unit.binds}
        found = {number for name in names for number in self._reading.get((unit.owner, name), ())}
        return [self._units[number] for number in sorted(found) if self._units[number] is not unit]


def _bound(change: Change) -> Collection[str]:
    """The names that a changed statement binds, by which a place may be related to it."""
    if change.unit is None:
        return ()
    return change.unit.binds if change.unit.name == change.unit.owner else (change.name,)

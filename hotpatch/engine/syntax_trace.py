"""From a measured difference back to the changed statements that it may follow from.

A difference follows from a change where the changed statement binds the name, touches the object, or binds
something that the name was made of, however many unchanged steps lie between, across modules too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from hotpatch.engine.syntax_changes import Act, Change, Changes
from hotpatch.engine.syntax_follow import Place, Program
from hotpatch.engine.syntax_units import Kind, Unit, plain, related


class Trace:
    """The changes by module, by name and by what they touch; keeps what it has parsed, so make one for many
    questions.  Not for several threads."""

    def __init__(self, changes: Changes) -> None:
        self.new, self.old = Program(changes.new), Program(changes.old)
        self._changes = changes
        self._touched: dict[str, list[tuple[Change, set[str]]]] | None = None
        self._known: dict[Place, list[Change]] = {}
        self._by_module: dict[str, list[Change]] = {}
        for change in changes.statements:
            self._by_module.setdefault(change.module, []).append(change)

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
        name = plain(place[1])
        return [change for change in self._by_module.get(place[0], ()) if _binds(change, name)]

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
        yield from (c for c in self._by_module.get(place[0], ()) if c.kind is Kind.FUTURE)

    def _at(self, place: Place) -> list[Change]:
        """Changes at one place: of its statement, of its object by other statements, of the whole module."""
        known = self._known.get(place)
        if known is not None:
            return known
        found, bare = self.named(place), plain(place[1])
        found += [
            change
            for change, names in self._touches().get(place[0], ())
            if any(related(touched, bare) for touched in names) and change not in found
        ]
        found = found or [c for c in self._by_module.get(place[0], ()) if c.kind is Kind.MODULE]
        self._known[place] = found
        return found

    def _touches(self) -> dict[str, list[tuple[Change, set[str]]]]:
        """By module, for each changed statement the objects of it that the statement, or one that uses it,
        may change."""
        if self._touched is None:
            self._touched = {}
            for change in self._changes.statements:
                program = self.old if change.act is Act.REMOVED else self.new
                module = program.module(change.module)
                if change.unit is not None and module is not None:
                    units = [change.unit, *(u for u in module.units if _uses(u, change.unit))]
                    names: dict[str, set[str]] = {}
                    for at, name in {place for u in units for place in program.touched(module.name, u)}:
                        names.setdefault(at, set()).add(name)
                    for at, touched in names.items():
                        self._touched.setdefault(at, []).append((change, touched))
        return self._touched


def _binds(change: Change, name: str) -> bool:
    if change.unit is None or not name:
        return False
    if change.unit.name == change.unit.owner:
        return any(related(bound, name) for bound in change.unit.binds)
    return related(change.name, name)


def _uses(unit: Unit, other: Unit) -> bool:
    """Whether a statement reads at once, in the same scope, what another one binds."""
    if unit.owner != other.owner or unit is other:
        return False
    names = {bound.rpartition(".")[2] for bound in other.binds}
    return any(read.partition(".")[0] in names for read in unit.now.reads)

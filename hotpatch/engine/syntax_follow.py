"""From a name to what it was made of: reads followed to bindings, across modules by their imports.

A `Program` reads modules on demand, so that asking about three names of a large program parses three files.
It is a cache for the length of one question: make one, ask, drop it; it is not for several threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotpatch.engine.syntax_read import read
from hotpatch.engine.syntax_units import DEFINITIONS, Kind, Known, Module, Names, Unit, module_name, plain
from hotpatch.errors import PatchInvalid

Place = tuple[str, str]
"""A module's name and a dotted name inside it; `''` is the module itself."""


def dotted(place: Place) -> str:
    return ".".join(filter(None, place))


class Program:
    """The sources of one version of a program."""

    def __init__(self, sources: Mapping[str, bytes], known: Known | None = None) -> None:
        """`known` are modules that have been read, by file and text; it gains those that are read here."""
        self._sources = {
            module_name(file): (file, text) for file, text in sources.items() if file.endswith(".py")
        }
        self._known = {} if known is None else known
        self._made_from: dict[tuple[Place, bool], tuple[Place, ...]] = {}

    def module(self, name: str) -> Module | None:
        """The module, or None if it is not one of the program's (or isn't Python that compiles here)."""
        if name not in self._sources:
            return None
        key = self._sources[name]
        if key not in self._known:
            try:
                self._known[key] = read(*key)
            except PatchInvalid:
                self._known[key] = None
        return self._known[key]

    def has(self, name: str) -> bool:
        return name in self._sources

    def file(self, name: str) -> str | None:
        """The source file that defines a module."""
        return self._sources[name][0] if name in self._sources else None

    # -- names to places

    def binders(self, place: Place) -> tuple[Unit, ...]:
        """The units that bind a name in its own module; star imports are followed by `origins`."""
        module = self.module(place[0])
        return module.binders.get(place[1], ()) if module else ()

    def known(self, place: Place) -> Place:
        """The longest part of a place that the source names: of `table.items[3].x` it may be `table`."""
        module, name = place
        name = plain(name)
        while name and not self.binders((module, name)) and not self._starred(module, name):
            name = name.rpartition(".")[0]
        return module, name

    def _starred(self, module: str, name: str) -> bool:
        found = self.module(module)
        return bool(found) and "." not in name and any(True for _ in self._from_stars(module, name))

    def _from_stars(self, module: str, name: str) -> Iterator[Place]:
        found = self.module(module)
        for star in found.stars if found else ():
            target = self.module(star)
            if target and target.name != module and (name in target.binders or target.stars):
                yield star, name

    def resolve(self, module: str, owner: str, name: str) -> Iterator[Place]:
        """The places that a name read in the scope `owner` of a module may mean: where it is bound there,
        and, if that is an import, where it comes from.
        """
        scope = owner
        while True:
            full = f"{scope}.{name}" if scope else name
            first = f"{scope}.{name.partition('.')[0]}" if scope else name.partition(".")[0]
            hidden = scope != owner and any(u.sort is Kind.CLASS for u in self.binders((module, scope)))
            if not hidden and self.binders((module, first)):  # a method's body doesn't see its class
                here = self.known((module, full))
                yield here
                yield from self.origins(here, full[len(here[1]) + 1 :])
                return
            if not scope:
                break
            scope = scope.rpartition(".")[0]
        head, _, rest = name.partition(".")
        for star, bound in self._from_stars(module, head):
            yield self.known((star, f"{bound}.{rest}" if rest else bound))

    def origins(self, place: Place, rest: str = "") -> Iterator[Place]:
        """Where an imported name comes from; `rest` is what is read of it."""
        for unit in self.binders(place):
            if unit.imported is None:
                continue
            target, attribute = unit.imported.module, unit.imported.attribute
            name = rest
            if attribute is not None:
                if self.has(f"{target}.{attribute}"):
                    target = f"{target}.{attribute}"
                else:
                    name = f"{attribute}.{rest}" if rest else attribute
            while name and self.has(f"{target}.{name.partition('.')[0]}"):
                head, _, name = name.partition(".")
                target = f"{target}.{head}"
            if self.has(target):
                yield self.known((target, name))

    # -- edges

    def sources_of(self, place: Place, *, called: bool) -> tuple[Place, ...]:
        """The places that a name's value was made from.

        `called` says that the value is used by someone who may call it: then what its code reads when it runs
        counts as well.  A class brings its members with it.
        """
        known = self._made_from.get((place, called))
        if known is None:
            known = self._made_from[place, called] = tuple(dict.fromkeys(self._sources_of(place, called)))
        return known

    def _sources_of(self, place: Place, called: bool) -> Iterator[Place]:
        module, name = place
        found = self.module(module)
        if found is None:
            return
        yield from self._from_stars(module, name)
        yield from self.origins(place)
        for unit in self.binders(place):
            for read_name in sorted(unit.now.reads):
                yield from self.resolve(module, unit.owner, read_name)
            for read_name in sorted(unit.later.reads) if called else ():
                yield from self.resolve(module, _inside(unit), read_name)
            if unit.sort is Kind.CLASS or (called and unit.sort in DEFINITIONS):
                for member in found.units:
                    if member.owner in (name, f"{name}.<locals>") and member.name != member.owner:
                        yield module, member.name

    def touched(self, module: str, unit: Unit) -> set[Place]:
        """Objects that running a statement may change: those that it touches, and those that what it calls
        touches.
        """
        found: set[Place] = set()
        seen: set[Place] = set()
        todo: list[tuple[str, str, Names]] = [(module, unit.owner, unit.now)]
        while todo:
            at, scope, names = todo.pop()
            for name in names.touches:
                found.update(place for place in self.resolve(at, scope, name) if place[1])
            for name in names.calls:
                for place in self.resolve(at, scope, name):
                    if place not in seen:
                        seen.add(place)
                        todo += [(place[0], _inside(u), u.later) for u in self._runs(place)]
        return found

    def _runs(self, place: Place) -> Iterator[Unit]:
        """The functions that calling a name, or deriving from it, runs."""
        found = self.module(place[0])
        if found is None:
            return
        for unit in found.units:
            inside = unit.owner == place[1] and place[1] and unit.sort is Kind.METHOD
            if unit.sort in DEFINITIONS and (unit.name == place[1] or inside):
                yield unit


def _inside(unit: Unit) -> str:
    """The scope in which the names that a function's body uses are looked up first."""
    return f"{unit.name}.<locals>" if unit.sort in DEFINITIONS else unit.owner

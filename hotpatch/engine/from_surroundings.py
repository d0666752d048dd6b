"""Which edits follow from what the new start asked of its surroundings.

`RETRIES = int(os.environ.get("RETRIES", 3))`, added, is measured where the release is built, and comes to a
worker that may have another environment.  So the edit has what was asked with it, and holds where a worker is
told the same.  What follows from what is told by the syntax: the statement that asked is the name's own, or
one that it was made by.

A pure function of the sources' changes, of what was measured and of what was asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from hotpatch.plan import Edit

from .effects import KEEP
from .measurement import Problem
from .surroundings import Asked, Fact, told
from .syntax_changes import Act, Change, Changes
from .syntax_follow import Place, Program, dotted
from .syntax_units import DEFINITIONS

RUNS: Final = frozenset({"body", "closure", "function", "import", "order", "documentation", "annotations"})
"""Kinds of edits that bring no value of the start."""
DEFINES: Final = frozenset({"new function", "new class", "class", "signature"})
"""Kinds of edits that bring what a definition computes, and not what its code reads when it is called."""
NEW: Final = "new module"
"""A kind of edit that brings whatever the module has."""
MOST_PLACES: Final = 2000
"""Beyond this many what a name is made of is all of the program."""


def problems(
    changes: Changes,
    edits: Iterable[Edit],
    unexplained: Collection[Change],
    asked: Collection[Asked],
) -> Iterator[Problem]:
    """What is no problem where the facts that it has with it are so."""
    if not asked:
        return
    origins = _Origins(changes, asked)
    known = set[Place]()
    for edit in edits:
        place = edit.module, edit.name
        if not edit.module or edit.kind in RUNS or place in known:
            continue
        if facts := origins.of_edit(edit):
            known.add(place)
            where = dotted(place)
            why = (
                f"{where} follows from {told(facts)}, as that was where the release was measured: measure it "
                f"where it is as it is here, or the bundle may say rebuild for {where}"
            )
            yield Problem(*place, why, where, "rebuild", facts)
    for change in unexplained:
        place = change.module, change.name
        if change.act is Act.CHANGED and change.name and (facts := origins.of(place, called=True)):
            where = dotted(place)
            why = (
                f"{where} changes and follows from {told(facts)}, and as that was where the release was "
                f"measured the change made no difference: {KEEP.format(where)}"
            )
            yield Problem(*place, why, where, unless=facts)


class _Origins:
    """What was asked, by the places that follow from it."""

    def __init__(self, changes: Changes, asked: Iterable[Asked]) -> None:
        self._new = Program(changes.new, changes.read)
        self._by_line: Mapping[str, list[tuple[int, Fact]]] = defaultdict(list)
        self._by_function: Mapping[str, list[Fact]] = defaultdict(list)
        for fact, function, file, line in asked:
            self._by_line[file].append((line, fact))
            self._by_function[function].append(fact)

    def of_edit(self, edit: Edit) -> tuple[Fact, ...]:
        if edit.name:
            return self.of((edit.module, edit.name), called=edit.kind not in DEFINES)
        module = self._new.module(edit.module) if edit.kind == NEW else None
        units = module.units if module is not None else ()
        found = set[Fact]()
        for unit in units:
            for name in unit.binds:
                found.update(self.of((edit.module, name), called=unit.sort not in DEFINITIONS))
        return tuple(sorted(found))

    def of(self, place: Place, called: bool) -> tuple[Fact, ...]:
        found = set[Fact]()
        start = self._new.known(place)
        seen, todo = {start}, [start]
        while todo and len(seen) < MOST_PLACES:
            at = todo.pop()
            found.update(self._at(at))
            fresh = [one for one in self._new.sources_of(at, called=called) if one not in seen]
            seen.update(fresh)
            todo += fresh
        return tuple(sorted(found))

    def _at(self, place: Place) -> Iterator[Fact]:
        module, name = place
        file = self._new.file(module)
        if file is None or not name:
            return
        yield from self._by_function.get(f"{file}:{name}", ())
        while name:
            for unit in self._new.binders((module, name)):
                lines = self._by_line.get(file, ())
                yield from (fact for line, fact in lines if unit.first <= line <= unit.last)
            name = name.rpartition(".")[0]

"""What differs between two versions of a program's sources, as values."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen

from hotpatch.engine.syntax_units import Kind, Known, SideEffect, Unit


class Act(enum.Enum):
    """What happened to a unit or a module."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    PACKAGE = "turned into a package"
    SINGLE = "turned from a package into a single file"


@frozen
class Change:
    """One difference between two versions of a module's source: what of which unit, and where."""

    module: str
    name: str
    """Dotted, as `__qualname__` spells it; the owner's name for what binds nothing, `''` for the module
    itself.
    """
    kind: Kind
    """What differs; for a unit that was added or removed, what it is."""
    act: Act
    old_line: int | None
    new_line: int | None
    label: str
    """The first line of its source, for people."""
    effects: tuple[SideEffect, ...] = ()
    """What it does besides binding names, where it is a top-level statement.  Whether such a statement runs
    again is a decision of the patch's author, never of the engine.
    """

    unit: Unit | None = field(default=None, repr=False, eq=False)
    """The unit itself, as it is in the new source or was in the old; None for a whole module."""

    @property
    def binds(self) -> frozenset[str]:
        """The dotted names inside the module that the unit binds."""
        return self.unit.binds if self.unit else frozenset()

    @property
    def reads(self) -> frozenset[str]:
        """The names that it reads when it runs, as written."""
        return self.unit.now.reads if self.unit else frozenset()

    @property
    def line(self) -> int:
        """Where to look: in the new source, or in the old one for what is gone."""
        return self.new_line or self.old_line or 1

    def __str__(self) -> str:
        place = f"{self.module}:{self.line}"
        what = f"{self.name} {self.kind.value}" if self.name else self.kind.value
        tail = f" ({', '.join(map(str, self.effects))})" if self.effects else ""
        return f"{place} {what} {self.act.value}{tail}"


@frozen
class ModuleChange:
    """A source file that came, went, moved or became a package."""

    module: str
    file: str
    act: Act
    was: str | None = None
    """For a moved module its old name."""


@frozen
class Changes:
    """All that differs between two versions of a program's sources, in source order."""

    modules: tuple[ModuleChange, ...]
    statements: tuple[Change, ...]
    old: Mapping[str, bytes] = field(repr=False, eq=False)
    new: Mapping[str, bytes] = field(repr=False, eq=False)
    read: Known = field(factory=dict, repr=False, eq=False)
    """Modules by file and text, read once for all who ask about these sources."""

    @property
    def effects(self) -> tuple[Change, ...]:
        """The changed statements that do more than bind names."""
        return tuple(change for change in self.statements if change.effects)

"""What applying a release would do, edit by edit, with the reason for each.

A plan is a value: made by `engine.plan`, shown by the CLI, signed into the bundle, compared by tests.
"""

from __future__ import annotations

import enum

from attrs import frozen


class Effect(enum.Enum):
    """What becomes of an edit, or of a whole plan: the worst of its edits."""

    LIVE = "live"
    RELOAD = "reload"
    REFUSE = "refuse"


class Grade(enum.Enum):
    """How a live edit goes in: beside the old code, or in one step that no request straddles."""

    CANARY = "canary"
    BARRIER = "barrier"
    RELOAD = "reload"


@frozen
class Edit:
    """One semantic difference between two versions of a module."""

    module: str
    name: str
    """Dotted name inside the module, `''` for the module itself."""
    kind: str
    """What differs, in one or two words: `body`, `signature`, `constant`, `base`, `route` ..."""
    effect: Effect
    reason: str
    """Why it has this effect, or what caused a derived edit (`follows TIMEOUT`)."""
    grade: Grade | None = None
    line: int | None = None
    grade_reason: str = ""
    """Why it can't go in beside the old code, where it is live and can't."""


@frozen
class Plan:
    """All edits of a release and what they come to.  `notes` name what an operator should know beforehand:
    statements with side effects, functions that may never return, derived values that are live state."""

    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()

    @property
    def effect(self) -> Effect:
        effects = {edit.effect for edit in self.edits}
        for worst in (Effect.REFUSE, Effect.RELOAD):
            if worst in effects:
                return worst
        return Effect.LIVE

    @property
    def grade(self) -> Grade:
        """How the whole goes in, which is as its coarsest edit does."""
        if self.effect is not Effect.LIVE:
            return Grade.RELOAD
        grades = {edit.grade for edit in self.edits}
        return Grade.BARRIER if Grade.BARRIER in grades else Grade.CANARY

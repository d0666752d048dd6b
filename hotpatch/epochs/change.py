"""What a version does to one slot, with the value before: its undo record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, frozen

from hotpatch.epochs.grades import Form
from hotpatch.ops import SlotKind

BODY_PARTS: Final[Mapping[tuple[SlotKind, Any], str]] = {
    (SlotKind.CODE, "__code__"): "code",
    (SlotKind.FUNCTION, "__defaults__"): "defaults",
    (SlotKind.FUNCTION, "__kwdefaults__"): "kwdefaults",
}
"""The slots that make up a function's body."""


@frozen
class Change:
    """One slot's value before and after a version."""

    form: Form
    owner: Any
    key: Any
    before: Any
    after: Any

    def inverse(self) -> Change:
        return evolve(self, before=self.after, after=self.before)


def body_part(kind: SlotKind, key: Any) -> str | None:
    """The part of a function's body that this slot is; None for any other.  A function has one code, so an op
    need not name it by a key."""
    return BODY_PARTS.get((kind, "__code__" if kind is SlotKind.CODE else key))

"""A plan as the bytes that travel in a bundle, and back.  Pure functions."""

from __future__ import annotations

import enum
from typing import TypeVar

from hotpatch.bundle import bounds, fields
from hotpatch.errors import NotABundle
from hotpatch.plan import Edit, Effect, Grade, Plan

Choice = TypeVar("Choice", bound=enum.Enum)


def dump(plan: Plan) -> bytes:
    """The one JSON form of `plan`."""
    return fields.write(plan_as_dict(plan))


def plan_as_dict(plan: Plan) -> dict[str, object]:
    """Plain values, for JSON: the same in a bundle and in what the commands print."""
    return {
        "edits": [
            {
                "module": edit.module,
                "name": edit.name,
                "kind": edit.kind,
                "effect": edit.effect.value,
                "reason": edit.reason,
                "grade": edit.grade.value if edit.grade else "",
                "line": edit.line or 0,
                "grade_reason": edit.grade_reason,
            }
            for edit in plan.edits
        ],
        "notes": list(plan.notes),
    }


def load(data: bytes) -> Plan:
    """Raises `NotABundle` or `BundleTooLarge` for anything that `dump` doesn't write."""
    outer = fields.read(data, "the plan")
    edits = tuple(_edit(item) for item in outer.objects("edits", bounds.MAX_EDITS))
    notes = outer.texts("notes", bounds.MAX_EDITS)
    outer.done()
    return Plan(edits, notes)


def _edit(item: fields.Fields) -> Edit:
    grade = item.text("grade", 32)
    edit = Edit(
        module=item.text("module", 1024),
        name=item.text("name", 1024),
        kind=item.text("kind", 64),
        effect=_choice(Effect, item.text("effect", 32)),
        reason=item.text("reason"),
        grade=_choice(Grade, grade) if grade else None,
        line=item.number("line", 0, 100_000_000) or None,
        grade_reason=item.text("grade_reason") if item.has("grade_reason") else "",
    )
    item.done()
    return edit


def _choice(kind: type[Choice], value: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise NotABundle(f"in the plan, {value!r} is no {kind.__name__.lower()}") from None

"""A plan as people read it: one line an edit, its effect and the reason, and a sentence that counts them."""

from __future__ import annotations

from typing import Any

from hotpatch.plan import Edit, Effect, Grade, Plan
from hotpatch_agent.cli.amounts import count
from hotpatch_agent.cli.terminal import Terminal

_STYLES = {Effect.LIVE: "green", Effect.RELOAD: "yellow", Effect.REFUSE: "red"}


def show_plan(terminal: Terminal, plan: Plan) -> None:
    """The edits as a table, then the notes.  Nothing in JSON mode; `plan_as_dict` is for that."""
    if terminal.as_json or not (plan.edits or plan.notes):
        return
    from rich.text import Text

    rows = [
        (
            Text(f"  {mark(edit)} {_where(edit)}"),
            Text(_what(edit)),
            Text(_how(edit), style=_STYLES[edit.effect]),
            Text(_why(edit), style="dim"),
        )
        for edit in plan.edits
    ]
    terminal.rows(rows)
    for note in plan.notes:
        terminal.say(f"  note: {note}", style="yellow")
    terminal.say()


def mark(edit: Edit) -> str:
    """`+` for what comes, `-` for what goes, `~` for what changes."""
    words = set(edit.kind.split())
    return "+" if words & {"new", "added"} else "-" if "removed" in words else "~"


def _where(edit: Edit) -> str:
    return ".".join(part for part in (edit.module, edit.name) if part) or "the application"


def _how(edit: Edit) -> str:
    """`live (barrier)` for what needs a moment without requests."""
    in_one_step = edit.effect is Effect.LIVE and edit.grade is Grade.BARRIER
    return f"{edit.effect.value} (barrier)" if in_one_step else edit.effect.value


def _why(edit: Edit) -> str:
    """The edit's reason, and that of its grade where it has one."""
    return f"{edit.reason}; in one step: {edit.grade_reason}" if edit.grade_reason else edit.reason


def _what(edit: Edit) -> str:
    return edit.kind if mark(edit) != "~" or edit.kind.endswith("changed") else f"{edit.kind} changed"


def summary(plan: Plan) -> str:
    """`Plan: 3 edits live, 0 reload, 0 refused.`"""
    counts = {effect: sum(edit.effect is effect for edit in plan.edits) for effect in Effect}
    if not plan.edits:
        return "Plan: no edits; what differs changes nothing that the program does."
    live = count(counts[Effect.LIVE], "edit")
    together = f"Plan: {live} live, {counts[Effect.RELOAD]} reload, {counts[Effect.REFUSE]} refused."
    if plan.grade is not Grade.BARRIER:
        return together
    return f"{together} It goes in in one step: new requests are held for a moment while those in flight end."


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan for JSON: its edits and notes, and what they come to."""
    from hotpatch.bundle.plan_form import plan_as_dict

    return {**plan_as_dict(plan), "effect": plan.effect.value}

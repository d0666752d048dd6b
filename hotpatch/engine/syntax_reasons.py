"""The plan's words: measured differences held against changed statements, as edits and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve, frozen

from hotpatch.engine.syntax_changes import Act, Change, Changes
from hotpatch.engine.syntax_follow import Place
from hotpatch.engine.syntax_trace import Trace
from hotpatch.engine.syntax_units import NEVER_RUN, Kind
from hotpatch.plan import Edit, Effect, Grade, Plan

UNKNOWN = "differs between the two clean starts; no changed statement leads to it"
_EFFECTS = (Effect.LIVE, Effect.RELOAD, Effect.REFUSE)
_GRADES = (None, Grade.CANARY, Grade.BARRIER, Grade.RELOAD)


@frozen
class Measured:
    """One measured difference, as the plan is to speak of it."""

    module: str
    name: str
    """Dotted, and as deep as is known: `C.limit`, `f.__defaults__`, `TABLE['x']`; `''` for the module."""
    effect: Effect = Effect.LIVE
    reason: str = ""
    """Why it has this effect, where that is not plain."""
    grade: Grade | None = None
    kind: str = ""
    """What differs, for a name that no changed statement binds."""
    grade_reason: str = ""

    @property
    def place(self) -> Place:
        return self.module, self.name


def unexplained(changes: Changes, differing: Iterable[Place]) -> tuple[Change, ...]:
    """The changed statements that none of the measured differences follows from.

    `differing` are (module, dotted name) of all that differs between the two clean starts.  What never runs
    in a service (`if __name__ == "__main__"`, `if TYPE_CHECKING`) and mere order need no explanation.
    """
    trace = Trace(changes)
    seen = {id(change) for place in set(differing) for change in trace.explained(place)}
    return tuple(c for c in changes.statements if id(c) not in seen and _counts(c))


def _counts(change: Change) -> bool:
    if change.kind is Kind.ORDER:
        return bool(change.effects)
    return change.kind not in NEVER_RUN


def cause(changes: Changes, place: Place) -> Change | None:
    """The changed statement that a measured difference follows from; None where syntax tells of none."""
    return next(Trace(changes).causes(place), None)


def notes(changes: Changes, differing: Iterable[Place]) -> tuple[str, ...]:
    """What the plan says of the statements that are `unexplained`, a line each."""
    return tuple(map(_note, unexplained(changes, differing)))


def edits(changes: Changes, measured: Iterable[Measured]) -> tuple[Edit, ...]:
    """The plan's edits, sorted as in the sources (file by file; what is gone stands at its old line).

    A measured difference on a name whose statement changed becomes one edit for each kind of change there;
    one without becomes a derived edit whose reason names what it follows from.  Where several differences
    meet in one edit, it has the worst of their effects and grades.
    """
    trace = Trace(changes)
    found: dict[tuple[str, str, str], Edit] = {}
    for each in measured:
        for edit in _edits_of(each, trace):
            key = (edit.module, edit.name, edit.kind)
            found[key] = _worse(found[key], edit) if key in found else edit
    return tuple(sorted(found.values(), key=lambda e: (trace.file(e.module), e.line or 0, e.name, e.kind)))


def explained(plan: Plan, changes: Changes) -> Plan:
    """A plan of measured differences, told by what in the sources led to them.

    Edits of names that a module binds get their kinds, lines and causes from the syntax; the reasons of those
    that are not live stay as they are, and so do edits of what has no name in a module (the application
    object).  The notes gain the changed statements that no difference follows from.
    """
    named = [edit for edit in plan.edits if edit.module]
    measured = [
        Measured(
            e.module,
            e.name,
            e.effect,
            e.reason if e.effect is not Effect.LIVE else "",
            e.grade,
            e.kind,
            e.grade_reason,
        )
        for e in named
    ]
    given = {(e.module, e.name): e.reason for e in named}
    found = (
        evolve(e, reason=given.get((e.module, e.name), e.reason)) if e.reason == UNKNOWN else e
        for e in edits(changes, measured)
    )
    rest = (edit for edit in plan.edits if not edit.module)
    left = notes(changes, [each.place for each in measured])
    return Plan((*found, *rest), (*plan.notes, *left))


def _edits_of(each: Measured, trace: Trace) -> Iterator[Edit]:
    direct = trace.named(each.place)
    for change in direct:
        kind = change.kind.value if change.act is Act.CHANGED else f"{change.kind.value} {change.act.value}"
        reason = each.reason or describe(change)
        yield Edit(
            each.module, change.name, kind, each.effect, reason, each.grade, change.line, each.grade_reason
        )
    if not direct:
        yield _derived(each, trace)


def _derived(each: Measured, trace: Trace) -> Edit:
    units = trace.new.binders(trace.new.known(each.place))
    kind = each.kind or (units[-1].sort.value if units else "value")
    line = units[-1].first if units else None
    origin = next(trace.causes(each.place), None)
    if origin is None:
        reason = each.reason or UNKNOWN
    else:
        follows = f"follows {_reference(origin, each.module)}"
        reason = f"{each.reason} ({follows})" if each.reason else follows
    return Edit(each.module, each.name, kind, each.effect, reason, each.grade, line, each.grade_reason)


def _worse(one: Edit, other: Edit) -> Edit:
    first, second = sorted((one, other), key=lambda edit: -_EFFECTS.index(edit.effect))
    coarse, fine = sorted((one, other), key=lambda edit: -_GRADES.index(edit.grade))
    reason, why = first.reason or second.reason, coarse.grade_reason or fine.grade_reason
    return Edit(one.module, one.name, one.kind, first.effect, reason, coarse.grade, one.line, why)


_LIVE = {
    Kind.BODY: "the function stays the same object and gets the new code",
    Kind.SIGNATURE: "the function stays the same object and takes the new parameters",
    Kind.DEFAULT: "the function stays the same object and gets the new default",
    Kind.FUNCTION_KIND: "calls from now on return the new kind; what is under way ends as it began",
    Kind.DECORATOR: "what the decorators made of it is exchanged",
    Kind.BASE: "the class and its instances get the new bases",
    Kind.METACLASS: "the class is made by another metaclass",
    Kind.CONDITION: "another branch is taken",
    Kind.ORDER: "the last binding of a name is another one",
    Kind.DEFINITION: "the name is made in another way",
}


def describe(change: Change) -> str:
    """One clause that says what a change is, for where a plan has nothing better to say of it."""
    if change.act is not Act.CHANGED:
        return f"{change.kind.value} {change.act.value}"
    return _LIVE.get(change.kind, f"{change.kind.value} changed")


def _reference(change: Change, module: str) -> str:
    """How another edit refers to a change: by its name, or for a statement that has none by its text."""
    if change.unit is None:
        return f"module {change.module}"
    if change.unit.name != change.unit.owner:
        return change.name if change.module == module else f"{change.module}.{change.name}"
    where = f"line {change.line}" if change.module == module else f"{change.module}, line {change.line}"
    return f"`{change.label}`, {where}"


def _note(change: Change) -> str:
    where = f"{change.module}, line {change.line}"
    if change.effects:
        does = " and ".join(map(str, change.effects[:3]))
        return (
            f"{where}: `{change.label}` was {change.act.value} and {does}; "
            "in a live process it doesn't run again unless the patch says so"
        )
    if change.unit is None:
        return f"{change.module}: the module was {change.act.value}, and the program starts without it"
    what = f"{change.kind.value} of {change.name}" if change.name else f"`{change.label}`"
    return f"{where}: {what} was {change.act.value}, and no measured difference follows from it"

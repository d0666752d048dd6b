"""The plan: what a measured difference comes to, edit by edit, with the reason for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

from hotpatch.errors import PatchInvalid
from hotpatch.plan import Edit, Effect, Grade, Plan

from . import effects, from_surroundings, order, passed_on
from .difference import Difference, hidden
from .explain import explain
from .graph import Graph, below, place
from .match import Pair
from .measurement import Measurement, Problem, is_answered
from .restless import made_otherwise
from .shape import Step
from .surroundings import Asked
from .syntax_changes import Changes
from .syntax_follow import Place
from .syntax_reasons import explained, unexplained
from .syntax_units import Known
from .world import OUTSIDE

KINDS = {
    "function": "function",
    "class": "class",
    "module": "import",
    "outside": "import",
    "outside-module": "import",
}
PARTS = {
    "defaults": "signature",
    "kwdefaults": "signature",
    "doc": "documentation",
    "annotations": "annotations",
    "type_params": "signature",
    "module": "name",
}


def plan(measurement: Measurement, choices: Mapping[str, str] | None = None) -> Plan:
    """What applying the measured difference would do; what only the live process can tell (state that has
    changed meanwhile) comes from `stage` and `prove`.

    `choices` are the bundle author's: a problem that they answer is a note, no edit.  So is one that depends
    on the process's surroundings.
    """
    full = measurement.plan
    none = {
        problem.why: problem
        for problem in measurement.problems
        if problem.unless or is_answered(problem, choices or {})
    }
    passed = [none[edit.reason] for edit in full.edits if edit.reason in none]
    if not passed:
        return full
    edits = tuple(edit for edit in full.edits if edit.reason not in none)
    return Plan(edits, (*full.notes, *(_passed(problem, choices or {}) for problem in passed)))


def _passed(problem: Problem, choices: Mapping[str, str]) -> str:
    if is_answered(problem, choices):
        done = "left as it is" if problem.answer == "keep" else "taken from the new start"
        return f"{done}, as the author chose: {problem.why}"
    return f"where that is otherwise, new workers come instead: {problem.why}"


VALUES = frozenset({"constant", "value", "function", "class", "import"})
"""Kinds of edits by which a name stands for something else."""

COLLECTIONS = frozenset({"list", "dict", "set", "deque", "ordereddict", "defaultdict"})

Foresee = Callable[[Pair, Step | None], tuple[Grade, str]]
"""Tells how an edit will go in, and why if it is not beside the old code.  The step is None for a body."""


def explain_it(
    measurement: Measurement,
    old: Mapping[str, bytes],
    new: Mapping[str, bytes],
    loaded: Collection[str],
    foresee: Foresee | None,
    known: Known,
    kept: Mapping[Place, bool],
    asked: Collection[Asked],
) -> None:
    """Gives a measurement its plan, told by what in the sources (file to text) led to it, and the problems
    that only the sources show.  `loaded` are the program's modules that a start loads, `known` what has been
    read of them, `kept` is what stays as the process has it (`restless.places_kept`),
    `asked` what the new start asked of its surroundings.
    """
    edits = list(_edits(measurement, foresee or _coarsely(measurement.difference)))
    shapes = [_problem(problem, "shape") for problem in measurement.problems if not _depends(problem)]
    measured = _plan([*shapes, *edits], (*measurement.notes, *_memoised(measurement.difference)))
    try:
        changes = explain(old, new, known)
    except PatchInvalid as why:  # a file that the program does not load
        measured = evolve(measured, notes=(*measured.notes, f"not explained by the sources: {why}"))
    else:
        places = [(edit.module, edit.name) for edit in edits if edit.module]
        accounted = _packages(measurement.difference)
        starts = measurement.proof.old, measurement.proof.new
        found = effects.statements(changes, places, measurement.problems, accounted, loaded, starts)
        found += effects.opaque(changes, places, measurement.proof.new)
        found += _given_otherwise(measurement, changes, edits, accounted)
        if kept or asked:
            left = unexplained(changes, places)
            found += dict.fromkeys(made_otherwise(changes, left, kept))
            found += from_surroundings.problems(changes, edits, left, asked)
        measurement.problems += tuple(found)
        measured = explained(measured, changes)
    chosen = [_problem(problem, "effect") for problem in measurement.problems if _depends(problem)]
    measurement.plan = evolve(measured, edits=(*measured.edits, *chosen))


def _depends(problem: Problem) -> bool:
    """Is it one unless the author, or the machine, says otherwise?"""
    return problem.choice != "" or problem.unless != ()


def _given_otherwise(
    measurement: Measurement, changes: Changes, edits: Iterable[Edit], accounted: frozenset[str]
) -> Iterator[Problem]:
    told = {problem.choice for problem in measurement.problems}
    values = {(e.module, e.name) for e in edits if e.module and e.name and e.kind in VALUES}
    bodies = {(e.module, e.name) for e in edits if e.module and e.name and e.kind == "body"}
    graph = measurement.proof.new
    contents = set(_with_other_items(measurement.difference))
    for problem in passed_on.statements(
        changes, measurement.reached, values, bodies, contents, accounted, graph
    ):
        if problem.choice not in told:
            yield problem


def _with_other_items(difference: Difference) -> Iterator[Place]:
    """Collections that stay."""
    for pair in difference.visits:
        if difference.old.kind(pair[0]) in COLLECTIONS and (
            pair in difference.reordered
            or pair in difference.added
            or pair in difference.removed
            or any(child in difference.replaced for _, _, child in difference.edges.get(pair, ()))
        ):
            module, name = place(difference.old, pair[0])
            if module and name:
                yield module, name


def _memoised(difference: Difference) -> Iterator[str]:
    for pair in sorted(difference.stale_caches):
        yield (
            f"{difference.old.path(pair[0])}: the answers that it has memoised are forgotten at the commit, "
            "and again when no request runs the old code any more; in between both versions share them (a "
            "cache whose answers may hold what came since stays as it is)"
        )


def _problem(problem: Problem, kind: str) -> Edit:
    kind = kind if problem.name else "process"
    return Edit(problem.module, problem.name, kind, Effect.RELOAD, problem.why, Grade.RELOAD)


def _plan(edits: Iterable[Edit], notes: tuple[str, ...]) -> Plan:
    first: dict[tuple[str, str, str], Edit] = {}
    for edit in edits:
        first.setdefault((edit.module, edit.name, edit.kind), edit)
    return Plan(tuple(sorted(first.values(), key=lambda e: (e.module, e.line or 0, e.name, e.kind))), notes)


def _packages(difference: Difference) -> frozenset[str]:
    """Packages outside the program, objects of whose classes are part of the edit."""
    found = set()
    for o, _ in difference.visits:
        kind, _, kids, _ = difference.old.nodes[o]
        root = str(difference.old.way(o)[0])
        if root.startswith(OUTSIDE):
            found.add(root.removeprefix(OUTSIDE).partition(":")[0].partition(".")[0])
        if kind == "logger":
            found.add("logging")
        elif kind == "instance" and kids and difference.old.kind(kids[0][1]) == "outside":
            found.add(str(difference.old.nodes[kids[0][1]][1][0]).partition(".")[0])
    return frozenset(found)


def _edits(measurement: Measurement, foresee: Foresee) -> Iterator[Edit]:
    difference = measurement.difference
    for name in difference.new.roots:
        if name not in difference.old.roots and not name.startswith("<"):
            yield Edit(name, "", "new module", Effect.LIVE, "built from its description", Grade.CANARY)
    for name in measurement.gone:
        yield Edit(name, "", "removed module", Effect.LIVE, "its file is gone", Grade.CANARY)
    for pair in difference.visits:
        if not hidden(difference.old, pair[0]):
            for step, edit in _of_pair(difference, pair):
                grade, why = foresee(pair, step)
                yield evolve(edit, grade=grade, grade_reason=why)
    for pair in sorted(difference.rebuilt):
        module, name = place(difference.old, pair[0])
        yield Edit(
            module,
            name,
            "class",
            Effect.LIVE,
            "rebuilt: C keeps the layout of the old one; instances follow",
            Grade.BARRIER,
            grade_reason="an object has one class at a time",
        )


SIDE_BY_SIDE = frozenset({"function", "class", "module"})
"""What two versions can each have a value of their own in; all else is one object that both share."""


def _coarsely(difference: Difference) -> Foresee:
    """By what kind of thing it is that differs, where nobody tells more."""

    def foresee(pair: Pair, step: Step | None) -> tuple[Grade, str]:
        kind = difference.old.kind(pair[0])
        owned = type(step) is tuple and step[0] == ("attr" if kind == "function" else "base")
        shared = kind not in SIDE_BY_SIDE or pair in difference.replaced or (kind != "module" and owned)
        return (Grade.BARRIER, "there is one of it, for both versions") if shared else (Grade.CANARY, "")

    return foresee


Found = tuple[Step | None, Edit]


def _of_pair(difference: Difference, pair: Pair) -> Iterator[Found]:
    kind = difference.old.kind(pair[0])
    module, name = place(difference.old, pair[0])
    if kind == "function":
        yield from _of_function(difference, pair, module, name)
        return
    reason = "follows what it is made from" if kind not in ("module", "class") else "the value differs"
    for step, node in difference.added.get(pair, ()):
        what = f"new {KINDS.get(difference.new.kind(node), 'value')}"
        line = _line(difference.new, node)
        yield step, Edit(module, below(name, step), what, Effect.LIVE, "not there before", line=line)
    if pair in difference.reordered:
        yield order.STEP, Edit(module, name, "order", Effect.LIVE, "its keys come in another order")
    for step, node in difference.removed.get(pair, ()):
        what = f"removed {KINDS.get(difference.old.kind(node), 'value')}"
        yield step, Edit(module, below(name, step), what, Effect.LIVE, "no longer there")
    for step, _, child in difference.edges.get(pair, ()):
        if child in difference.replaced and child not in difference.rebuilt:
            what, line = _changed(difference, child), _line(difference.new, child[1])
            yield step, Edit(module, below(name, step), what, Effect.LIVE, reason, line=line)


def _of_function(difference: Difference, pair: Pair, module: str, name: str) -> Iterator[Found]:
    before, after = difference.old.nodes[pair[0]][3], difference.new.nodes[pair[1]][3]
    if pair in difference.heirs:
        reason = "the old function forwards to what stands in its place"
        yield None, Edit(module, name, "function", Effect.LIVE, reason)
        return
    line = after.first_line
    if pair in difference.replaced:
        reason = "the old function forwards to the new one"
        yield None, Edit(module, name, "closure", Effect.LIVE, reason, line=line)
    elif before.body != after.body:
        reason = "the function keeps its object and runs the new code"
        yield None, Edit(module, name, "body", Effect.LIVE, reason, line=line)
    changes = [*difference.added.get(pair, ()), *difference.removed.get(pair, ())]
    changes += [(s, c[1]) for s, _, c in difference.edges.get(pair, ()) if c in difference.replaced]
    reason = "exchanged on the function"
    for step, _ in changes:
        if type(step) is str and step in PARTS:
            yield step, Edit(module, name, PARTS[step], Effect.LIVE, reason, line=line)
        elif type(step) is tuple and step[0] == "attr":
            yield step, Edit(module, f"{name}.{step[1]}", "attribute", Effect.LIVE, reason, line=line)


def _changed(difference: Difference, pair: Pair) -> str:
    before, after = difference.old.kind(pair[0]), difference.new.kind(pair[1])
    if after in KINDS and before in KINDS:
        return KINDS[after]
    return "constant" if after in ("plain", "tuple", "frozenset") else "value"


def _line(graph: Graph, i: int) -> int | None:
    node: Any = graph.nodes[i]
    return node[3].first_line if node[0] == "function" else None

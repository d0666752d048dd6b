"""The plan: what a measured difference comes to, edit by edit, with the reason for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from hotpatch.errors import PatchInvalid
from hotpatch.plan import Edit, Effect, Plan

from .difference import Difference, hidden
from .explain import explain
from .graph import Graph, spoken
from .match import Pair
from .measurement import Measurement
from .shape import Step
from .syntax_reasons import explained

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


def plan(measurement: Measurement) -> Plan:
    """What applying the measured difference would do; what only the live process can tell (state that has
    changed meanwhile) comes from `stage` and `prove`."""
    return measurement.plan


def planned(measurement: Measurement, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Plan:
    """The plan as measured, told by what in the sources (file to text) led to it."""
    measured = _as_measured(measurement)
    try:
        return explained(measured, explain(old, new))
    except PatchInvalid as why:  # a file that the program does not load
        return evolve(measured, notes=(*measured.notes, f"not explained by the sources: {why}"))


def _as_measured(measurement: Measurement) -> Plan:
    edits: dict[tuple[str, str, str], Edit] = {}
    for problem in measurement.problems:
        edit = Edit(
            problem.module,
            problem.name,
            "process" if not problem.name else "shape",
            Effect.RELOAD,
            problem.why,
        )
        edits.setdefault((edit.module, edit.name, edit.kind), edit)
    for edit in _edits(measurement):
        edits.setdefault((edit.module, edit.name, edit.kind), edit)
    return Plan(
        tuple(sorted(edits.values(), key=lambda e: (e.module, e.line or 0, e.name, e.kind))),
        measurement.notes,
    )


def _edits(measurement: Measurement) -> Iterator[Edit]:
    difference = measurement.difference
    for name in difference.new.roots:
        if name not in difference.old.roots and not name.startswith("<"):
            yield Edit(name, "", "new module", Effect.LIVE, "built from its description")
    for name in measurement.gone:
        yield Edit(name, "", "removed module", Effect.LIVE, "its file is gone")
    for pair in difference.visits:
        if not hidden(difference.old, pair[0]):
            yield from _of_pair(difference, pair)
    for pair in sorted(difference.rebuilt):
        module, name = place(difference.old, pair[0])
        yield Edit(
            module, name, "class", Effect.LIVE, "rebuilt: C keeps the layout of the old one; instances follow"
        )


def _of_pair(difference: Difference, pair: Pair) -> Iterator[Edit]:
    kind = difference.old.kind(pair[0])
    module, name = place(difference.old, pair[0])
    if kind == "function":
        yield from _of_function(difference, pair, module, name)
        return
    reason = "follows what it is made from" if kind not in ("module", "class") else "the value differs"
    for step, node in difference.added.get(pair, ()):
        told = _below(name, step)
        what = KINDS.get(difference.new.kind(node), "value")
        yield Edit(
            module, told, f"new {what}", Effect.LIVE, "not there before", line=_line(difference.new, node)
        )
    for step, node in difference.removed.get(pair, ()):
        what = KINDS.get(difference.old.kind(node), "value")
        yield Edit(module, _below(name, step), f"removed {what}", Effect.LIVE, "no longer there")
    for step, _, child in difference.edges.get(pair, ()):
        if child in difference.replaced and child not in difference.rebuilt:
            yield Edit(
                module,
                _below(name, step),
                _changed(difference, child),
                Effect.LIVE,
                reason,
                line=_line(difference.new, child[1]),
            )


def _of_function(difference: Difference, pair: Pair, module: str, name: str) -> Iterator[Edit]:
    before, after = difference.old.nodes[pair[0]][3], difference.new.nodes[pair[1]][3]
    line = after.first_line
    if pair in difference.replaced:
        yield Edit(
            module, name, "closure", Effect.LIVE, "the old function forwards to the new one", line=line
        )
    elif before.body != after.body:
        yield Edit(
            module,
            name,
            "body",
            Effect.LIVE,
            "the function keeps its object and runs the new code",
            line=line,
        )
    changes = [*difference.added.get(pair, ()), *difference.removed.get(pair, ())]
    changes += [(s, c[1]) for s, _, c in difference.edges.get(pair, ()) if c in difference.replaced]
    for step, _ in changes:
        if type(step) is str and step in PARTS:
            yield Edit(module, name, PARTS[step], Effect.LIVE, "exchanged on the function", line=line)
        elif type(step) is tuple and step[0] == "attr":
            yield Edit(
                module, f"{name}.{step[1]}", "attribute", Effect.LIVE, "exchanged on the function", line=line
            )


def _changed(difference: Difference, pair: Pair) -> str:
    before, after = difference.old.kind(pair[0]), difference.new.kind(pair[1])
    if after in KINDS and before in KINDS:
        return KINDS[after]
    return "constant" if after in ("plain", "tuple", "frozenset") else "value"


def _line(graph: Graph, i: int) -> int | None:
    node: Any = graph.nodes[i]
    return node[3].first_line if node[0] == "function" else None


def place(graph: Graph, i: int) -> tuple[str, str]:
    """(module, dotted name inside it) of a node."""
    way = graph.way(i)
    root = str(way[0])
    if root.startswith("<"):
        return "", spoken(way)
    return root, spoken(["", *way[1:]]).lstrip(".")


def _below(name: str, step: Step) -> str:
    return spoken([name, step]).lstrip(".")

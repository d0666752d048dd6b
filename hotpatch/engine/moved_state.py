"""Variables of a module that goes, where the edit brings one of the same name elsewhere: a module that is
renamed, or whose parts move.

What such a variable has come to since the start would be lost, as it would where a variable of a module that
stays is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hotpatch.ops import SlotKind

from .difference import Difference
from .graph import Graph
from .pairing import SHARED
from .reading import MISSING
from .shape import Step

if TYPE_CHECKING:
    from .merge import Merger


def variables(difference: Difference) -> Mapping[str, Mapping[Step, int]]:
    """By the module: the steps to such variables, and the nodes of their values in the old start."""
    old, new = difference.old, difference.new
    come = {step for name in _modules_of_one(new, old) for step, _ in new.nodes[new.roots[name]][2]}
    for pair in difference.visits:
        if old.kind(pair[0]) == "module":
            come |= {step for step, _ in difference.added.get(pair, ())}
    return {
        name: {
            step: child
            for step, child in old.nodes[old.roots[name]][2]
            if step in come and _may_be(old, step, child)
        }
        for name in _modules_of_one(old, new)
    }


def _modules_of_one(graph: Graph, other: Graph) -> list[str]:
    """Names of modules that the other one has not; a narrowed graph knows little of what else it has."""
    names = [name for name in graph.roots if name not in other.roots and not name.startswith("<")]
    return [name for name in names if graph.kind(graph.roots[name]) == "module"]


def _may_be(old: Graph, step: Step, node: int) -> bool:
    named = type(step) is tuple and step[0] == "name" and not step[1].startswith("__")
    return named and old.kind(node) in (*SHARED, "plain")


def refuse_if_lost(difference: Difference, merger: Merger) -> None:
    for name, found in variables(difference).items():
        module = merger.view.modules().get(name)
        space = {} if module is None else merger.view.names(module)
        for step, o in found.items():
            variable = step[1]
            if (current := space.get(variable, MISSING)) is not MISSING:
                later = merger.is_counted(SlotKind.GLOBAL, module, variable, current, o, space)
                merger.may_go(current, o, f"{name}.{variable}", later)

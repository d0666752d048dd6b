"""Callbacks that only C code or a thread holds: those of `atexit`, for one."""

from __future__ import annotations

from collections.abc import Mapping

from .graph import HIDDEN, Graph


def outdated(live: Graph, new: Graph, old: Graph) -> list[str]:
    """Callbacks that only C code or a thread holds: those that the new start has otherwise must be there."""
    before, wanted, have = (_hidden_codes(graph) for graph in (old, new, live))
    return [
        f"{name[len(HIDDEN) :]} is unlike a fresh start"
        for name, codes in wanted.items()
        if codes - before.get(name, set()) and codes - have.get(name, set())
    ]


def _hidden_codes(graph: Graph) -> Mapping[str, set[bytes]]:
    found: dict[str, set[bytes]] = {}
    for name, i in graph.roots.items():
        if name.startswith(HIDDEN):
            found.setdefault(name.rpartition(" ")[0], set()).add(graph.nodes[i][3].body)
    return found

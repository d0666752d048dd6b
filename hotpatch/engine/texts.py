"""Texts that are known by their identity: `argparse.SUPPRESS` is compared by `is`.

A text that comes with an edit is a new object.  One that a module has a name for is that very object.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable

from .graph import Graph


class Texts:
    """Of the program's modules and of those outside that the edit speaks of; looked for when first asked."""

    def __init__(self, graph: Graph, local: Iterable[types.ModuleType]) -> None:
        self._graph, self._local = graph, tuple(local)
        self._known: dict[str, str] | None = None

    def same(self, text: str) -> str:
        if text.isidentifier():  # there is but one of each
            return text
        if self._known is None:
            self._known = self._look()
        return self._known.get(text, text)

    def _look(self) -> dict[str, str]:
        nodes = self._graph.nodes
        heads = [
            node[1] for node in (nodes.values() if type(nodes) is dict else nodes) if node[0] == "outside"
        ]
        homes = [sys.modules.get(module) for module in dict.fromkeys(str(module) for module, _ in heads)]
        spaces = [vars(home) for home in (*self._local, *homes) if isinstance(home, types.ModuleType)]
        return {value: value for space in spaces for value in list(space.values()) if type(value) is str}

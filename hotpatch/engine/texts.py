"""Texts that come with an edit.

Some are known by their identity: `argparse.SUPPRESS` is compared by `is`.  One that a module has a name for
is that very object.  Some say where a class lies, which may come with the same edit.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import cached_property
from typing import Any

from .graph import Graph
from .reading import resolve
from .world import World


class Texts:
    """Of the program's modules and of those outside that the edit speaks of; looked for when first asked."""

    def __init__(self, graph: Graph, world: World, make: Callable[[int], Any]) -> None:
        self._graph, self._world, self._make = graph, world, make
        self._local = tuple(world.local.values())

    def same(self, text: str) -> str:
        if text.isidentifier():  # there is but one of each
            return text
        return self._known.get(text, text)

    def here(self, text: str) -> str:
        """As a start in this process would have it."""
        return self._world.untidy(text, self._class)

    def _class(self, module: str, qualname: str) -> Any:
        node = self._classes.get((module, qualname))
        return resolve(module, qualname) if node is None else self._make(node)

    @cached_property
    def _classes(self) -> dict[tuple[str, str], int]:
        nodes = self._graph.nodes
        numbered = nodes.items() if type(nodes) is dict else enumerate(nodes)
        return {node[1][:2]: i for i, node in numbered if node[0] == "class"}

    @cached_property
    def _known(self) -> dict[str, str]:
        nodes = self._graph.nodes
        heads = [
            node[1] for node in (nodes.values() if type(nodes) is dict else nodes) if node[0] == "outside"
        ]
        homes = [sys.modules.get(module) for module in dict.fromkeys(str(module) for module, _ in heads)]
        spaces = [vars(home) for home in (*self._local, *homes) if isinstance(home, types.ModuleType)]
        return {value: value for space in spaces for value in list(space.values()) if type(value) is str}

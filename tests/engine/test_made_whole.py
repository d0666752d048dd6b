"""Objects of classes that extend a C type, made whole and never changed: aliases, weak references."""

from __future__ import annotations

import gc
from collections.abc import Callable

from tests.engine.conftest import Program

ALIAS = "from collections.abc import Callable\nHandler = Callable[[{}], str]\n"


def test_an_alias_of_a_callable_becomes_another(program: Program) -> None:
    program.runs({"hooks.py": ALIAS.format("int")})
    hooks = program.module("hooks")
    outcome = program.patch({"hooks.py": ALIAS.format("int, bytes")})
    assert outcome, outcome.reasons
    assert hooks.Handler == Callable[[int, bytes], str]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert hooks.Handler == Callable[[int], str]


NODES = """
import weakref
BY_NAME, ALL = weakref.WeakValueDictionary(), weakref.WeakSet()
class Node:
    def __init__(self, name):
        self.name = name
        BY_NAME[name] = self
        ALL.add(self)
ROOT = Node("root")
"""


def test_a_weak_table_gains_what_a_fresh_start_has_in_it(program: Program) -> None:
    program.runs({"nodes.py": NODES})
    nodes = program.module("nodes")
    outcome = program.patch({"nodes.py": NODES + "LEAF = Node('leaf')\n"})
    assert outcome, outcome.reasons
    assert dict(nodes.BY_NAME) == {"root": nodes.ROOT, "leaf": nodes.LEAF}
    assert set(nodes.ALL) == {nodes.ROOT, nodes.LEAF}


def test_what_came_to_a_weak_table_leaves_it_when_it_dies(program: Program) -> None:
    program.runs({"nodes.py": NODES})
    nodes = program.module("nodes")
    new = NODES + "class Hold: pass\nHOLD = Hold()\nHOLD.node = Node('leaf')\n"
    outcome = program.patch({"nodes.py": new})
    assert outcome, outcome.reasons
    assert len(nodes.ALL) == len(nodes.BY_NAME) == 2
    del nodes.HOLD.node, outcome
    gc.collect()
    assert len(nodes.ALL) == len(nodes.BY_NAME) == 1

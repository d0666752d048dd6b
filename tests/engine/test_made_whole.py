"""Objects of classes that extend a C type, made whole and never changed: aliases, weak references, syntax
trees, results of the operating system."""

from __future__ import annotations

import ast
import gc
import os
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


TREE = "import ast\nTREE = ast.parse({!r}, mode='eval').body\n"


def test_a_syntax_tree_becomes_another(program: Program) -> None:
    program.runs({"rules.py": TREE.format("price(a, 1)")})
    rules = program.module("rules")
    outcome = program.patch({"rules.py": TREE.format("price(b.c, 2)")})
    assert outcome, outcome.reasons
    assert ast.unparse(rules.TREE) == "price(b.c, 2)"
    assert rules.TREE.args[1].col_offset == 11
    assert outcome.undo is not None
    outcome.undo.revert()
    assert ast.unparse(rules.TREE) == "price(a, 1)"


def test_a_result_of_the_operating_system_becomes_another(program: Program) -> None:
    program.runs({"screen.py": "import os\nSIZE = os.terminal_size((80, 24))\n"})
    screen = program.module("screen")
    outcome = program.patch({"screen.py": "import os\nSIZE = os.terminal_size((132, 24))\n"})
    assert outcome, outcome.reasons
    assert os.terminal_size((132, 24)) == screen.SIZE
    assert screen.SIZE.columns == 132

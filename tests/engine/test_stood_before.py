"""A module that something stands in front of, in its place among the modules, is still the program's."""

from __future__ import annotations

import sys

from tests.engine.conftest import Program

OUTER = """
class Proxy:
    def __init__(self, module): self._module = module
    def __getattribute__(self, name): return getattr(object.__getattribute__(self, "_module"), name)
"""
TEXT = """
import outer, sys
COUNT = [0]
def tell():
    COUNT[0] += 1
    return {}
sys.modules[__name__] = outer.Proxy(sys.modules[__name__])
"""


def test_a_module_behind_a_proxy_is_changed_and_taken_back(program: Program) -> None:
    library = program.root.parent / "library"
    library.mkdir()
    (library / "outer.py").write_text(OUTER)
    sys.path.insert(0, str(library))
    program.runs({"m.py": TEXT.format("'old'"), "user.py": "import m\ndef ask(): return m.tell()\n"})
    user = program.module("user")
    proxy = user.m
    assert (type(proxy).__name__, user.ask()) == ("Proxy", "old")
    outcome = program.patch({"m.py": TEXT.format("'new'")})
    assert outcome, outcome.reasons
    assert (user.m, user.ask(), proxy.COUNT) == (proxy, "new", [2])
    assert outcome.undo is not None
    outcome.undo.revert()
    assert user.ask() == "old"

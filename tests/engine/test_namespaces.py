"""A dict in which a module keeps its names, held by the program, is told by the module."""

from __future__ import annotations

from tests.engine.conftest import Program

LAZY = """
def lazy(names, space):
    import importlib
    def __getattr__(name):
        found = importlib.import_module(names[name])
        space[name] = found
        return found
    return __getattr__
"""
SHOP = """
from lazily import lazy
import {0}
import {1}
FIRST = {2}
__getattr__ = lazy({{"c": "c"}}, globals())
"""


def test_that_its_names_came_in_another_order_is_no_difference(program: Program) -> None:
    program.runs(
        {
            "lazily.py": LAZY,
            "a.py": "X = 1",
            "b.py": "Y = 1",
            "c.py": "Z = 1",
            "shop.py": SHOP.format("a", "b", 1),
        }
    )
    shop = program.module("shop")
    assert shop.c.Z == 1  # comes to stand behind the others
    space = vars(shop)
    space["a"] = space.pop("a")
    outcome = program.patch({"shop.py": SHOP.format("b", "a", 2)})
    assert outcome, outcome.reasons
    assert shop.FIRST == 2 and shop.c.Z == 1


def test_a_new_function_on_the_names_of_its_module_has_the_very_dict(program: Program) -> None:
    program.runs({"lazily.py": LAZY, "c.py": "Z = 1", "shop.py": "FIRST = 1\n"})
    shop = program.module("shop")
    outcome = program.patch(
        {"shop.py": 'from lazily import lazy\nFIRST = 1\n__getattr__ = lazy({"c": "c"}, globals())\n'}
    )
    assert outcome, outcome.reasons
    assert shop.c.Z == 1 and "c" in vars(shop)

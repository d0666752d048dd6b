"""A class that another takes the place of, and that had methods which the other has not."""

from __future__ import annotations

from .conftest import Program

OLD = """
class Shop:
    def __dir__(self): return [*super().__dir__(), "till"]
    def open(self): return 1
"""
NEW = """
class Place:
    pass
class Shop(Place):
    def open(self): return 2
"""


def test_a_lost_method_that_speaks_of_its_class_does_not_keep_it_in_the_program(program: Program) -> None:
    program.runs({"shop.py": OLD})
    shop = program.module("shop").Shop()
    outcome = program.patch({"shop.py": NEW})
    assert outcome, outcome.reasons
    assert shop.open() == 2
    assert "till" not in dir(shop)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert shop.open() == 1
    assert "till" in dir(shop)

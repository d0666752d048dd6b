"""Functions with some of their arguments given: `functools.partial`."""

from __future__ import annotations

from .conftest import Program

SHOP = """
from functools import partial

def price(amount, cents): return amount * cents

five = partial(price, 5)
"""


def test_one_whose_arguments_and_keywords_change_at_once(program: Program) -> None:
    program.runs({"shop.py": SHOP})
    shop = program.module("shop")
    changed = SHOP.replace("amount, cents)", "amount, cents, off=0)").replace(
        "amount * cents", "amount * cents - off"
    )
    outcome = program.patch({"shop.py": changed.replace("price, 5)", "price, 6, off=1)")})
    assert outcome, outcome.reasons
    assert shop.five(10) == 59
    assert outcome.undo is not None
    outcome.undo.revert()
    assert shop.five(10) == 50

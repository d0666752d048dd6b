"""Functions with some of their arguments given: `functools.partial`."""

from __future__ import annotations

import functools

import pytest

from hotpatch.plan import Effect

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


HELD = """
from functools import partial

def price(amount, cents): return amount * cents
def fee(amount, cents): return amount + cents

five = partial({})
table = {{"five": five}}

class Till:
    def __init__(self): self.count = five
"""


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("price, 6", 60),
        ("fee, 5", 15),
        ("price, cents=7", 70),
        ("price, 2, 9", None),
        ("partial(fee, 4)", 14),
    ],
)
def test_whoever_holds_one_calls_what_it_calls_now(program: Program, new: str, told: int | None) -> None:
    program.runs({"shop.py": HELD.format("price, 5")})
    shop = program.module("shop")
    held, till = shop.five, shop.Till()
    outcome = program.patch({"shop.py": HELD.format(new)})
    assert outcome, outcome.reasons
    assert held is shop.five is till.count is shop.table["five"]
    assert (held() if told is None else held(10)) == (told or 18)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held is shop.five and held(10) == 50
    assert (held.func, held.args, held.keywords) == (shop.price, (5,), {})


def test_what_a_partial_is_replaced_by_is_not_what_its_holders_call(program: Program) -> None:
    program.runs({"shop.py": HELD.format("price, 5")})
    shop = program.module("shop")
    till = shop.Till()
    changed = HELD.format("price, 5").replace("five = partial(price, 5)", "def five(cents): return cents")
    outcome = program.patch({"shop.py": changed})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == ("a Till holds the old partial object",)
    assert till.count(10) == 50


def test_one_that_the_program_has_put_there_is_not_taken_for_what_it_was(program: Program) -> None:
    program.runs({"shop.py": HELD.format("price, 5")})
    shop = program.module("shop")
    mine = shop.five = functools.partial(shop.price, 8)
    outcome = program.patch({"shop.py": HELD.format("price, 6")})
    assert outcome.effect is Effect.RELOAD
    assert "shop.five was changed since the start" in outcome.reasons[0]
    assert shop.five is mine and mine(10) == 80


def test_what_a_weak_reference_calls_is_edited_as_well(program: Program) -> None:
    text = "import weakref\nfrom functools import partial\nclass Thing: pass\nTHING = Thing()\nGONE = []\n"
    text += "def gone(n, ref): GONE.append(n)\nREF = weakref.ref(THING, partial(gone, {}))\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    del m.THING
    assert m.GONE == [2]

"""State that lives is carried to a new shape by the author's transformers, and back."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from hotpatch.engine import carry
from hotpatch.plan import Effect
from tests.engine.conftest import Program

CART = """
class Cart:
    def __init__(self, total):
        self.total = total
    def tell(self):
        return f"{self.total}"
carts = {}
def open_cart(name, total):
    carts[name] = Cart(total)
"""
WITH_CURRENCY = CART.replace(
    "self.total = total", "self.total = total\n        self.currency = str('EUR')"
).replace('f"{self.total}"', 'f"{self.total} {self.currency}"')
GIVES_CURRENCY = """
from hotpatch.transform import attribute
@attribute("m.Cart", "currency")
def currency(cart):
    return "GBP" if cart.total > 100 else "EUR"
"""
IN_CENTS = CART.replace("self.total = total", "self.cents = total * 100").replace(
    "{self.total}", "{self.cents} ct"
)
TO_CENTS = """
from hotpatch.transform import shape
@shape("m.Cart")
def cents(attributes):
    return {"cents": attributes.pop("total") * 100, **attributes}
"""
AND_BACK = """
@cents.back
def total(attributes):
    return {"total": attributes.pop("cents") // 100, **attributes}
"""


def shop(program: Program) -> Any:
    program.runs({"m.py": CART})
    m = program.module("m")
    m.open_cart("a", 1)
    m.open_cart("b", 200)
    return m


def test_objects_that_lack_an_attribute_need_a_transformer(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": WITH_CURRENCY})
    assert outcome.effect is Effect.RELOAD
    assert "lack currency" in outcome.reasons[0]
    assert m.carts["a"].tell() == "1"


def test_an_attribute_comes_to_the_objects_that_live(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=GIVES_CURRENCY)
    assert outcome, outcome.reasons
    assert vars(m.carts["a"]) == {"total": 1, "currency": "EUR"}
    assert m.carts["b"].tell() == "200 GBP"
    assert "currency" not in vars(m.Cart)


def test_the_undo_takes_the_attribute_from_all_objects(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=GIVES_CURRENCY)
    m.open_cart("c", 3)
    m.carts["a"].total = 7
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [vars(cart) for cart in m.carts.values()] == [{"total": 7}, {"total": 200}, {"total": 3}]
    assert m.carts["a"].tell() == "7"


def test_an_object_that_has_the_attribute_keeps_it(program: Program) -> None:
    m = shop(program)
    m.carts["a"].currency = "CHF"
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=GIVES_CURRENCY)
    assert m.carts["a"].tell() == "1 CHF"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert vars(m.carts["a"]) == {"total": 1, "currency": "CHF"}


def test_objects_of_subclasses_follow(program: Program) -> None:
    more = "\nclass Gift(Cart):\n    pass\n"
    program.runs({"m.py": CART + more})
    m = program.module("m")
    gift = m.Gift(500)
    assert program.patch({"m.py": WITH_CURRENCY + more}, transformers=GIVES_CURRENCY)
    assert gift.tell() == "500 GBP"


def test_of_many_objects_the_attribute_is_made_when_it_is_first_read(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "MANY", 1)
    m = shop(program)
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=GIVES_CURRENCY)
    assert outcome, outcome.reasons
    assert "currency" not in vars(m.carts["b"])
    assert m.carts["b"].tell() == "200 GBP"
    assert vars(m.carts["b"])["currency"] == "GBP"
    assert not hasattr(m.Cart, "currency")
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [vars(cart) for cart in m.carts.values()] == [{"total": 1}, {"total": 200}]
    assert "currency" not in vars(m.Cart)


def test_what_is_made_on_first_read_is_rehearsed_on_all_that_live(program: Program) -> None:
    m = shop(program)
    m.carts["b"].total = None
    lazily = GIVES_CURRENCY.replace('"currency")', '"currency", lazy=True)')
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=lazily)
    assert outcome.effect is Effect.RELOAD
    assert "TypeError" in outcome.reasons[0]
    assert "currency" not in vars(m.Cart)


def test_objects_take_another_shape_and_go_back_exactly(program: Program) -> None:
    m = shop(program)
    m.carts["a"].note = note = object()
    outcome = program.patch({"m.py": IN_CENTS}, transformers=TO_CENTS)
    assert outcome, outcome.reasons
    assert vars(m.carts["a"]) == {"cents": 100, "note": note}
    assert m.carts["b"].tell() == "20000 ct"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(vars(m.carts["a"]).items()) == [("total", 1), ("note", note)]


def test_what_changed_since_goes_the_authors_way_back(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": IN_CENTS}, transformers=TO_CENTS + AND_BACK)
    m.carts["a"].cents = 900
    m.open_cart("c", 3)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [vars(cart) for cart in m.carts.values()] == [{"total": 9}, {"total": 200}, {"total": 3}]


def test_without_a_way_back_what_changed_since_keeps_the_release_in(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": IN_CENTS}, transformers=TO_CENTS)
    m.carts["a"].cents = 900
    assert outcome.undo is not None
    with pytest.raises(Exception, match="has no way back"):
        outcome.undo.revert()
    assert m.carts["a"].tell() == "900 ct"
    assert not outcome.undo.done


@pytest.mark.parametrize(
    ("transformers", "reason"),
    [
        (GIVES_CURRENCY.replace("cart.total > 100", "cart.size"), "no attribute 'size'"),
        ("raise OSError('no')", "OSError: no (line 1"),
        ("def f(:\n", "SyntaxError"),
        (GIVES_CURRENCY.replace("m.Cart", "m.Basket"), "m.Basket is nothing that lives"),
        (GIVES_CURRENCY.replace("m.Cart", "m.carts"), "is no class"),
        (
            TO_CENTS.replace("return {", "return [")
            .replace("}", "]")
            .replace('"cents": ', "")
            .replace(", **attributes", ""),
            "has to give a dict",
        ),
    ],
)
def test_a_transformer_that_fails_changes_nothing_and_is_the_reason(
    program: Program, transformers: str, reason: str
) -> None:
    m = shop(program)
    before = dict(vars(m))
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=transformers)
    assert outcome.effect is Effect.RELOAD
    assert reason in outcome.reasons[0]
    assert dict(vars(m)) == before
    assert [vars(cart) for cart in m.carts.values()] == [{"total": 1}, {"total": 200}]


SLOTTED = """
class Row:
    __slots__ = ("a", "b")
    def __init__(self):
        self.a = 1
    def tell(self):
        return self.a
rows = []
def add():
    rows.append(Row())
"""


def test_an_empty_slot_is_filled(program: Program) -> None:
    program.runs({"m.py": SLOTTED})
    m = program.module("m")
    m.add()
    new = SLOTTED.replace("self.a = 1", "self.a = 1\n        self.b = 2").replace(
        "return self.a", "return self.b"
    )
    assert program.patch({"m.py": new}).effect is Effect.RELOAD
    fills = 'from hotpatch.transform import attribute\nattribute("m.Row", "b")(lambda row: row.a + 10)\n'
    outcome = program.patch({"m.py": new}, transformers=fills)
    assert outcome, outcome.reasons
    assert m.rows[0].tell() == 11
    assert outcome.undo is not None
    outcome.undo.revert()
    assert not hasattr(m.rows[0], "b")


TABLE = "TABLE = {'gold': 3}\nROWS = []\nLIMIT = 5\ndef rate(x):\n    return TABLE[x]\n"
IN_PAIRS = "TABLE = {'gold': (3, 'EUR')}\nROWS = []\nLIMIT = 7\ndef rate(x):\n    return TABLE[x][0]\n"
PAIRS = """
from hotpatch.transform import place
@place("m.TABLE")
def table(value):
    return {name: (rate, "EUR") for name, rate in value.items()}
"""
PAIRS_BACK = """
@table.back
def back(value):
    return {name: rate for name, (rate, _) in value.items()}
"""


def test_a_table_takes_another_shape_and_stays_the_same_object(program: Program) -> None:
    program.runs({"m.py": TABLE})
    m = program.module("m")
    held = m.TABLE
    held["silver"] = 2
    held["gold"] = 4
    outcome = program.patch({"m.py": IN_PAIRS}, transformers=PAIRS)
    assert outcome, outcome.reasons
    assert m.TABLE is held
    assert held == {"gold": (4, "EUR"), "silver": (2, "EUR")}
    assert m.rate("silver") == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(held.items()) == [("gold", 4), ("silver", 2)]


def test_a_table_that_changed_since_goes_the_authors_way_back(program: Program) -> None:
    program.runs({"m.py": TABLE})
    m = program.module("m")
    outcome = program.patch({"m.py": IN_PAIRS}, transformers=PAIRS)
    m.TABLE["tin"] = (1, "EUR")
    assert outcome.undo is not None
    with pytest.raises(Exception, match="has no way back"):
        outcome.undo.revert()
    outcome = program_again(program, m, outcome)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.TABLE == {"gold": 3, "tin": 1}


def program_again(program: Program, m: Any, outcome: Any) -> Any:
    del m.TABLE["tin"]
    outcome.undo.revert()
    outcome = program.patch({"m.py": IN_PAIRS}, transformers=PAIRS + PAIRS_BACK)
    m.TABLE["tin"] = (1, "EUR")
    return outcome


def test_a_value_that_both_changed_is_the_transformers_to_settle(program: Program) -> None:
    program.runs({"m.py": TABLE})
    m = program.module("m")
    m.LIMIT = 50
    assert program.patch({"m.py": IN_PAIRS}).effect is Effect.RELOAD
    sums = 'from hotpatch.transform import place\nplace("m.LIMIT")(lambda value, edited: value + edited)\n'
    outcome = program.patch({"m.py": IN_PAIRS}, transformers=sums)
    assert outcome, outcome.reasons
    assert m.LIMIT == 57
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.LIMIT == 50


def test_a_list_of_rows_takes_another_shape(program: Program) -> None:
    old = (
        "ROWS = []\ndef add(x):\n    ROWS.append((x, 1))\ndef total():\n    return sum(n for _, n in ROWS)\n"
    )
    new = (
        "ROWS = []\ndef add(x):\n    ROWS.append((x, 1, 10))\n"
        "def total():\n    return sum(n * w for _, n, w in ROWS)\n"
    )
    program.runs({"m.py": old})
    m = program.module("m")
    m.add("a")
    assert program.patch({"m.py": new}).effect is Effect.RELOAD
    weighs = (
        "from hotpatch.transform import place\n"
        'rows = place("m.ROWS")(lambda rows: [(*row, 5) for row in rows])\n'
        "rows.back(lambda rows: [row[:2] for row in rows])\n"
    )
    outcome = program.patch({"m.py": new}, transformers=weighs)
    assert outcome, outcome.reasons
    m.add("b")
    assert m.total() == 15
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.ROWS == [("a", 1), ("b", 1)]


def test_refresh_callbacks_of_the_file_run_around_its_own_change_alone(program: Program) -> None:
    m = shop(program)
    m.told = []
    tells = (
        "from hotpatch import refresh\nimport m\n"
        'refresh.register("mine", forget=lambda update: m.told.append(update.undo))\n'
    )
    body = CART.replace('f"{self.total}"', 'f"<{self.total}>"')
    outcome = program.patch({"m.py": body}, transformers=tells)
    assert outcome, outcome.reasons
    assert outcome.undo is not None
    outcome.undo.revert()
    assert program.patch({"m.py": body})
    assert m.told == [False, True]


def test_objects_made_between_staging_and_commit_are_carried_too(program: Program) -> None:
    from hotpatch import authored, engine

    m = shop(program)
    measurement = program.measure({"m.py": IN_CENTS})
    staged = engine.stage(measurement, str(program.root), transformers=authored.read(TO_CENTS).transformers)
    m.carts["a"].total = 5
    m.open_cart("late", 9)
    undo = engine.commit_now(staged)
    assert m.carts["a"].cents == 500
    assert m.carts["late"].tell() == "900 ct"
    undo.revert()
    assert vars(m.carts["late"]) == {"total": 9}


def test_an_undone_transformer_leaves_no_object_behind(program: Program) -> None:
    m = shop(program)
    outcome = program.patch({"m.py": WITH_CURRENCY}, transformers=GIVES_CURRENCY)
    assert outcome.undo is not None
    outcome.undo.revert()
    m.carts.clear()
    del outcome
    gc.collect()
    assert not [obj for obj in gc.get_objects() if type(obj) is m.Cart]


@pytest.mark.parametrize("many", [0, 5_000])
def test_a_class_that_is_built_anew_has_its_objects_carried(
    program: Program, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(carry, "MANY", many)
    base = "class Base:\n    pass\n"
    program.runs({"m.py": base + CART})
    m = program.module("m")
    m.open_cart("a", 1)
    new = base + WITH_CURRENCY.replace("class Cart", "class Cart(Base)")
    outcome = program.patch({"m.py": new}, transformers=GIVES_CURRENCY)
    assert outcome, outcome.reasons
    assert isinstance(m.carts["a"], m.Base)
    m.open_cart("b", 2)
    assert m.carts["a"].tell() == "1 EUR"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [type(cart) is m.Cart for cart in m.carts.values()] == [True, True]
    assert vars(m.carts["a"]) == {"total": 1}

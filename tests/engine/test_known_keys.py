"""A key that is an object stays the same key when what it goes by changes with the sources."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

TEXT = """
import weakref
class Interface:
    def __init__(self, name, doc):
        self.name, self.doc = name, doc
{tables}
IShop, ICart = Interface("shop", {doc!r}), Interface("cart", "a cart")
{fill}
"""
TABLES = {
    "a dict": ("TABLE = {}", "TABLE[IShop], TABLE[ICart] = [1], [2]", "TABLE[IShop]"),
    "a dict, by a tuple": (
        "TABLE = {}",
        "TABLE[IShop, 'x'], TABLE[ICart, 'x'] = [1], [2]",
        "TABLE[IShop, 'x']",
    ),
    "a dict of weak references": (
        "TABLE = weakref.WeakKeyDictionary()",
        "TABLE[IShop], TABLE[ICart] = [1], [2]",
        "TABLE[IShop]",
    ),
    "a set": ("TABLE = set()", "TABLE |= {IShop, ICart}; LIST = [1]", "LIST * (IShop in TABLE)"),
    "a table that stands first, of another that holds the keys": (
        "FIRST = {}\nTABLE = {}",
        "FIRST[IShop] = TABLE; TABLE[IShop], TABLE[ICart] = [1], [2]",
        "FIRST[IShop][IShop]",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_key_whose_attribute_changes_keeps_its_place_and_what_lives_there(
    program: Program, name: str
) -> None:
    tables, fill, ask = TABLES[name]
    program.runs({"m.py": TEXT.format(tables=tables, fill=fill, doc="old")})
    m = program.module("m")
    key, size = m.IShop, len(m.TABLE)
    eval(ask, vars(m)).append(5)
    outcome = program.patch({"m.py": TEXT.format(tables=tables, fill=fill, doc="new")})
    assert outcome, outcome.reasons
    assert m.IShop is key
    assert key.doc == "new"
    assert len(m.TABLE) == size
    if "LIST" not in fill:
        assert eval(ask, vars(m)) == [1, 5]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert key.doc == "old"


def test_a_key_that_gives_way_to_another_object_goes_with_what_is_its_own(program: Program) -> None:
    text = "class A:\n    def __init__(self, n): self.n = n\nTABLE = {{A({}): 'x', A(7): 'y'}}\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    assert {key.n: value for key, value in m.TABLE.items()} == {2: "x", 7: "y"}

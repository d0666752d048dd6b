"""Descriptors that keep values under another name from now on, and objects that have them under the old."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

NOTED = """
class Field:
    def __set_name__(self, owner, name): self.slot = "{}" + name
    def __get__(self, obj, kind=None): return getattr(obj, self.slot)
    def __set__(self, obj, value): setattr(obj, self.slot, value)
"""
ADDED_UP = """
class Field:
    def __set_name__(self, owner, name): self.name = name
    def __get__(self, obj, kind=None): return getattr(obj, "{}" + self.name)
    def __set__(self, obj, value): setattr(obj, "{}" + self.name, value)
"""
WRITTEN = """
class Field:
    def __set_name__(self, owner, name): self.name = name
    def __get__(self, obj, kind=None): return obj.__dict__.get(f"{}{{self.name}}", 0)
    def __set__(self, obj, value): obj.__dict__[f"{}{{self.name}}"] = value
"""
ITEM = """
class Item:
    price = Field()
    def __init__(self, price): self.price = price
"""
OWN = """
class Item:
    def __init__(self, price): self.price = price
    def __setattr__(self, name, value): self.__dict__["{}" + name] = value
    def __getattr__(self, name): return self.__dict__["{}" + name]
"""
CONSTANT = """
KEY = "{}price"
class Item:
    def __init__(self, price): setattr(self, KEY, price)
    @property
    def price(self): return getattr(self, KEY)
"""
PROGRAMS = {
    "noted": NOTED + ITEM,
    "put together when it is needed": ADDED_UP + ITEM,
    "in the dictionary": WRITTEN + ITEM,
    "by the class itself": OWN,
    "by a constant": CONSTANT,
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_an_object_that_has_its_value_under_the_old_name_keeps_the_edit_from_going_live(
    program: Program, kind: str
) -> None:
    program.runs({"shop.py": PROGRAMS[kind].format("_", "_")})
    shop = program.module("shop")
    item = shop.Item(3)
    outcome = program.patch({"shop.py": PROGRAMS[kind].format("_v2_", "_v2_")})
    assert outcome.effect is Effect.RELOAD and "objects of Item that live" in outcome.reasons[0]
    assert item.price == 3


@pytest.mark.parametrize("kind", PROGRAMS)
def test_where_no_object_lives_it_is_live(program: Program, kind: str) -> None:
    program.runs({"shop.py": PROGRAMS[kind].format("_", "_")})
    shop = program.module("shop")
    outcome = program.patch({"shop.py": PROGRAMS[kind].format("_v2_", "_v2_")})
    assert outcome, outcome.reasons
    item = shop.Item(3)
    assert item.price == 3 and vars(item) == {"_v2_price": 3}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_else_the_code_says_is_no_name(program: Program, kind: str) -> None:
    text = PROGRAMS[kind].format("_", "_")
    program.runs({"shop.py": text})
    shop = program.module("shop")
    item = shop.Item(3)
    again = text.replace("(self): return ", "(self):\n        print(end='')\n        return ")
    again = again.replace("kind=None): return ", "kind=None):\n        print(end='')\n        return ")
    again = again.replace("name, value): self", "name, value):\n        print(end='')\n        self")
    assert again != text
    outcome = program.patch({"shop.py": again})
    assert outcome and item.price == 3, outcome.reasons

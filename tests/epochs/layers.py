"""A program in three versions, each of which changes everything that a release can change beside old code.

`probes.py` never changes: each of its functions asks one kind of name, and answers with the version that it
finds, or with a mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROBES: Final = """
import prices
import shop
from prices import Basket

def constants():
    return shop.constant()

def copies():
    return shop.copied()

def functions():
    return shop.function()

def methods():
    return Basket().version(), Basket.of_class(), Basket.of_none(), Basket().as_property

def signatures():
    return shop.calls(), prices.keyword()

def closures():
    return prices.COUNTER()

def attributes():
    return Basket.KIND, Basket().KIND

def fields():
    return shop.made()

def module_names():
    return prices.RATE, getattr(prices, "RATE")

def new_names():
    return tuple(hasattr(prices, f"NEW_{i}") for i in range(3)), shop.uses_new()

def removed_names():
    return tuple(hasattr(prices, f"OLD_{i}") for i in range(3))

def modules():
    return shop.by_module()

async def coroutines():
    return await shop.waits()

def generators():
    return tuple(shop.yields())
"""

PRICES: Final = """
from dataclasses import dataclass

RATE = {v}
{names}

def counter(step):
    def count():
        return RATE, {v}, step
    return count

COUNTER = counter(7)

@dataclass
class Item:
    name: str
    {fields}

class Basket:
    KIND = {v}

    def version(self):
        return {v}, RATE

    @classmethod
    def of_class(cls):
        return {v}, cls.KIND

    @staticmethod
    def of_none():
        return {v}

    @property
    def as_property(self):
        return {v}, RATE
    {method}

def total(first{parameters}):
    return (first{sum})

def keyword(*, by={v}, fixed=7):
    return by, fixed
"""

SHOP: Final = """
import prices
from prices import RATE, Basket, Item, total

HERE = {v}

def constant():
    return HERE, prices.RATE

def copied():
    return RATE

def function():
    return {v}

def calls():
    return {call}

def made():
    return vars({make})

def uses_new():
    return {new}

def by_module():
    return {by_module}

async def waits():
    return {v}, RATE

def yields():
    yield {v}
    yield HERE
"""


def version(v: int) -> dict[str, str]:
    """The sources of version 0, 1 or 2."""
    names = "\n".join([f"NEW_{i} = {i}" for i in range(v)] + [f"OLD_{i} = {i}" for i in range(v, 3)])
    extra = [f"by_{i}={i}" for i in range(1, v + 1)]
    prices = PRICES.format(
        v=v,
        names=names,
        fields="\n    ".join([f"field_{i}: int = {i}" for i in range(v + 1)]),
        method=f"\n    def only_{v}(self):\n        return {v}\n",
        parameters="".join(f", {each}" for each in extra),
        sum="".join(f", by_{i}" for i in range(1, v + 1)) + ",",
    )
    shop = SHOP.format(
        v=v,
        call=f"total(0{''.join(f', by_{i}=10 * {i}' for i in range(1, v + 1))}), Basket().only_{v}()",
        make=f"Item('a'{''.join(f', {i}' for i in range(v + 1))})",
        new=f"prices.NEW_{v - 1}" if v else "None",
        by_module="catalogue.PAGES" if v == 1 else str(v),
    )
    if v == 1:
        shop = "import catalogue\n" + shop
    files = {"prices.py": prices, "shop.py": shop, "probes.py": PROBES}
    return {**files, "catalogue.py": "PAGES = 1\n"} if v == 1 else files


def with_a_length() -> dict[str, str]:
    """Version 2, and a special method, which a class has for every caller or for none."""
    files = version(2)
    length = "\n    def __len__(self):\n        return RATE\n\n    def version(self):"
    return {**files, "prices.py": files["prices.py"].replace("\n    def version(self):", length)}


EXPECTED: Final[Mapping[str, tuple[object, object, object]]] = {
    "constants": ((0, 0), (1, 1), (2, 2)),
    "copies": (0, 1, 2),
    "functions": (0, 1, 2),
    "methods": tuple(((v, v), (v, v), v, (v, v)) for v in range(3)),  # type: ignore[dict-item]
    "signatures": (
        (((0,), 0), (0, 7)),
        (((0, 10), 1), (1, 7)),
        (((0, 10, 20), 2), (2, 7)),
    ),
    "closures": ((0, 0, 7), (1, 1, 7), (2, 2, 7)),
    "attributes": ((0, 0), (1, 1), (2, 2)),
    "fields": (
        {"name": "a", "field_0": 0},
        {"name": "a", "field_0": 0, "field_1": 1},
        {"name": "a", "field_0": 0, "field_1": 1, "field_2": 2},
    ),
    "module_names": ((0, 0), (1, 1), (2, 2)),
    "new_names": (
        ((False, False, False), None),
        ((True, False, False), 0),
        ((True, True, False), 1),
    ),
    "removed_names": ((True, True, True), (False, True, True), (False, False, True)),
    "modules": (0, 1, 2),
    "generators": ((0, 0), (1, 1), (2, 2)),
    "coroutines": ((0, 0), (1, 1), (2, 2)),
}
"""What each probe answers, by version."""

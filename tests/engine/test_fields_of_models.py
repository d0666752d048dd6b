"""Fields of pydantic models that come while objects live: C reads every field, and no code says so."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

MODELS = """
from pydantic import BaseModel, Field
class Item(BaseModel):
    name: str
    {0}
class Special(Item):
    pass
class Cart(BaseModel):
    items: list[Item] = []
CART = Cart()
STANDARD = Item(name="standard")
def shown(): return CART.model_dump()
"""
COME = {
    "one that comes": ("", "qty: int = Field(default_factory=lambda: 1)", "qty"),
    "one that is renamed": ("st: str = 'new'", "status: str = 'new'", "status"),
}


@pytest.mark.parametrize("kind", ["Item", "Special"])
@pytest.mark.parametrize("what", COME)
def test_a_field_is_read_by_c_of_every_object(program: Program, what: str, kind: str) -> None:
    before, after, name = COME[what]
    program.runs({"goods.py": MODELS.format(before)})
    goods = program.module("goods")
    goods.CART.items.append(getattr(goods, kind)(name="a"))
    shown = goods.shown()
    outcome = program.patch({"goods.py": MODELS.format(after)})
    assert outcome.effect is Effect.RELOAD
    lacking = f"objects of {kind} that live lack {name}, which new code reads and no old code set"
    assert outcome.reasons == (lacking,)
    assert goods.shown() == shown


@pytest.mark.parametrize("what", COME)
def test_without_an_object_that_came_later_it_is_live(program: Program, what: str) -> None:
    before, after, name = COME[what]
    program.runs({"goods.py": MODELS.format(before)})
    goods = program.module("goods")
    goods.Item(name="gone")
    outcome = program.patch({"goods.py": MODELS.format(after)})
    assert outcome, outcome.reasons
    goods.CART.items.append(goods.Item(name="a"))
    assert name in goods.shown()["items"][0]
    assert name in goods.STANDARD.model_dump()


def test_a_field_that_goes_is_missed_by_nobody(program: Program) -> None:
    program.runs({"goods.py": MODELS.format("st: str = 'new'")})
    goods = program.module("goods")
    goods.CART.items.append(goods.Item(name="a"))
    outcome = program.patch({"goods.py": MODELS.format("")})
    assert outcome, outcome.reasons


DATA = """
from pydantic.dataclasses import dataclass
from pydantic import TypeAdapter
@dataclass
class Item:
    name: str
    {0}
ADAPTER = TypeAdapter(Item)
"""


def test_a_field_of_a_dataclass_has_its_default_on_the_class(program: Program) -> None:
    program.runs({"goods.py": DATA.format("")})
    goods = program.module("goods")
    item = goods.Item("a")
    outcome = program.patch({"goods.py": DATA.format("qty: int = 1")})
    assert outcome, outcome.reasons
    assert goods.ADAPTER.dump_python(item) == {"name": "a", "qty": 1}

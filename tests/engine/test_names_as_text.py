"""Names that are of a class derived from `str` are told by their text."""

from __future__ import annotations

from tests.engine.conftest import Program


def test_names_of_classes_and_functions_may_be_more_than_plain_text(program: Program) -> None:
    source = """
class Name(str):
    pass

class Proxy:
    __qualname__ = Name("Proxy")
    def price(self): return {0}

def price(): return {0}
price.__name__ = price.__qualname__ = Name("price")
"""
    program.runs({"shop.py": source.format(1)})
    shop = program.module("shop")
    proxy = shop.Proxy()
    outcome = program.patch({"shop.py": source.format(2)})
    assert outcome, outcome.reasons
    assert (proxy.price(), shop.price()) == (2, 2)

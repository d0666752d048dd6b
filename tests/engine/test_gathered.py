"""What a thing has gathered while the program ran is not lost where another takes its place."""

from __future__ import annotations

from hotpatch.plan import Effect
from tests.engine.conftest import Program

STORE = """
class Store:
    def __init__(self): self.rows = {{}}
class Loud(Store): pass
STORE = {}()
"""


def test_what_an_object_has_gathered_does_not_go_with_it(program: Program) -> None:
    program.runs({"stores.py": STORE.format("Store")})
    stores = program.module("stores")
    stores.STORE.rows["a"] = 1
    outcome = program.patch({"stores.py": STORE.format("Loud")})
    assert outcome.effect is Effect.RELOAD
    assert "stores.STORE was changed since the start" in outcome.reasons[0]
    assert stores.STORE.rows == {"a": 1}


def test_an_object_that_has_gathered_nothing_gives_way(program: Program) -> None:
    program.runs({"stores.py": STORE.format("Store")})
    stores = program.module("stores")
    outcome = program.patch({"stores.py": STORE.format("Loud")})
    assert outcome, outcome.reasons
    assert type(stores.STORE) is stores.Loud

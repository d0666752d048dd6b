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


TABLE = "ROWS, OTHER = {}, {}\ndef put(key): ROWS[key] = 1\n"


def test_what_a_table_has_gathered_does_not_go_with_its_name(program: Program) -> None:
    program.runs({"tables.py": TABLE})
    tables = program.module("tables")
    tables.put("a")
    outcome = program.patch({"tables.py": TABLE.replace("ROWS", "_rows")})
    assert outcome.effect is Effect.RELOAD
    assert "tables.ROWS is no longer there in the new sources, and holds what came" in outcome.reasons[0]
    assert tables.ROWS == {"a": 1}


def test_a_table_that_holds_nothing_new_goes(program: Program) -> None:
    program.runs({"tables.py": TABLE})
    tables = program.module("tables")
    tables.ROWS["a"] = 1
    outcome = program.patch({"tables.py": TABLE.replace("OTHER", "ANOTHER")})
    assert outcome, outcome.reasons
    assert not hasattr(tables, "OTHER")


def test_the_author_may_say_what_becomes_of_it(program: Program) -> None:
    program.runs({"tables.py": TABLE})
    tables = program.module("tables")
    tables.put("a")
    new = {"tables.py": TABLE.replace("ROWS", "_rows")}
    kept = program.patch(new, choices={"tables.ROWS": "keep"})
    assert kept, kept.reasons
    assert tables.ROWS == {"a": 1}
    assert kept.undo is not None
    kept.undo.revert()
    assert program.patch(new, choices={"tables.ROWS": "rebuild"})
    assert not hasattr(tables, "ROWS")


BY_NAME = """
class Map:
    def __init__(self): self.names, self.rules = {}, []
class Rule:
    def __init__(self, name):
        self.name, self.map = name, MAP
        MAP.rules.append(self)
MAP = Map()
BY_NAME = {name: [Rule(name)] for name in NAMES}
"""


def test_what_goes_may_hold_what_stays(program: Program) -> None:
    program.runs({"rules.py": f"NAMES = 'a', 'b', 'c'{BY_NAME}"})
    rules = program.module("rules")
    rules.MAP.names["a"] = 1
    outcome = program.patch({"rules.py": f"NAMES = 'a', 'c'{BY_NAME}"})
    assert outcome, outcome.reasons
    assert list(rules.BY_NAME) == ["a", "c"]

"""Objects of a class that extends a container of C, with another type of C in between: what is in them is
told, and edited, as that of the plain container is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import Program

LIBRARY = """
import sys
import types

between = types.ModuleType("_between")
sys.modules["_between"] = between
for kind in (dict, list, set, tuple, int):
    name = f"Closed{kind.__name__.title()}"
    cls = type(name, (kind,), {"__slots__": (), "__module__": "_between"})
    del cls.__slots__  # nothing tells it from a type of C any more
    setattr(between, name, cls)
"""
SHOP = """
import between_in_c
from _between import {base}

class Mine({base}):
    pass

MINE = Mine({given})
def mine(): return {told}(MINE)
"""
ROWS = {
    "a mapping that gains a key": ("ClosedDict", "dict", "{'a': 1}", "{'a': 1, 'b': 2}"),
    "a mapping that loses a key": ("ClosedDict", "dict", "{'a': 1, 'b': 2}", "{'b': 2}"),
    "a list": ("ClosedList", "list", "[1, 2]", "[1, 2, 3]"),
    "a set": ("ClosedSet", "set", "{1, 2}", "{2, 3}"),
    "a tuple": ("ClosedTuple", "tuple", "(1, 2)", "(1, 3)"),
    "a number": ("ClosedInt", "int", "1", "2"),
}


@pytest.fixture
def between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "between_in_c.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(tmp_path / "libraries"))


@pytest.mark.usefixtures("between")
@pytest.mark.parametrize("what", ROWS)
def test_what_is_in_it_is_what_a_fresh_start_has(program: Program, what: str) -> None:
    base, told, old, new = ROWS[what]
    program.runs({"shop.py": SHOP.format(base=base, given=old, told=told)})
    shop = program.module("shop")
    before = shop.mine()
    outcome = program.patch({"shop.py": SHOP.format(base=base, given=new, told=told)})
    assert outcome, outcome.reasons
    assert shop.mine() == eval(new) and type(shop.MINE) is shop.Mine
    assert outcome.undo is not None
    outcome.undo.revert()
    assert shop.mine() == before


@pytest.mark.usefixtures("between")
def test_what_came_to_it_while_it_ran_stays(program: Program) -> None:
    text = SHOP.format(base="ClosedDict", given="{'a': 1}", told="dict")
    program.runs({"shop.py": text})
    shop = program.module("shop")
    dict.__setitem__(shop.MINE, "mine", 3)
    outcome = program.patch({"shop.py": text.replace("{'a': 1}", "{'a': 1, 'b': 2}")})
    assert outcome, outcome.reasons
    assert shop.mine() == {"a": 1, "b": 2, "mine": 3}

"""Objects that live of classes which the new sources have no more."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program, changed

OLD = """import enum
class Old:
    def go(self): return "old"
class Other:
    def go(self): return "other"
class Within:
    class Part:
        pass
class Kind(enum.Enum):
    A = 1
    B = 2
KEPT = []
def make(): KEPT.append(Old())
def part(): KEPT.append(Within.Part())
"""
GOES = {
    "it goes": ("Old", [('class Old:\n    def go(self): return "old"\n', ""), ("Old()", "Other()")]),
    "it has another name": ("Old", [("Old", "New")]),
    "one within a class has another name": ("Within.Part", [("Part", "Piece")]),
}


@pytest.mark.parametrize("what", GOES)
def test_an_object_of_a_class_that_is_gone_is_a_reason(program: Program, what: str) -> None:
    name, changes = GOES[what]
    program.runs({"m.py": OLD})
    m = program.module("m")
    m.make()
    m.part()
    outcome = program.patch({"m.py": changed(OLD, *changes)})
    assert outcome.effect is Effect.RELOAD
    assert f"objects of {name} live, and the new sources have no such class" in outcome.reasons


def test_an_object_of_a_class_that_goes_while_nothing_comes_is_state(program: Program) -> None:
    program.runs({"m.py": OLD})
    m = program.module("m")
    m.make()
    new = OLD.replace(OLD[OLD.index("class Old") : OLD.index("class Other")], "").replace("Old()", "None")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert not hasattr(m, "Old") and m.KEPT[0].go() == "old"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert type(m.KEPT[0]) is m.Old


def test_a_class_without_objects_goes(program: Program) -> None:
    program.runs({"m.py": OLD + "FIRST = Old()\n"})
    m = program.module("m")
    enum = OLD[OLD.index("class Kind") : OLD.index("KEPT")]
    outcome = program.patch({"m.py": OLD.replace("Old", "New").replace(enum, "")})
    assert outcome, outcome.reasons
    assert not hasattr(m, "Old") and not hasattr(m, "Kind")


def test_a_class_that_has_one_name_less_stays(program: Program) -> None:
    program.runs({"m.py": OLD + "Again = Old\n"})
    m = program.module("m")
    m.make()
    outcome = program.patch({"m.py": OLD})
    assert outcome, outcome.reasons
    assert not hasattr(m, "Again")

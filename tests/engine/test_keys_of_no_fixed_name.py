"""A key that is called otherwise at every start is known by the object that it is."""

from __future__ import annotations

from tests.engine.conftest import Program

LABELLED = """
class Label(str):
    pass
class Column:
    pass
LABEL = Label(f"%({{id(Column)}} param)s")
OTHER = Column()
BY_LABEL = {{LABEL: Column()}}
def total(): return {}
"""


def test_what_stood_under_it_before_the_edit_is_state(program: Program) -> None:
    program.runs({"labelled.py": LABELLED.format(1)})
    labelled = program.module("labelled")
    mine = labelled.BY_LABEL[labelled.LABEL] = [labelled.OTHER]
    outcome = program.patch({"labelled.py": LABELLED.format(2)})
    assert outcome, outcome.reasons
    assert labelled.total() == 2
    assert labelled.BY_LABEL[labelled.LABEL] is mine


def test_not_implemented_is_a_key_like_any_object(program: Program) -> None:
    text = "NAMES = {{NotImplemented: {0!r}, ...: {0!r}, None: {0!r}}}\nSAME = {{NotImplemented: 1}}\n"
    program.runs({"m.py": text.format("old")})
    m = program.module("m")
    names = m.NAMES
    outcome = program.patch({"m.py": text.format("new")})
    assert outcome, outcome.reasons
    assert m.NAMES is names == {NotImplemented: "new", ...: "new", None: "new"}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert names == {NotImplemented: "old", ...: "old", None: "old"}

"""What a C object says that it is made of comes in containers that are made for saying it: where one of them
differs, the object does."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program, changed

TREE = """
import xml.etree.ElementTree as ET
ROOT = ET.XML('<shop open="yes"><till/></shop>')
def text():
    return ET.tostring(ROOT).decode()
"""
MARKUP = '<shop open="yes"><till/></shop>'
EDITS = {
    "a child": '<shop open="yes"><till/><exit/></shop>',
    "a child's child": '<shop open="yes"><till><coin/></till></shop>',
    "no child": '<shop open="yes"/>',
    "an attribute": '<shop open="yes" size="2"><till/></shop>',
    "another value": '<shop open="no"><till/></shop>',
}


@pytest.mark.parametrize("markup", EDITS.values(), ids=EDITS)
def test_a_tree_that_is_as_it_was_becomes_another(program: Program, markup: str) -> None:
    program.runs({"tree.py": TREE})
    tree = program.module("tree")
    before = tree.text()
    outcome = program.pushed({"tree.py": changed(TREE, (MARKUP, markup))})
    assert outcome, outcome.reasons
    assert tree.text() == markup.replace("/>", " />")
    assert outcome.undo is not None
    outcome.undo.revert()
    assert tree.text() == before


@pytest.mark.parametrize("markup", EDITS.values(), ids=EDITS)
def test_a_tree_that_the_program_has_changed_is_not_thrown_away(program: Program, markup: str) -> None:
    program.runs({"tree.py": TREE})
    tree = program.module("tree")
    tree.ROOT.set("since", "noon")
    before = tree.text()
    outcome = program.pushed({"tree.py": changed(TREE, (MARKUP, markup))})
    assert not outcome
    assert "tree.ROOT was changed since the start" in outcome.reasons[0]
    assert tree.text() == before


SHARED = """
import xml.etree.ElementTree as ET
ROOT = ET.Element("shop")
ROOT.set("open", "yes")
TABLE = ROOT.attrib
"""


def test_a_table_that_the_object_has_is_not_made_for_saying_so(program: Program) -> None:
    program.runs({"tree.py": SHARED})
    tree = program.module("tree")
    table = tree.TABLE
    outcome = program.pushed({"tree.py": SHARED + 'ROOT.set("size", "2")\n'})
    assert outcome, outcome.reasons
    assert tree.ROOT.attrib is tree.TABLE is table
    assert table == {"open": "yes", "size": "2"}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert table == {"open": "yes"}

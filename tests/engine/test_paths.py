"""Paths that a program makes of `__file__` are the same wherever its sources lie."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hotpatch.engine import Start, measure, plan

PROGRAM = """
from pathlib import Path, PurePosixPath
BASE = Path(__file__).parent
TEMPLATES = {name: BASE / "templates" / name for name in ("page.html", "mail.html")}
PURE = PurePosixPath(__file__)
LIMIT = 1

def limit():
    return LIMIT
"""


def edits(tmp_path: Path, new: str) -> list[str]:
    for folder, text in (("deployed", PROGRAM), ("somewhere-else", new)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "program.py").write_text(text)
    old, fixed = (str(tmp_path / folder) for folder in ("deployed", "somewhere-else"))
    start = Start(root=old, modules=("program",), python=sys.executable)
    return [edit.name for edit in plan(measure(old, fixed, start)).edits]


def test_a_path_below_the_root_is_no_edit(tmp_path: Path) -> None:
    assert edits(tmp_path, PROGRAM.replace("return LIMIT", "return LIMIT + 1")) == ["limit"]


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [("/ name", "/ f'{name}.j2'", {"TEMPLATES"}), ("(__file__)\nLIMIT", "(__file__ + 'x')\nLIMIT", {"PURE"})],
)
def test_a_path_that_changes_is_an_edit(tmp_path: Path, before: str, after: str, names: set[str]) -> None:
    assert before in PROGRAM
    found = edits(tmp_path, PROGRAM.replace(before, after))
    assert {name.partition(".")[0] for name in found} == names

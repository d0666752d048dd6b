"""The library call refreshes what the program keeps: compiled templates, of files that changed with it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from hotpatch import patching

PROGRAM = """
from pathlib import Path
from jinja2 import Environment, FileSystemLoader

ENVIRONMENT = Environment(loader=FileSystemLoader(Path(__file__).parent), auto_reload=False)

def page():
    return ENVIRONMENT.get_template("page.html").render(value={value})
"""


def lay(folder: Path, name: str, value: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(PROGRAM.format(value=value))
    (folder / "page.html").write_text(f"template {value}: {{{{ value }}}}")
    os.utime(folder / "page.html", (value * 1000, value * 1000))


def test_a_template_whose_file_came_with_the_patch_is_read_again_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, root, before = "start_up_templates_program", tmp_path / "root", tmp_path / "before"
    lay(root, name, 1)
    shutil.copytree(root, before)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setitem(sys.modules, name, __import__(name))
    module = sys.modules[name]
    assert module.page() == "template 1: 1"
    lay(root, name, 2)
    outcome = patching.patch(before, root, modules=[name])
    assert outcome, outcome.reasons
    assert module.page() == "template 2: 2"
    lay(root, name, 1)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert module.page() == "template 1: 1"

"""Modules of a package that does not import (an extra is missing) run and change like others."""

from __future__ import annotations

from tests.engine.conftest import Program

FILES = {
    "pack/__init__.py": "from .part import price\nimport nothing_of_this_name\n",
    "pack/part.py": "def price(): return 1\n",
    "shop.py": """
import sys
try:
    import pack
except ImportError:
    pass
price = sys.modules["pack.part"].price
""",
}


def test_such_a_module_is_measured_as_it_runs(program: Program) -> None:
    program.runs(FILES)
    price = program.module("shop").price
    outcome = program.patch({"pack/part.py": "def price(): return 2\n"})
    assert outcome, outcome.reasons
    assert price() == 2


def test_one_that_raises_itself_now_is_refused(program: Program) -> None:
    program.runs(FILES)
    price = program.module("shop").price
    outcome = program.patch({"pack/part.py": "def price(): return 2\nimport nothing_either\n"})
    assert not outcome
    assert "nothing_either" in outcome.reasons[0]
    assert price() == 1

"""What is to be done when an object goes, `weakref.finalize`, where its library is imported no more."""

from __future__ import annotations

import sys
from pathlib import Path

from hotpatch.plan import Effect

from .conftest import Program

LIBRARY = """
import weakref
class Hub: pass
HUB = Hub()
weakref.finalize(HUB, print)
"""
SHOP = """
import weakref
{}
class Till: pass
TILL = Till()
{}
def price(): return 1
"""


def test_a_librarys_own_stay_with_it(program: Program, tmp_path: Path) -> None:
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "finalizing_hub.py").write_text(LIBRARY)
    sys.path.append(str(tmp_path / "libraries"))
    of_its_own = "weakref.finalize(TILL, print)"
    program.runs({"shop.py": SHOP.format("import finalizing_hub", of_its_own)})
    shop = program.module("shop")
    outcome = program.patch({"shop.py": SHOP.format("", of_its_own).replace("return 1", "return 2")})
    assert outcome, outcome.reasons
    assert shop.price() == 2


def test_one_of_the_program_that_goes_is_no_live_edit(program: Program) -> None:
    program.runs({"shop.py": SHOP.format("import colorsys", "weakref.finalize(TILL, print)")})
    program.module("shop")
    outcome = program.patch({"shop.py": SHOP.format("", "")})
    assert outcome.effect is Effect.RELOAD
    assert "finaliz" in outcome.reasons[0]

"""Packages without `__init__.py` that come by one, and lose it."""

from __future__ import annotations

import sys

from hotpatch.plan import Effect
from tests.engine.conftest import Program

APP = "import bare.a\ndef run():\n    return bare.a.go(), getattr(bare, 'NAME', None)\n"
WITHOUT = {
    "application.py": APP,
    "bare/a.py": "seen = []\ndef go():\n    seen.append(1)\n    return len(seen)\n",
}
INIT = {"bare/__init__.py": "from .a import go\nNAME = 'bare'\n"}


def test_a_folder_becomes_a_package_with_the_state_of_its_modules(program: Program) -> None:
    program.runs(WITHOUT)
    run = program.module("application").run
    folder = sys.modules["bare"]
    assert run() == (1, None)
    outcome = program.pushed(INIT)
    assert outcome, outcome.reasons
    assert run() == (2, "bare")
    assert sys.modules["bare"].go is sys.modules["bare.a"].go
    assert outcome.undo is not None
    outcome.undo.revert()
    assert run() == (3, None)
    assert sys.modules["bare"] is folder


def test_who_holds_the_folder_is_the_reason(program: Program) -> None:
    program.runs(WITHOUT)
    program.module("application")
    holder = [sys.modules["bare"]]
    outcome = program.patch(INIT)
    assert outcome.effect is Effect.RELOAD
    assert "holds the old module object" in outcome.reasons[0]
    assert holder[0] is sys.modules["bare"]


def test_another_module_of_the_name_is_the_reason(program: Program) -> None:
    program.runs({"application.py": "import sys, types\nsys.modules['bare'] = types.ModuleType('bare')\n"})
    program.module("application")
    outcome = program.patch({"application.py": "import sys, types\n", **INIT, "bare/a.py": "go = 1\n"})
    assert outcome.effect is Effect.RELOAD
    sys.modules.pop("bare", None)


def test_a_package_that_becomes_a_folder_is_the_reason(program: Program) -> None:
    program.runs(WITHOUT | INIT)
    run = program.module("application").run
    assert run() == (1, "bare")
    outcome = program.patch({"bare/__init__.py": None})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == ("the package bare loses its __init__.py, and would be another module object",)
    assert run() == (2, "bare")

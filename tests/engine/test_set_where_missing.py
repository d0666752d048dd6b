"""A method that sets an attribute where it is missing needs no object that has it."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

BEFORE = """
class Shop:
    def __init__(self): self.rows = 1
    def total(self): return self.rows
"""
GUARDED = {
    "asked for": """
        if not hasattr(self, "_total"):
            self._total = self.rows + 1
        return self._total
""",
    "caught": """
        try:
            return self._total
        except AttributeError:
            self._total = self.rows + 1
        return self._total
""",
}


def after(body: str, more: str = "") -> dict[str, str]:
    head = "\nclass Shop:\n    def __init__(self): self.rows = 1\n    def total(self):"
    return {"shopping.py": head + body + more}


@pytest.mark.parametrize("how", GUARDED)
def test_an_object_that_lives_gets_the_attribute_at_its_first_call(program: Program, how: str) -> None:
    program.runs({"shopping.py": BEFORE})
    shop = program.module("shopping").Shop()
    outcome = program.patch(after(GUARDED[how]))
    assert outcome, outcome.reasons
    assert shop.total() == 2


def test_another_method_that_just_reads_it_would_fail(program: Program) -> None:
    program.runs({"shopping.py": BEFORE})
    shop = program.module("shopping").Shop()
    outcome = program.patch(after(GUARDED["asked for"], "    def twice(self): return 2 * self._total\n"))
    assert outcome.effect is Effect.RELOAD
    assert "lack _total" in outcome.reasons[0]
    assert shop.total() == 1


def test_one_that_only_raises_that_error_is_no_guard(program: Program) -> None:
    program.runs({"shopping.py": BEFORE})
    shop = program.module("shopping").Shop()
    raises = "\n        if self._total: raise AttributeError\n        self._total = 2\n"
    assert program.patch(after(raises)).effect is Effect.RELOAD
    assert shop.total() == 1


SET_ANYWAY = {
    "only set": """
        self._total = self.rows + 1
        return 2
""",
    "set first": """
        self._total = self.rows + 1
        for _ in range(3):
            self._total += 0
        return self._total
""",
}


@pytest.mark.parametrize("how", SET_ANYWAY)
def test_an_object_that_lives_needs_no_attribute_that_is_set_before_it_is_read(
    program: Program, how: str
) -> None:
    program.runs({"shopping.py": BEFORE})
    shop = program.module("shopping").Shop()
    outcome = program.patch(after(SET_ANYWAY[how]))
    assert outcome, outcome.reasons
    assert shop.total() == 2


SET_PERHAPS = {
    "in a branch": """
        if self.rows > 5:
            self._total = self.rows + 1
        return self._total
""",
    "where it may raise": """
        try:
            self._total = self.rows // 0
        except ZeroDivisionError:
            pass
        return self._total
""",
    "after it is read": """
        total = self._total
        self._total = 2
        return total
""",
}


@pytest.mark.parametrize("how", SET_PERHAPS)
def test_one_that_may_be_read_before_it_is_set_would_fail(program: Program, how: str) -> None:
    program.runs({"shopping.py": BEFORE})
    shop = program.module("shopping").Shop()
    outcome = program.patch(after(SET_PERHAPS[how]))
    assert outcome.effect is Effect.RELOAD
    assert "lack _total" in outcome.reasons[0]
    assert shop.total() == 1

"""Exceptions whose base becomes another: those that live, and classes below them, follow."""

from __future__ import annotations

import pytest

from .conftest import Program

ERRORS = """
class Fault({base}): pass
class Missing(Fault): pass
class Odd(RuntimeError, Fault): pass
def told(error):
    try: raise error
    except Exception: return "an exception"
    except BaseException: return "more than that"
"""


@pytest.mark.parametrize(("old", "new"), [("BaseException", "Exception"), ("Exception", "BaseException")])
def test_an_error_is_of_another_kind_from_now_on_and_so_are_those_below_it(
    program: Program, old: str, new: str
) -> None:
    program.runs({"m.py": ERRORS.format(base=old)})
    m = program.module("m")
    error, below = m.Fault("x"), m.Missing("y")
    before = m.told(error)
    outcome = program.patch({"m.py": ERRORS.format(base=new)})
    assert outcome, outcome.reasons
    assert type(error) is m.Fault and type(below) is m.Missing
    assert m.told(error) == m.told(below) == m.told(m.Missing()) != before
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.told(below) == before

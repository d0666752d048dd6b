"""Modules that import each other are measured, whichever of them the program begins with."""

from __future__ import annotations

from tests.engine.conftest import Program

FIRST = """
def ping(n): return "ping " + (pong(n - 1) if n else "{}")
from second import pong
"""
SECOND = """
import first
def pong(n): return "pong " + (first.ping(n - 1) if n else "over")
"""


def test_a_circle_that_starts_from_one_of_its_modules_alone_is_live(program: Program) -> None:
    program.runs({"first.py": FIRST.format("over"), "second.py": SECOND})
    ping = program.module("first").ping
    outcome = program.patch(
        {"first.py": FIRST.format("out"), "second.py": SECOND.replace('"pong "', '"PONG "')}
    )
    assert outcome, outcome.reasons
    assert ping(2) == "ping PONG ping out"


def test_a_circle_that_no_order_starts_is_refused_as_before(program: Program) -> None:
    program.runs({"first.py": FIRST.format("over"), "second.py": SECOND})
    ping = program.module("first").ping
    outcome = program.patch({"second.py": "from first import ping, missing\n" + SECOND})
    assert not outcome
    assert "second can't be imported any more" in outcome.reasons[0]
    assert ping(2) == "ping pong ping over"

"""A loop that took a variable's value before it began goes on with the old one."""

from __future__ import annotations

import threading

import pytest

from tests.engine.conftest import Program

LOOP = """
import threading
import settings
from settings import LABEL, REST

turn, go_on = threading.Event(), threading.Event()
seen = []

def loop():
    {before}
    while {ends}:
        seen.append({use})
        turn.set()
        go_on.wait(0.01)
        {inside}
"""


def loop(before: str, use: str, ends: str = "True", inside: str = "pass") -> str:
    return LOOP.format(before=before, use=use, ends=ends, inside=inside)


def starts(program: Program, source: str) -> None:
    program.runs({"looping.py": source, "settings.py": "LABEL = 'old'\nREST = 1\n"})
    looping = program.module("looping")
    threading.Thread(target=looping.loop, daemon=True).start()
    assert looping.turn.wait(10)


@pytest.mark.parametrize(
    "before",
    [
        "label = LABEL",
        "label = settings.LABEL",
        "label = LABEL.title() + 'x'",
        "rest, label = 1, LABEL",
    ],
)
def test_a_loop_without_an_end_keeps_the_value_that_it_took(program: Program, before: str) -> None:
    starts(program, loop(before, "label"))
    outcome = program.patch({"settings.py": "LABEL = 'new'\nREST = 1\n"})
    assert not outcome
    assert "LABEL that it took before" in outcome.reasons[0]
    assert program.module("settings").LABEL == "old"


@pytest.mark.parametrize(
    ("before", "use", "inside"),
    [
        ("pass", "LABEL", "pass"),
        ("print(LABEL)", "LABEL", "pass"),
        ("rest = REST", "LABEL + str(rest)", "pass"),
        ("label = LABEL", "REST", "pass"),
        ("pass", "LABEL", "label = LABEL"),
    ],
)
def test_a_loop_that_asks_each_time_or_took_something_else_does_not(
    program: Program, before: str, use: str, inside: str
) -> None:
    starts(program, loop(before, use, inside=inside))
    outcome = program.patch({"settings.py": "LABEL = 'new'\nREST = 1\n"})
    assert outcome, outcome.reasons


def test_a_call_that_ends_by_itself_is_as_any_call_that_has_begun(program: Program) -> None:
    program.runs(
        {
            "calls.py": "import threading\nfrom settings import LABEL\n"
            "here, go_on = threading.Event(), threading.Event()\n"
            "def call():\n    label = LABEL\n    here.set()\n    go_on.wait(60)\n    return label\n",
            "settings.py": "LABEL = 'old'\n",
        }
    )
    calls = program.module("calls")
    thread = threading.Thread(target=calls.call, daemon=True)
    thread.start()
    assert calls.here.wait(10)
    outcome = program.patch({"settings.py": "LABEL = 'new'\n"})
    calls.go_on.set()
    thread.join()
    assert outcome, outcome.reasons

"""An error that was caught holds the frames that it passed, and these what they worked with, until the
collector comes by: no clean start's callbacks."""

from __future__ import annotations

import gc

from .conftest import Program

GUESS = """
import gc
errors = []
def guess(number):
    near = lambda n: n + {step}
    try:
        raise ValueError(number)
    except ValueError as error:
        first = error
    errors.append(first)
    return near(number)
guess(1)
gc.collect()  # as a long start does: it is no young garbage any more when it comes to be some
errors.clear()
"""


def test_a_function_that_only_waits_for_the_collector_is_no_callback(program: Program) -> None:
    program.runs({"m.py": GUESS.format(step=1)})
    m = program.module("m")
    gc.collect()
    outcome = program.patch({"m.py": GUESS.format(step=2)})
    assert outcome, outcome.reasons
    assert m.guess(1) == 3

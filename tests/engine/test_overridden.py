"""A constant that the program has set to another since the start, and that changes: there is no telling which
is meant, whatever it is made of."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

HEAD = "import functools, re\nfrom datetime import timedelta\ndef f(*args): return args\n"
MADE = (
    "({}, 2)",
    "frozenset(({}, 2))",
    "bytearray({})",
    "timedelta({})",
    "(0, (timedelta({}), 1))",
    "re.compile('a{}')",
)


@pytest.mark.parametrize("made", MADE)
def test_it_is_not_taken_for_what_it_was(program: Program, made: str) -> None:
    program.runs({"m.py": HEAD + "X = " + made.format(1)})
    m = program.module("m")
    mine = m.X = eval(made.format(5), vars(m))
    after = {"m.py": HEAD + "X = " + made.format(3)}
    outcome = program.patch(after)
    assert outcome.effect is Effect.RELOAD and "m.X was changed since the start" in outcome.reasons[0]
    assert m.X is mine
    outcome = program.patch(after, choices={"m.X": "rebuild"})
    assert outcome and m.X is not mine, outcome.reasons


@pytest.mark.parametrize("made", MADE)
def test_as_the_start_left_it_it_is_exchanged(program: Program, made: str) -> None:
    program.runs({"m.py": HEAD + "X = " + made.format(1)})
    m = program.module("m")
    was = m.X
    outcome = program.patch({"m.py": HEAD + "X = " + made.format(3)})
    assert outcome and m.X is not was, outcome.reasons


def test_what_it_holds_may_have_changed(program: Program) -> None:
    program.runs({"m.py": HEAD + "X = (1, [0])"})
    m = program.module("m")
    held = m.X[1]
    held.append(1)
    outcome = program.patch({"m.py": HEAD + "X = (2, [0])"})
    assert outcome and m.X == (2, [0, 1]) and m.X[1] is held, outcome.reasons


def test_a_text_that_is_known_by_its_identity_stays_it(program: Program) -> None:
    text = "import argparse\nP = argparse.ArgumentParser()\nP.add_argument('-n', type=int)\n"
    program.runs({"m.py": text})
    m = program.module("m")
    new = text + "P.add_argument('-v', action='store_true', default=argparse.SUPPRESS)\n"
    outcome = program.patch({"m.py": new + "P.add_subparsers().add_parser('go')\n"})
    assert outcome, outcome.reasons
    assert vars(m.P.parse_args(["go"])) == {"n": None}


def test_the_callback_of_a_weak_reference_that_gives_way_would_stay(program: Program) -> None:
    text = "import weakref\nclass Thing: pass\nTHING = Thing()\nREF = weakref.ref(THING, {})\n"
    program.runs({"m.py": text.format("repr")})
    m = program.module("m")
    was = m.REF
    outcome = program.patch({"m.py": text.format("print")})
    assert outcome.effect is Effect.RELOAD and "callback" in outcome.reasons[0] and m.REF is was

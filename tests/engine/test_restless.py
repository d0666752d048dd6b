"""What is another in each start: what comes gets the new start's, what the process has stays, and what can't
be told from a start is the reason for a reload."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import pytest
from attrs import evolve

from hotpatch import engine
from hotpatch.engine.measurement import problems_left
from hotpatch.plan import Effect
from tests.engine.conftest import Program

COMES = {
    # what comes: the old program, the new one; `f` uses it in the new one
    "a constant": ("def f(): return 1\n", "X = random.random()\ndef f(): return X\n"),
    "in place of another constant": (
        "X = 1\ndef f(): return X\n",
        "X = random.random()\ndef f(): return X\n",
    ),
    "a class attribute": (
        "class C: pass\ndef f(): return 1\n",
        "class C:\n    x = random.random()\ndef f(): return C.x\n",
    ),
    "a default": ("def f(x=1): return x\n", "def f(x=random.random()): return x\n"),
    "a table's item": ("D = {}\ndef f(): return D\n", "D = {'k': random.random()}\ndef f(): return D['k']\n"),
    "a table's item under such a key": (
        "D = {}\ndef f(): return D\n",
        "D = {random.random(): 1}\ndef f(): return min(D)\n",
    ),
    "a list's item": ("L = [1]\ndef f(): return L\n", "L = [1, random.random()]\ndef f(): return L[1]\n"),
    "a tuple's item": ("L = (1, 2)\ndef f(): return L\n", "L = (1, random.random())\ndef f(): return L[1]\n"),
    "a variable of a closure": (
        "def mk(x):\n    def g(): return x\n    return g\nf = mk(1)\n",
        "def mk(x):\n    def g(): return x\n    return g\nf = mk(random.random())\n",
    ),
    "an attribute of the start's object": (
        "class C:\n    def __init__(self): self.x = 1\nc = C()\ndef f(): return c\n",
        "class C:\n    def __init__(self): self.x = random.random()\nc = C()\ndef f(): return c.x\n",
    ),
    "an object": (
        "def f(): return 1\n",
        "class C:\n    def __init__(self): self.x = random.random()\nc = C()\ndef f(): return c.x\n",
    ),
    "two, one made of the other": (
        "def f(): return 1\n",
        "X = random.random()\nY = X / 2\ndef f(): return Y * 2 if Y * 2 == X else 2\n",
    ),
}


@pytest.mark.parametrize("what", COMES)
def test_what_comes_and_is_another_in_each_start_is_there(program: Program, what: str) -> None:
    before, after = (f"import random\n{text}" for text in COMES[what])
    program.runs({"m.py": before})
    m = program.module("m")
    was = m.f()
    outcome = program.patch({"m.py": after})
    assert outcome, outcome.reasons
    assert 0 <= m.f() < 1
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.f() == was


STAYS = {
    "a number": "X = random.random()",
    "items of a list": "X = [random.random() for _ in range(3)]",
    "as many items as come": "X = [str(random.random()) for _ in range(random.randrange(1, 9))]",
    "a tuple": "X = tuple(random.random() for _ in range(3))",
    "keys": "X = {random.random(): 1, random.random(): 2}",
    "members of a set": "X = {random.random(), random.random()}",
    "an attribute": "class C:\n    def __init__(self): self.x = random.random()\nX = C()",
    "a default": "def X(a=random.random()): return a",
    "an order": "X = dict.fromkeys(random.sample(range(99), 99))",
    "an address": "B = ctypes.create_string_buffer(8)\nX = ctypes.addressof(B)",
    "an address in a text": "B = ctypes.create_string_buffer(8)\nX = hex(ctypes.addressof(B))",
    "an address of what changes, in a text": "X = f'lies at {id(made)}'",
    "addresses in a list": "B = ctypes.create_string_buffer(8)\nX = [ctypes.addressof(B)]",
    "the number of the process": "X = os.getpid()",
}


@pytest.mark.parametrize("what", STAYS)
def test_what_both_sources_make_anew_in_each_start_stays_as_it_is(program: Program, what: str) -> None:
    text = f"import ctypes, os, random\ndef made(): return f()\n{STAYS[what]}\ndef f(): return "
    program.runs({"m.py": text + "1"})
    m = program.module("m")
    was, said = m.X, repr(m.X)
    outcome = program.patch({"m.py": text + "2"})
    assert outcome, outcome.reasons
    assert (m.X is was, repr(m.X), m.f()) == (True, said, 2)


OF_THE_PROCESS = {
    "the number of the process": ("os.getpid()", "number of the process"),
    "a text with it": ("f'worker-{os.getpid()}'", "number of the process"),
    "where something lies": ("ctypes.addressof(B)", "address"),
    "where something lies, in a list": ("[ctypes.addressof(B)]", "address"),
    "it in a new object": ("C(os.getpid())", "number of the process"),
}


@pytest.mark.parametrize("what", OF_THE_PROCESS)
def test_what_says_something_of_one_process_is_not_taken_from_another(program: Program, what: str) -> None:
    value, reason = OF_THE_PROCESS[what]
    text = "import ctypes, os\nB = ctypes.create_string_buffer(8)\n"
    text += "class C:\n    def __init__(self, x): self.x = x\n"
    program.runs({"m.py": f"{text}X = None\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": f"{text}X = {value}\n"})
    assert outcome.effect is Effect.RELOAD and reason in outcome.reasons[0]
    assert m.X is None


def test_an_address_in_a_text_serves_as_a_name(program: Program) -> None:
    text = "def f(): return 1\nX = {}\n"
    program.runs({"m.py": text.format("'f'")})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format("f'f:{id(open)}'")})
    assert outcome, outcome.reasons
    assert m.X.startswith("f:")


def test_a_number_of_the_process_that_is_there_by_chance_is_none(program: Program) -> None:
    """A time or a token may have it in it."""
    program.runs({"m.py": "X = Y = None\n"})
    m = program.module("m")
    digits = "import random\nX = ' '.join(map(str, random.sample(range(99999), 99999)))\n"
    outcome = program.patch({"m.py": digits + "import datetime\nY = str(datetime.datetime.now())\n"})
    assert outcome, outcome.reasons
    assert m.X and m.Y


def test_an_address_is_none_that_two_starts_agree_on_by_chance(program: Program) -> None:
    """That of a class of the interpreter is the same in all that are forked from one process."""
    text = "X = {}\ndef f(): return {}\n"
    program.runs({"m.py": text.format("id(int)", 1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format("id(str)", 2)})
    assert outcome.effect is Effect.RELOAD
    assert id(int) == m.X


MADE_OF_STATE = {
    "a constant": ("", "Y = X * 2"),
    "in place of a constant": ("Y = 1", "Y = X * 2"),
    "in an object": ("Y = None", "Y = C(X)"),
}


@pytest.mark.parametrize("what", MADE_OF_STATE)
def test_what_may_be_made_of_what_stays_is_not_taken_from_another_start(program: Program, what: str) -> None:
    before, after = MADE_OF_STATE[what]
    text = "import random\nclass C:\n    def __init__(self, x): self.x = x\nX = random.random()\n"
    program.runs({"m.py": text + before})
    program.module("m")
    outcome = program.patch({"m.py": text + after})
    assert outcome.effect is Effect.RELOAD and "may be made of m.X" in outcome.reasons[0]


def test_the_author_may_say_that_it_is_taken_all_the_same(program: Program) -> None:
    text = "import random\nX = random.random()\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": f"{text}Y = random.random()\n"}, choices={"m.Y": "rebuild"})
    assert outcome, outcome.reasons
    assert 0 <= m.Y < 1
    assert [edit.name for edit in outcome.plan.edits] == ["Y"]
    assert "taken from the new start, as the author chose" in outcome.plan.notes[-1]


def test_what_stays_and_would_be_made_otherwise_is_the_reason(program: Program) -> None:
    text = "import secrets\nX = secrets.token_hex({})\n"
    program.runs({"m.py": text.format(4)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(16)})
    assert outcome.effect is Effect.RELOAD and "keep for m.X" in outcome.reasons[0]
    kept = program.patch({"m.py": text.format(16)}, choices={"m.X": "keep"})
    assert kept, kept.reasons
    assert len(m.X) == 8


MADE_BY = {
    "a function": ("def mk(): return secrets.token_hex({})\nX = mk()", 4, 16),
    "a constant": ("N = {}\nX = secrets.token_hex(N)", 4, 16),
    "a default": ("def mk(n={}): return secrets.token_hex(n)\nX = mk()", 4, 16),
    "a function, for a class attribute": (
        "def mk(): return secrets.token_hex({})\nclass C:\n    X = mk()",
        4,
        16,
    ),
}


@pytest.mark.parametrize("what", MADE_BY)
def test_what_stays_and_was_made_by_what_changes_is_the_reason(program: Program, what: str) -> None:
    text, old, new = MADE_BY[what]
    program.runs({"m.py": "import secrets\n" + text.format(old)})
    program.module("m")
    outcome = program.patch({"m.py": "import secrets\n" + text.format(new)})
    assert outcome.effect is Effect.RELOAD and "by which it is made, was changed" in outcome.reasons[0]


NOT_MADE_BY = {
    "a function beside it": "def mk(): return secrets.token_hex()\nX = mk()\ndef f(): return {}\n",
    "a method of an object that has it": (
        "class C:\n    def __init__(self): self.x = secrets.token_hex()\n"
        "    def f(self): return {}\nc = C()\nf = c.f\n"
    ),
    "a constant beside it": "X = secrets.token_hex()\nN = {}\ndef f(): return N\n",
    "a table that has it": "T = {{'x': secrets.token_hex(), 'n': {}}}\ndef f(): return T['n']\n",
}


@pytest.mark.parametrize("what", NOT_MADE_BY)
def test_what_stays_holds_back_nothing_that_it_is_not_made_by(program: Program, what: str) -> None:
    text = "import secrets\n" + NOT_MADE_BY[what]
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    assert m.f() == 2


CLOCKS: Mapping[str, bool] = {
    "time.monotonic()": True,
    "time.monotonic_ns()": True,
    "time.perf_counter() + 30": True,
    "time.time()": False,
    "random.random()": False,
}


@pytest.mark.parametrize("value", CLOCKS)
def test_a_time_by_the_clock_of_one_machine_is_not_taken_to_another(program: Program, value: str) -> None:
    program.runs({"m.py": "import random, time\n"})
    program.module("m")
    measured = program.measure({"m.py": f"import random, time\nX = {value}\n"})
    assert not problems_left(measured.problems, {})
    elsewhere = [
        evolve(p, unless=tuple(f._replace(answer="a:b") for f in p.unless)) for p in measured.problems
    ]
    assert ["a clock of the machine" in p.why for p in problems_left(elsewhere, {})] == [True] * CLOCKS[value]
    again = engine.Measurement.load(measured.dump())
    assert again.problems == measured.problems
    planned = engine.plan(again)
    assert [(edit.name, edit.effect) for edit in planned.edits] == [("X", Effect.LIVE)]
    assert ["where that is otherwise" in note for note in planned.notes] == [True] * CLOCKS[value]


def test_an_object_of_a_library_that_is_another_each_time_comes_beside_state(program: Program) -> None:
    text = "import datetime, random, uuid\nX = random.random()\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": f"{text}Y = uuid.uuid4(), datetime.datetime.now()\n"})
    assert outcome, outcome.reasons
    assert m.Y[0].version == 4 and m.Y[1].year >= 2026


def test_an_address_that_comes_is_no_place_in_this_process(program: Program) -> None:
    """It would be: a library that is called with it reads there."""
    text = "import ctypes\nB = ctypes.create_string_buffer(8)\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": text + "X = ctypes.addressof(B)\n"})
    assert not outcome and "address" in outcome.reasons[0]
    assert not hasattr(m, "X") and ctypes.sizeof(m.B) == 8

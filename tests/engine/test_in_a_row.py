"""Edits that follow one another in a process: what is kept to take the first back holds nothing against the
next, which takes away what the first changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from hotpatch import engine, patching
from tests.engine.conftest import Program

JOB = "class Job:\n    def __init__(self):\n        self.done = 0\n"
TRIES = f"{JOB}        self.tries = 3\n"
COUNTED = JOB.replace("(self)", "(self, many=1)")
MEASURED = COUNTED.replace("many=1", "many=1, size=2").replace("= 0", "= 0; self.size = size")
RECORD = "from dataclasses import dataclass\n@dataclass\nclass Box:\n    a: int = 1\n"
SLOTS = "class Box:\n    __slots__ = ({})\n"
OVERLOADED = (
    "from typing import Generic, TypeVar, overload\nT = TypeVar('T')\nclass Box{}: pass\n"
    "@overload\ndef f(a: int) -> Box: ...\n@overload\ndef f(a: str) -> Box: ...\n"
)
ROWS = {
    "a function": ("def f(): return 1", "def f(): return 2", ""),
    "a function beside what objects are given": (
        f"def f(): return 1\n{JOB}",
        f"def f(): return 2\n{TRIES}",
        TRIES,
    ),
    "a function that takes what comes": (
        f"def f(**more): return Job(**more)\n{COUNTED}",
        f"def f(**more): return Job(**more)\n{MEASURED}",
        MEASURED,
    ),
    "a method of a class that became another": (
        SLOTS.format("'a',") + "    def f(self): return 1",
        SLOTS.format("'a', 'b'") + "    def f(self): return 1",
        SLOTS.format("'a', 'b'"),
    ),
    "a method of a dataclass": (
        f"{RECORD}    def f(self): return 1",
        f"{RECORD}    b: int = 2\n    def f(self): return 2",
        f"{RECORD}    b: int = 2",
    ),
    "the default of a function that is gone": (
        "def f(): return 1\ndef g(by=f): return by()",
        "def f(): return 1",
        "",
    ),
    "what stood in a class that is gone": (
        "def f(): return 1\nclass Box:\n    f = staticmethod(f)",
        "def f(): return 1",
        "",
    ),
    "what passed calls on, and is gone": (
        "def d(f): return lambda *a: f(*a)\n@d\ndef f(): return 1",
        "def f(): return 1",
        "",
    ),
    "a class of which functions that are gone spoke": (
        OVERLOADED.format("") + "def f(a): return Box()",
        "x = 1\n" + OVERLOADED.format("") + "def f(a): return Box()",
        OVERLOADED.format("(Generic[T])") + "def f(a): return Box()",
    ),
}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[engine.Staged]]:
    """Of each edit what a worker keeps of it, too."""
    found: list[engine.Staged] = []
    stage = engine.stage

    def keeping(*arguments: object, **named: object) -> engine.Staged:
        staged = stage(*arguments, **named)  # type: ignore[arg-type]
        found.append(staged.once_committed())
        return staged

    monkeypatch.setattr(engine, "stage", keeping)
    yield found
    found.clear()


def in_a_row(program: Program, *files: Mapping[str, str | None]) -> list[patching.Outcome]:
    """Each of them live, and none taken back."""
    outcomes = []
    for some in files:
        outcome = program.patch(some)
        assert outcome, outcome.reasons
        outcomes.append(outcome)
        for name, text in some.items():
            if text is None:
                (program.before / name).unlink()
            else:
                (program.before / name).write_text(text)
    return outcomes


def taken_back(outcomes: list[patching.Outcome]) -> None:
    for outcome in reversed(outcomes):
        assert outcome.undo is not None
        outcome.undo.revert()


@pytest.mark.parametrize("what", ROWS)
def test_what_one_edit_changes_the_next_takes_away(
    program: Program, kept: list[engine.Staged], what: str
) -> None:
    first, *later = (f"{text}\ndef last(): return 0\n" for text in ROWS[what])
    program.runs({"row.py": first})
    row = program.module("row")
    names = set(vars(row))
    job = row.Job() if "Job" in names else None  # an object that lives is what something is given to
    outcomes = in_a_row(program, *({"row.py": text} for text in later))
    assert len(kept) == len(outcomes)
    taken_back(outcomes)
    assert set(vars(row)) == names
    assert job is None or vars(job) == {"done": 0}


def test_what_a_module_had_that_is_gone_goes_with_the_next_edit(
    program: Program, kept: list[engine.Staged]
) -> None:
    program.runs(
        {
            "one.py": "def f(): return 1\n",
            "two.py": "from one import f\ndef g(): return f()\n",
            "three.py": "import one, two\n",
        }
    )
    three = program.module("three")
    outcomes = in_a_row(program, {"two.py": None, "three.py": "import one\n"}, {"one.py": "x = 1\n"})
    assert not hasattr(three.one, "f")
    taken_back(outcomes)
    assert three.two.g() == three.one.f() == 1


HELD = {
    "a default": "KEPT.append(lambda by=f: by())",
    "a closure": "KEPT.append((lambda by: lambda: by())(f))",
    "a class": "KEPT.append(type('Made', (), {'by': f}))",
    "a module": "import types; KEPT.append(types.ModuleType('made')); KEPT[0].by = f",
}


@pytest.mark.parametrize("what", HELD)
def test_what_is_held_by_something_that_is_held_is_held(program: Program, what: str) -> None:
    program.runs({"row.py": "KEPT = []\ndef f(): return 1\n"})
    row = program.module("row")
    (first,) = in_a_row(program, {"row.py": "KEPT = []\ndef f(): return 2\n"})
    exec(HELD[what], vars(row))
    refused = program.patch({"row.py": "KEPT = []\n"})
    assert row.KEPT and not refused
    assert "row.f is gone from the sources, and is still held" in refused.reasons
    taken_back([first])

"""What decorators mark: functions and classes decorated while the program ran lack a mark that comes."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

ROWS = {
    "the function that it makes": (
        "def mark(f):\n    def call():\n        call.calls += 1\n        return f(){reads}\n"
        "    call.calls = 0\n{more}    return call\ndef ask(f): return f()\n",
        "    call.off = len('ab')\n",
        " + call.off",
    ),
    "the function that it is given": (
        "def mark(f):\n    f.calls = 0\n{more}    return f\ndef ask(f): return f(){reads}\n",
        "    f.off = len('ab')\n",
        " + f.off",
    ),
    "the class that it is given": (
        "def mark(cls):\n    cls.calls = 0\n{more}    return cls\ndef ask(cls): return cls.value{reads}\n",
        "    cls.off = len('ab')\n",
        " + cls.off",
    ),
}


def decorated(m: Any, what: str) -> Any:
    return m.mark(m.a_class() if "class" in what else m.a_function())


def versions(what: str) -> tuple[str, str, str]:
    text, more, reads = ROWS[what]
    head = "def a_class():\n    class Made: value = 1\n    return Made\ndef a_function(): return lambda: 1\n"
    return tuple(head + text.format(more=m, reads=r) for m, r in (("", ""), (more, reads), (more, " + 3")))  # type: ignore[return-value]


@pytest.mark.parametrize("what", ROWS)
def test_what_was_decorated_while_the_program_ran_misses_it(program: Program, what: str) -> None:
    before, after, _ = versions(what)
    program.runs({"m.py": before})
    m = program.module("m")
    kept = [decorated(m, what)]
    assert m.ask(kept[0]) == 1
    outcome = program.patch({"m.py": after})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "what mark made or was given while the program ran lacks off, which new code reads",
    )
    assert m.ask(kept[0]) == 1


@pytest.mark.parametrize("what", ROWS)
def test_what_a_start_decorates_has_it(program: Program, what: str) -> None:
    before, after, _ = versions(what)
    start = f"ONE = mark({'a_class' if 'class' in what else 'a_function'}())\n"
    program.runs({"m.py": before + start})
    m = program.module("m")
    one = m.ONE
    outcome = program.patch({"m.py": after + start})
    assert outcome, outcome.reasons
    assert one is m.ONE and m.ask(one) == 3


@pytest.mark.parametrize("what", ROWS)
def test_a_mark_that_nobody_reads_is_missed_by_nobody(program: Program, what: str) -> None:
    before, _, unread = versions(what)
    program.runs({"m.py": before})
    m = program.module("m")
    kept = decorated(m, what)
    outcome = program.patch({"m.py": unread})
    assert outcome, outcome.reasons
    assert m.ask(kept) == 4


def test_what_only_fills_an_object_marks_no_class_that_has_the_same_names(program: Program) -> None:
    text = "class Named: name = 'n'\ndef fill(o):\n    o.name = 1\n{more}def ask(o): return {asked}\n"
    program.runs({"m.py": text.format(more="", asked="o.name")})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(more="    o.limit = 2\n", asked="o.limit")})
    assert outcome, outcome.reasons
    assert m.Named.name == "n"

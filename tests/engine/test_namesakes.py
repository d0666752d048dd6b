"""Functions and classes of one name, that a loop or a factory made: each stays what it is in its table."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

TABLES = {
    "functions of a loop": (
        "for name, rate in PLANS:\n    def price(n, rate=rate): return n * rate\n    TABLE[name] = price\n"
    ),
    "closures of a factory": (
        "def make(rate):\n    def price(n): return n * rate\n    return price\n"
        "for name, rate in PLANS:\n    last = make(rate)\n    TABLE[name] = last\n"
    ),
    "closures of which a variable has one": (
        "def make(rate):\n    def price(n): return n * rate\n    return price\n"
        "TABLE.update((name, make(rate)) for name, rate in PLANS)\nDEFAULT = TABLE[PLANS[-1][0]]\n"
    ),
}
CLASSES = {
    "a class statement": (
        "for name, rate in PLANS:\n    class Plan:\n        cost = rate\n    TABLE[name] = Plan\n"
    ),
    "a call": "for name, rate in PLANS:\n    cls = type('Plan', (), {'cost': rate})\n    TABLE[name] = cls\n",
}
HEAD = "PLANS = [('std', 2), ('pro', 5)]\nTABLE = {}\n"


def grown(text: str) -> str:
    return text.replace("('pro', 5)", "('pro', 6), ('ent', 8)")


@pytest.mark.parametrize("what", TABLES)
def test_a_function_that_somebody_holds_is_the_one_of_its_key(program: Program, what: str) -> None:
    program.runs({"m.py": HEAD + TABLES[what]})
    m = program.module("m")
    held = [m.TABLE["std"], m.TABLE["pro"]]
    outcome = program.patch({"m.py": grown(HEAD + TABLES[what])})
    assert outcome, outcome.reasons
    assert [price(10) for price in held] == [20, 60] and m.TABLE["ent"](10) == 80
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [price(10) for price in held] == [20, 50] and "ent" not in m.TABLE


@pytest.mark.parametrize("what", CLASSES)
def test_an_object_is_of_the_class_of_its_key(program: Program, what: str) -> None:
    program.runs({"m.py": HEAD + CLASSES[what]})
    m = program.module("m")
    plan = m.TABLE["pro"]()
    outcome = program.patch({"m.py": grown(HEAD + CLASSES[what])})
    assert outcome, outcome.reasons
    assert isinstance(plan, m.TABLE["pro"]) and plan.cost == 6
    assert not isinstance(plan, m.TABLE["ent"])


def test_those_in_a_list_are_told_by_what_they_do_and_close_over(program: Program) -> None:
    text = "def below(n):\n    def check(x): return x < n\n    return check\nCHECKS = [below(5), below(10)]\n"
    text += "STEPS = [lambda x: x + 1, lambda x: x * 2]\n"
    program.runs({"m.py": text})
    m = program.module("m")
    checks, steps = list(m.CHECKS), list(m.STEPS)
    new = text.replace("[below(5)", "[below(3), below(5)").replace("x + 1, ", "x + 1, lambda x: x - 9, ")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert [check(4) for check in checks] == [True, True]
    assert [step(1) for step in steps] == [2, 2] and [step(1) for step in m.STEPS] == [2, -8, 2]

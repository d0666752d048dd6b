"""A function that another decorator makes now says nothing of what the old decorator made elsewhere."""

from __future__ import annotations

from tests.engine.conftest import Program

DECORATORS = """
class Of:
    @staticmethod
    def upper(f):
        def wrapper(*args):
            return f(*args).upper()
        return wrapper

def upper(f):
    def wrapper(*args):
        return f(*args).upper()
    return wrapper

def twice(f):
    def wrapper(*args):
        return f(*args) * 2
    return wrapper
"""
SHOP = """
from decorators import Of, upper, twice
HELD = []

def make():
    def inner(): return "{made}"
    HELD.append(upper(inner))
    HELD.append(Of.upper(inner))

@{name}
def name(): return "name"

@{label}
def label(): return "label"
"""


def shop(name: str, label: str, made: str) -> str:
    return SHOP.format(name=name, label=label, made=made)


def test_closures_that_the_old_decorator_made_go_on_as_they_are(program: Program) -> None:
    program.runs({"decorators.py": DECORATORS, "shop.py": shop("upper", "Of.upper", "old")})
    shopping = program.module("shop")
    shopping.make()
    outcome = program.patch({"shop.py": shop("twice", "twice", "new")})
    assert outcome, outcome.reasons
    assert [f() for f in shopping.HELD] == ["NEW", "NEW"]
    assert (shopping.name(), shopping.label()) == ("namename", "labellabel")


def test_closures_of_a_decorator_that_changes_follow_it(program: Program) -> None:
    program.runs({"decorators.py": DECORATORS, "shop.py": shop("upper", "Of.upper", "old")})
    shopping = program.module("shop")
    shopping.make()
    outcome = program.patch({"decorators.py": DECORATORS.replace(".upper()", ".upper() + '!'")})
    assert outcome, outcome.reasons
    assert [f() for f in shopping.HELD] == ["OLD!", "OLD!"]
    assert (shopping.name(), shopping.label()) == ("NAME!", "LABEL!")

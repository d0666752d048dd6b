"""A named tuple that gains or loses a field is live, unless tuples live that lack it."""

from __future__ import annotations

import shutil

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

FORMS = {
    "by a class": (
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\n",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\n    z: int = 7\n",
    ),
    "by a call": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\n",
        "from collections import namedtuple\nP = namedtuple('P', 'x y z', defaults=[7])\n",
    ),
    "below a class of its own": (
        "from collections import namedtuple\nclass P(namedtuple('P', 'x y')):\n    pass\n",
        "from collections import namedtuple\nclass P(namedtuple('P', 'x y z', defaults=[7])):\n    pass\n",
    ),
}
READ = "def z_of(p): return getattr(p, 'z', 0) or p.z\n"
REST = "KEPT = []\ndef keep(): KEPT.append(P(1, 2))\nORIGIN = P(0, 0)\n"


@pytest.mark.parametrize("form", FORMS)
def test_a_named_tuple_gains_a_field_where_no_tuple_lives_and_loses_it_again(
    program: Program, form: str
) -> None:
    old, new = FORMS[form]
    program.runs({"m.py": old + REST})
    m = program.module("m")
    kind = m.P
    outcome = program.patch({"m.py": new + REST})
    assert outcome, outcome.reasons
    assert m.P is kind
    assert (m.P(1, 2).z, m.ORIGIN, len(m.ORIGIN)) == (7, (0, 0, 7), 3)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (m.P(1, 2), m.ORIGIN, m.P._fields) == ((1, 2), (0, 0), ("x", "y"))


@pytest.mark.parametrize("form", FORMS)
def test_code_that_comes_to_read_the_field_is_no_reason_where_no_tuple_lives(
    program: Program, form: str
) -> None:
    """Nor is the metaclass of named tuples, which sets attributes by names that it finds in `_fields`."""
    old, new = FORMS[form]
    program.runs({"m.py": old + REST})
    m = program.module("m")
    outcome = program.patch({"m.py": new + REST + READ})
    assert outcome, outcome.reasons
    assert m.z_of(m.P(1, 2)) == 7


@pytest.mark.parametrize("form", FORMS)
def test_a_tuple_that_lives_and_lacks_the_field_is_the_reason(program: Program, form: str) -> None:
    old, new = FORMS[form]
    program.runs({"m.py": old + REST})
    m = program.module("m")
    m.keep()
    outcome = program.patch({"m.py": new + REST})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0] == "the fields of P change, and tuples that live have the old ones"
    assert m.P._fields == ("x", "y")


def test_objects_that_only_the_record_of_an_earlier_change_holds_need_not_follow_a_class(
    program: Program,
) -> None:
    option = "import typing\nT = typing.TypeVar('T')\nclass Option{}:\n"
    option += "    def __init__(self, name): self.name = name\n"
    one, two = "class App:\n    key = Option('k')\n", "    old = Option('o')\n"
    program.runs({"m.py": option.format("") + one + two})
    m = program.module("m")
    first = program.patch({"m.py": option.format("") + one})
    assert first, first.reasons
    shutil.rmtree(program.before)
    shutil.copytree(program.after, program.before)
    second = program.patch({"m.py": option.format("(typing.Generic[T])") + one})
    assert second, second.reasons
    assert m.App.key.name == "k"
    assert m.Option.__mro__[1] is m.typing.Generic
    for outcome in (second, first):
        assert outcome.undo is not None
        outcome.undo.revert()
    assert (m.App.old.name, type(m.App.old), type(m.App.key)) == ("o", m.Option, m.Option)
    assert m.Option.__mro__[1] is object

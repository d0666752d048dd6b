"""An attribute that new code asks for by its name as text is missed by objects that live, as any other is."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

CLASS = """
import operator
class Row:
    __match_args__ = ("{name}",)
    shown = ["{name}"]
    def __init__(self):
        self.first = 1{more}
"""
WAYS = {
    "getattr": "def ask(row): return getattr(row, '{name}')\n",
    "a format": "def ask(row): return int('{{0.{name}}}'.format(row))\n",
    "attrgetter": "ask = operator.attrgetter('{name}')\n",
    "attrgetter, in a function": "def ask(row): return operator.attrgetter('{name}')(row)\n",
    "a list of names": "def ask(row): return [getattr(row, name) for name in row.shown][0]\n",
    "a pattern": (
        "def ask(row):\n    match row:\n        case Row(found): return found\n        case _: return None\n"
    ),
}


def versions(way: str) -> tuple[str, str]:
    text = CLASS + WAYS[way]
    if "{name}" not in WAYS[way]:
        return text.format(name="first", more=""), text.format(
            name="second", more="; self.second = len('ab')"
        )
    head = CLASS.format(name="first", more=""), CLASS.format(name="first", more="; self.second = len('ab')")
    return head[0] + WAYS[way].format(name="first"), head[1] + WAYS[way].format(name="second")


@pytest.mark.parametrize("way", WAYS)
def test_an_object_that_lives_misses_it(program: Program, way: str) -> None:
    before, after = versions(way)
    program.runs({"rows.py": before})
    rows = program.module("rows")
    row = rows.Row()
    outcome = program.patch({"rows.py": after})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "objects of Row that live lack second, which new code reads and no old code set",
    )
    assert rows.ask(row) == 1


@pytest.mark.parametrize("way", WAYS)
def test_without_such_an_object_it_is_live(program: Program, way: str) -> None:
    before, after = versions(way)
    program.runs({"rows.py": before})
    rows = program.module("rows")
    outcome = program.patch({"rows.py": after})
    assert outcome, outcome.reasons
    assert rows.ask(rows.Row()) == 2


def test_one_with_an_answer_for_where_there_is_none_is_missed_by_nobody(program: Program) -> None:
    text = CLASS + "def ask(row): return getattr(row, '{name}', 0)\n"
    program.runs({"rows.py": text.format(name="first", more="")})
    rows = program.module("rows")
    row = rows.Row()
    after = (CLASS + "def ask(row): return getattr(row, 'second', 0)\n").format(
        name="first", more="; self.second = len('ab')"
    )
    outcome = program.patch({"rows.py": after})
    assert outcome, outcome.reasons
    assert rows.ask(row) == 0 and rows.ask(rows.Row()) == 2

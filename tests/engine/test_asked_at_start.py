"""Answers that objects of the start keep because the start itself has asked for them: what becomes of these
is measured."""

from __future__ import annotations

import pytest

from .conftest import Program

KEPT = """
import functools
def size(): return {size}
class Part:
    def __init__(self, size): self.size, self.uses = size, []
    def use(self, by): self.uses.append(by)
class Table:
    @functools.cached_property
    def parts(self): return [Part(size())]
table = Table()
table.parts
"""


def test_an_answer_that_the_start_asked_for_becomes_what_a_fresh_start_has(program: Program) -> None:
    program.runs({"m.py": KEPT.format(size=1)})
    m = program.module("m")
    [part] = m.table.parts
    part.use("me")
    outcome = program.patch({"m.py": KEPT.format(size=2)})
    assert outcome, outcome.reasons
    assert m.table.parts == [part] and (part.size, part.uses) == (2, ["me"])
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (part.size, part.uses) == (1, ["me"])


def test_an_answer_that_the_process_asked_for_besides_is_a_reason(program: Program) -> None:
    program.runs({"m.py": KEPT.format(size=1)})
    m = program.module("m")
    other = m.Table()
    other.parts[0].use("me")
    outcome = program.patch({"m.py": KEPT.format(size=2)})
    assert not outcome
    assert (
        "cached Table.parts of an object that lives was made of what the new code changes" in outcome.reasons
    )


ASKED = """
import functools
class Table:
    @functools.cached_property
    def size(self): return {size}
table = Table()
{asks}
"""


@pytest.mark.parametrize(("before", "after"), [("1", "2"), ("[1]", "[2]"), ("1", "None"), ("[1]", "(1, 2)")])
@pytest.mark.parametrize("asks", ["table.size", "SIZE = table.size"])
def test_an_answer_that_the_new_body_gives_otherwise_is_that_of_the_new_start(
    program: Program, before: str, after: str, asks: str
) -> None:
    program.runs({"m.py": ASKED.format(size=before, asks=asks)})
    m = program.module("m")
    since = m.Table()
    was = since.size
    outcome = program.patch({"m.py": ASKED.format(size=after, asks=asks)})
    assert outcome, outcome.reasons
    assert m.table.size == since.size == m.Table().size == eval(after)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.table.size == since.size == was


@pytest.mark.parametrize(("before", "after"), [("pass", "table.size"), ("table.size", "pass")])
def test_an_answer_that_one_start_alone_asked_for_is_as_in_the_new_one(
    program: Program, before: str, after: str
) -> None:
    program.runs({"m.py": ASKED.format(size=1, asks=before)})
    m = program.module("m")
    outcome = program.patch({"m.py": ASKED.format(size=2, asks=after)})
    assert outcome, outcome.reasons
    assert m.table.size == 2

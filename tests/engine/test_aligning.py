"""Two sequences laid over each other, by what the items are called and by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpatch.engine.aligning import Opcode, aligned, opcodes
from tests.engine.conftest import Program

NAMES = st.lists(st.sampled_from("abc"), max_size=12)


def done(codes: Sequence[Opcode], a: Sequence[str], b: Sequence[str]) -> list[str]:
    """What the steps make of `a`."""
    made: list[str] = []
    for tag, i, i2, j, j2 in codes:
        made += a[i:i2] if tag == "equal" else b[j:j2]
    return made


def covers(codes: Sequence[Opcode], a: Sequence[str], b: Sequence[str]) -> bool:
    at = [(0, 0), *((i2, j2) for _, _, i2, _, j2 in codes)]
    return at[-1] == (len(a), len(b)) and all((i, j) == at[k] for k, (_, i, _, j, _) in enumerate(codes))


@given(NAMES, NAMES)
def test_the_steps_lead_from_the_one_to_the_other_and_leave_nothing_out(a: list[str], b: list[str]) -> None:
    codes = opcodes(a, b)
    assert covers(codes, a, b) and done(codes, a, b) == b


@given(NAMES, NAMES, st.data())
def test_told_apart_by_contents_they_still_lead_there(
    a: list[str], b: list[str], data: st.DataObject
) -> None:
    inside = st.lists(st.sampled_from("xy"), min_size=max(len(a), len(b)), max_size=max(len(a), len(b)))
    in_a, in_b = data.draw(inside), data.draw(inside)
    codes = aligned(a, b, lambda i: a[i] + in_a[i], lambda j: b[j] + in_b[j])
    assert covers(codes, a, b) and done(codes, a, b) == b


@given(NAMES)
def test_what_is_the_same_stays(a: list[str]) -> None:
    codes = aligned(a, a, a.__getitem__, a.__getitem__)
    assert {tag for tag, *_ in codes} <= {"equal"}


def test_of_many_that_are_called_alike_what_both_begin_with_is_found_at_once() -> None:
    many = ["dict"] * 100_000
    assert opcodes(many, [*many, "dict"]) == [
        ("equal", 0, 100_000, 0, 100_000),
        ("insert", 100_000, 100_000, 100_000, 100_001),
    ]


ROWS = """
class Job:
    def __init__(self, name):
        self.name, self.runs = name, 0
    def run(self): self.runs += 1
DICTS = [{"k": "a", "n": 0}, {"k": "b", "n": 0}]
LISTS = [["a"], ["b"]]
PAIRS = [("a", Job("a")), ("b", Job("b"))]
CALLS = [Job("a").run, Job("b").run]
"""


def used(rows: Any) -> list[Any]:
    for row in rows.DICTS:
        row["n"] += 1
    for row in rows.LISTS:
        row.append(1)
    for _, job in rows.PAIRS:
        job.run()
    for call in rows.CALLS:
        call()
    return [*rows.DICTS, *rows.LISTS, *rows.PAIRS, *rows.CALLS]


CASES = {
    "DICTS": ('{"k": "b"', '{"k": "x", "n": 0}, {"k": "b"', [("a", 1), ("x", 0), ("b", 1)]),
    "LISTS": ('["b"]', '["x"], ["b"]', [["a", 1], ["x"], ["b", 1]]),
    "PAIRS": ('("b", ', '("x", Job("x")), ("b", ', [("a", 1), ("x", 0), ("b", 1)]),
    "CALLS": ('Job("b").run', 'Job("x").run, Job("b").run', [("a", 1), ("x", 0), ("b", 1)]),
}
SHOW = {
    "DICTS": lambda rows: [(row["k"], row["n"]) for row in rows],
    "LISTS": list,
    "PAIRS": lambda rows: [(name, job.runs) for name, job in rows],
    "CALLS": lambda rows: [(call.__self__.name, call.__self__.runs) for call in rows],
}


@pytest.mark.parametrize("name", CASES)
def test_items_keep_what_they_have_gathered_when_one_comes_between(program: Program, name: str) -> None:
    program.runs({"rows_of.py": ROWS})
    rows = program.module("rows_of")
    were = used(rows)
    before = SHOW[name](getattr(rows, name))
    old, new, shown = CASES[name]
    outcome = program.pushed({"rows_of.py": ROWS.replace(old, new, 1)})
    assert outcome, outcome.reasons
    found = getattr(rows, name)
    assert SHOW[name](found) == shown
    assert all(any(item is other for other in were) for item in (found[0], found[2]))
    assert outcome.undo is not None
    outcome.undo.revert()
    assert SHOW[name](getattr(rows, name)) == before


def test_the_one_of_several_alike_that_goes_is_the_one_that_went(program: Program) -> None:
    program.runs({"rows_gone.py": ROWS})
    rows = program.module("rows_gone")
    last = rows.DICTS[1]
    outcome = program.pushed({"rows_gone.py": ROWS.replace('{"k": "a", "n": 0}, ', "")})
    assert outcome, outcome.reasons
    assert len(rows.DICTS) == 1 and rows.DICTS[0] is last


SET = """
class Job:
    def __init__(self, name, most=1):
        self.name, self.most, self.runs = name, most, 0
    def run(self): self.runs += 1
JOBS = {Job("a"), Job("b")}
"""


def test_an_item_of_a_set_that_gives_way_is_found_by_what_it_is_called(program: Program) -> None:
    program.runs({"set_of.py": SET})
    jobs = program.module("set_of")
    outcome = program.pushed({"set_of.py": SET.replace('Job("b")', 'Job("b", 5)')})
    assert outcome, outcome.reasons
    assert sorted((job.name, job.most) for job in jobs.JOBS) == [("a", 1), ("b", 5)]


@pytest.mark.parametrize("new", ['Job("b", 5)', ""], ids=["gives way", "goes"])
def test_an_item_of_a_set_that_has_changed_since_is_not_kept_beside_its_successor(
    program: Program, new: str
) -> None:
    program.runs({"set_ran.py": SET})
    jobs = program.module("set_ran")
    for job in jobs.JOBS:
        job.run()
    outcome = program.pushed({"set_ran.py": SET.replace('Job("b")', new)})
    assert not outcome and "which one it has become there is no telling" in outcome.reasons[0]
    assert sorted((job.name, job.most, job.runs) for job in jobs.JOBS) == [("a", 1, 1), ("b", 1, 1)]


def test_an_item_of_a_set_that_the_program_has_dropped_need_not_be_found(program: Program) -> None:
    program.runs({"set_dropped.py": SET})
    jobs = program.module("set_dropped")
    jobs.JOBS -= {job for job in jobs.JOBS if job.name == "b"}
    outcome = program.pushed({"set_dropped.py": SET.replace('Job("b")', "")})
    assert outcome, outcome.reasons
    assert [job.name for job in jobs.JOBS] == ["a"]

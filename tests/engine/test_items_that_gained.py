"""Items of a list that have gained something since the start are told apart as they were at the start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.engine.conftest import Program

ROUTES = """
class Pattern:
    def __init__(self, path): self.path = path
class Route:
    def __init__(self, name): self.name, self.pattern = name, Pattern("/" + name)
    def asked(self):
        self.seen = self.name.upper()
        return self.seen
ROUTES = [Route("a"), Route("b"), Route("c")]
"""


def test_an_item_that_comes_after_them_is_no_other_s_successor(program: Program) -> None:
    program.runs({"routes_asked.py": ROUTES})
    routes = program.module("routes_asked")
    first = list(routes.ROUTES)
    assert [route.asked() for route in first] == ["A", "B", "C"]
    outcome = program.patch({"routes_asked.py": ROUTES.replace(', Route("c")]', ', Route("c"), Route("d")]')})
    assert outcome, outcome.reasons
    assert routes.ROUTES[:3] == first
    assert [route.pattern.path for route in routes.ROUTES] == ["/a", "/b", "/c", "/d"]


JOBS = """
class Job:
    def __init__(self, name):
        self.name, self.runs, self.seen = name, 0, {}
    def run(self):
        self.runs += 1
        self.seen[self.runs] = [self.name]
class Step(Job):
    pass
class Jobs(list):
    pass
JOBS = [Job("a"), Step("b"), Job("c")]
MORE = Jobs([Job("d"), Job("e")])
"""
RAN = [("a", 1), ("b", 1), ("c", 1)]


def ran(jobs: Iterable[Any]) -> list[tuple[str, int]]:
    return [(job.name, job.runs) for job in jobs]


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ('JOBS = [Job("a")', 'JOBS = [Job("x"), Job("a")', 0),
        ('Step("b")', 'Step("b"), Job("x")', 2),
        ('Job("c")', 'Job("c"), Job("x")', 3),
    ],
    ids=["first", "between", "last"],
)
def test_an_item_comes_among_items_that_have_changed_since_the_start(
    program: Program, old: str, new: str, at: int
) -> None:
    program.runs({"jobs_ran.py": JOBS})
    jobs = program.module("jobs_ran")
    were = list(jobs.JOBS)
    for job in were:
        job.run()
    outcome = program.pushed({"jobs_ran.py": JOBS.replace(old, new)})
    assert outcome, outcome.reasons
    assert ran(jobs.JOBS) == [*RAN[:at], ("x", 0), *RAN[at:]]
    assert [job for job in jobs.JOBS if job.runs] == were
    assert outcome.undo is not None
    outcome.undo.revert()
    assert were == jobs.JOBS and ran(were) == RAN


def test_an_item_comes_into_a_list_of_the_programs_own_class(program: Program) -> None:
    program.runs({"jobs_own.py": JOBS})
    jobs = program.module("jobs_own")
    for job in jobs.MORE:
        job.run()
    outcome = program.pushed({"jobs_own.py": JOBS.replace('Job("d"), ', 'Job("d"), Job("x"), ')})
    assert outcome, outcome.reasons
    assert ran(jobs.MORE) == [("d", 1), ("x", 0), ("e", 1)]


def test_items_that_have_changed_take_new_code_when_one_comes(program: Program) -> None:
    program.runs({"jobs_new.py": JOBS})
    jobs = program.module("jobs_new")
    for job in jobs.JOBS:
        job.run()
    text = JOBS.replace("+= 1", "+= 10").replace('Step("b")', 'Step("b"), Job("x")')
    outcome = program.pushed({"jobs_new.py": text})
    assert outcome, outcome.reasons
    for job in jobs.JOBS:
        job.run()
    assert ran(jobs.JOBS) == [("a", 11), ("b", 11), ("x", 10), ("c", 11)]


def test_an_item_that_has_changed_is_not_dropped_unless_the_author_says_so(program: Program) -> None:
    program.runs({"jobs_gone.py": JOBS})
    jobs = program.module("jobs_gone")
    for job in jobs.JOBS:
        job.run()
    new = {"jobs_gone.py": JOBS.replace('Step("b"), ', "")}
    outcome = program.pushed(new)
    assert not outcome and outcome.reasons[0] == (
        "jobs_gone.JOBS.1 is no longer there in the new sources, and has changed since the start: "
        "the bundle may say rebuild"
    )
    assert ran(jobs.JOBS) == RAN
    outcome = program.patch(new, choices={"jobs_gone.JOBS.1": "rebuild"})
    assert outcome, outcome.reasons
    assert ran(jobs.JOBS) == [("a", 1), ("c", 1)]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert ran(jobs.JOBS) == RAN


def test_items_of_other_classes_are_not_taken_for_those_of_the_start(program: Program) -> None:
    program.runs({"jobs_other.py": JOBS})
    jobs = program.module("jobs_other")
    jobs.JOBS[:] = [jobs.Step("q"), jobs.Job("r"), jobs.Step("s")]
    outcome = program.pushed({"jobs_other.py": JOBS.replace('Step("b")', 'Step("b"), Job("x")')})
    assert not outcome
    assert [job.name for job in jobs.JOBS] == ["q", "r", "s"]

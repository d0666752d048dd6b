"""A field of a dataclass that comes with a default is there on the class for objects that live, and not in
their dictionaries: that counts where the program takes these whole."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

JOBS = """
import json
from dataclasses import asdict, dataclass, fields
from typing import ClassVar
@dataclass
class Job:
    name: str
    {field}
{shown}
"""
WHOLE = {
    "by `vars`": "def shown(job): return json.dumps(vars(job), sort_keys=True)",
    "by its attribute": "def shown(job): return json.dumps(job.__dict__, sort_keys=True)",
    "of many": "def shown(job): return [vars(each) for each in [job]]",
    "by who is handed `vars`": "def shown(job): return json.dumps([job], default=vars)",
    "in a function inside": "def shown(job): return json.dumps([job], default=lambda each: each.__dict__)",
    "by a method": "    def shown(self): return dict(self.__dict__)\nshown = Job.shown",
    "of what an object holds": "class Box:\n    def __init__(self, job): self.job = job\n"
    "    def shown(self): return {**self.job.__dict__}\ndef shown(job): return Box(job).shown()",
}
NOT = {
    "by attributes": "def shown(job): return asdict(job)",
    "by one name": "def shown(job): return vars(job)['name'], job.__dict__['name'], 'name' in job.__dict__",
    "of another class's objects": "class Other:\n    def shown(self): return vars(self), self.__dict__\n"
    "def shown(job): return Other().shown()",
    "of a class": "def shown(job): return list(Job.__dict__) and list(vars(json)) and job.name",
}


@pytest.mark.parametrize("how", WHOLE)
def test_a_dictionary_that_is_taken_whole_lacks_the_field(program: Program, how: str) -> None:
    program.runs({"jobs.py": JOBS.format(field="", shown=WHOLE[how])})
    jobs = program.module("jobs")
    job = jobs.Job("a")
    shown = jobs.shown(job)
    outcome = program.patch({"jobs.py": JOBS.format(field="level: int = 3", shown=WHOLE[how])})
    assert outcome.effect is Effect.RELOAD
    lacking = "objects of Job that live lack level, which new code reads and no old code set"
    assert outcome.reasons == (lacking,)
    assert jobs.shown(job) == shown


@pytest.mark.parametrize("how", WHOLE)
def test_without_an_object_that_lives_it_is_live(program: Program, how: str) -> None:
    program.runs({"jobs.py": JOBS.format(field="", shown=WHOLE[how])})
    jobs = program.module("jobs")
    outcome = program.patch({"jobs.py": JOBS.format(field="level: int = 3", shown=WHOLE[how])})
    assert outcome, outcome.reasons
    assert "level" in str(jobs.shown(jobs.Job("a")))


@pytest.mark.parametrize("how", NOT)
def test_one_that_is_not_taken_whole_lacks_nothing(program: Program, how: str) -> None:
    program.runs({"jobs.py": JOBS.format(field="", shown=NOT[how])})
    jobs = program.module("jobs")
    job = jobs.Job("a")
    outcome = program.patch({"jobs.py": JOBS.format(field="level: int = 3", shown=NOT[how])})
    assert outcome, outcome.reasons
    assert job.level == 3


def test_what_is_of_the_class_alone_is_in_no_dictionary(program: Program) -> None:
    program.runs({"jobs.py": JOBS.format(field="", shown=WHOLE["by `vars`"])})
    jobs = program.module("jobs")
    job = jobs.Job("a")
    field = "level: ClassVar[int] = 3"
    outcome = program.patch({"jobs.py": JOBS.format(field=field, shown=WHOLE["by `vars`"])})
    assert outcome, outcome.reasons
    assert job.level == 3

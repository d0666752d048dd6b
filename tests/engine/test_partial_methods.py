"""What a `partialmethod` has handed out, by the time that its arguments change."""

from __future__ import annotations

from hotpatch.plan import Effect
from tests.engine.conftest import Program

TEXT = "from functools import partialmethod\nclass Job:\n    def run(self, n): return {}\n"
TEXT += "    go = partialmethod(run, {})\n"


def test_a_bound_one_has_the_arguments_of_its_moment(program: Program) -> None:
    program.runs({"jobs.py": TEXT.format("n", 1)})
    jobs = program.module("jobs")
    go = jobs.Job().go
    outcome = program.patch({"jobs.py": TEXT.format("n", 2)})
    assert outcome.effect is Effect.RELOAD and "jobs.Job.go" in outcome.reasons[0]
    assert go() == jobs.Job().go() == 1


def test_one_of_the_class_follows(program: Program) -> None:
    program.runs({"jobs.py": TEXT.format("n", 1)})
    jobs = program.module("jobs")
    job, go = jobs.Job(), jobs.Job.go
    outcome = program.patch({"jobs.py": TEXT.format("n", 2)})
    assert outcome and go(job) == job.go() == 2, outcome.reasons


def test_the_code_behind_it_is_exchanged_for_all(program: Program) -> None:
    program.runs({"jobs.py": TEXT.format("n", 1)})
    jobs = program.module("jobs")
    go = jobs.Job().go
    outcome = program.patch({"jobs.py": TEXT.format("n * 10", 1)})
    assert outcome and go() == jobs.Job().go() == 10, outcome.reasons

"""Classes that were made at run time, below one that comes to leave other methods to define."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Program

JOB = """
from abc import ABC, abstractmethod
class Job(ABC):
    @abstractmethod
    def run(self): ...
    {}
class Known(Job):
    def run(self): return "known"
    def stop(self): return "stopped"
"""
STOP = "@abstractmethod\n    def stop(self): ..."


def made_later(base: Any, *names: str) -> Any:
    return type("Later", (base,), {name: lambda self, name=name: name for name in names})


def test_one_that_lacks_what_comes_is_abstract_from_now_on(program: Program) -> None:
    program.runs({"jobs.py": JOB.format("")})
    jobs = program.module("jobs")
    later = made_later(jobs.Job, "run")
    below, held = made_later(later), later()
    outcome = program.patch({"jobs.py": JOB.format(STOP)})
    assert outcome, outcome.reasons
    for cls in (later, below):
        with pytest.raises(TypeError, match="abstract"):
            cls()
    assert (held.run(), jobs.Known().stop()) == ("run", "stopped")
    assert outcome.undo is not None
    outcome.undo.revert()
    assert later().run() == below().run() == "run"


def test_one_that_has_it_is_made_objects_of(program: Program) -> None:
    program.runs({"jobs.py": JOB.format("")})
    jobs = program.module("jobs")
    whole, below = made_later(jobs.Job, "run", "stop"), made_later(jobs.Known)
    outcome = program.patch({"jobs.py": JOB.format(STOP)})
    assert outcome, outcome.reasons
    assert (whole().stop(), below().stop()) == ("stop", "stopped")


def test_one_is_made_objects_of_once_nothing_is_left(program: Program) -> None:
    program.runs({"jobs.py": JOB.format(STOP)})
    jobs = program.module("jobs")
    later = made_later(jobs.Job, "run")
    outcome = program.patch({"jobs.py": JOB.format("def stop(self): return 'as ever'")})
    assert outcome, outcome.reasons
    assert later().stop() == "as ever"
    assert outcome.undo is not None
    outcome.undo.revert()
    with pytest.raises(TypeError, match="abstract"):
        later()

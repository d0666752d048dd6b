"""Functions that were put in front of others at run time, as tracing agents do."""

from __future__ import annotations

from functools import wraps
from types import ModuleType
from typing import Any

import pytest

from tests.engine.conftest import Program

DB = "def query(sql{0}): return sql{1}\nclass Cursor:\n    def run(self, sql{0}): return sql{1}\n"
OLD, NEW = DB.format("", ""), DB.format(", limit=10", ", limit")
SEEN: list[Any] = []


def traced(wrapped: Any) -> Any:
    @wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        SEEN.append(args[-1])
        return wrapped(*args, **kwargs)

    return wrapper


def running(program: Program) -> ModuleType:
    program.runs({"db.py": OLD})
    SEEN.clear()
    return program.module("db")


def test_one_that_passes_on_what_it_is_given_stays_where_a_parameter_comes(program: Program) -> None:
    db = running(program)
    db.query, db.Cursor.run = traced(db.query), traced(db.Cursor.run)
    outcome = program.patch({"db.py": NEW})
    assert outcome, outcome.reasons
    assert db.query("a", limit=5) == ("a", 5)
    assert db.Cursor().run("b") == ("b", 10)
    assert SEEN == ["a", "b"]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert db.query("c") == "c"
    assert SEEN[-1] == "c"


@pytest.mark.parametrize("times", [1, 2])
def test_one_that_takes_what_the_old_one_took_is_in_the_way_of_a_parameter(
    program: Program, times: int
) -> None:
    db = running(program)
    for _ in range(times):
        strict: Any = (lambda wrapped: lambda sql: wrapped(sql))(db.query)
        db.query = strict
    outcome = program.patch({"db.py": NEW})
    assert outcome.reasons == (
        "db.query takes other arguments, and what stands in front of it takes the old ones",
    )
    assert db.query("a") == "a"


def test_one_that_takes_what_the_old_one_took_stays_where_the_body_changes(program: Program) -> None:
    db = running(program)
    wrapped = db.query
    db.query = lambda sql: [wrapped(sql)]
    outcome = program.patch({"db.py": OLD.replace("return sql", "return sql.upper()")})
    assert outcome, outcome.reasons
    assert db.query("a") == ["A"]

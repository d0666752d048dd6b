"""Keyword defaults of functions that can't take the new code: another function has them."""

from __future__ import annotations

from tests.engine.conftest import Program

OLD = """
class Base:
    pass
class Connection(Base):
    def __init__(self, *, host="h", user=None):
        self.host, self.user = host, user
"""
NEW = """
class Base:
    def __init__(self, *, user="nobody"):
        self.user = user
class Connection(Base):
    def __init__(self, *, host="localhost", **more):
        self.host = host
        super().__init__(**more)
"""


def test_a_method_that_comes_to_call_super_has_the_new_keyword_defaults(program: Program) -> None:
    program.runs({"connections.py": OLD})
    connections = program.module("connections")
    outcome = program.patch({"connections.py": NEW})
    assert outcome, outcome.reasons
    assert connections.Connection.__init__.__kwdefaults__ == {"host": "localhost"}
    assert vars(connections.Connection()) == {"host": "localhost", "user": "nobody"}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert connections.Connection.__init__.__kwdefaults__ == {"host": "h", "user": None}
    assert vars(connections.Connection()) == {"host": "h", "user": None}

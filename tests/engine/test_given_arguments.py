"""What `__init__` comes to take, and has a default, is given to objects that live where nobody passes it."""

from __future__ import annotations

from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program, changed

OLD = """import functools
class Session:
    def get(self, url, **how):
        return url
class Client:
    def __init__(self, path):
        self.path, self.session = path, Session()
    def go(self):
        return self.path
class Special(Client):
    def __init__(self, path):
        super().__init__(path)
KEPT, ROW, DATA, KINDS = [], ("row",), {"path": "data"}, {"plain": Client}
def make(path): KEPT.append(Client(path))
def special(path): KEPT.append(Special(path))
def of_row(): KEPT.append(Client(*ROW))
def of_data(): KEPT.append(Client(**DATA))
def of_kind(): KEPT.append(KINDS["plain"]("kind"))
def hand_on(*args, **named): KEPT.append(Client(*args, **named))
def handed(path): hand_on(path)
"""
COMES = (
    (
        "def __init__(self, path):\n        self.path",
        "def __init__(self, path, timeout=5):\n        self.path",
    ),
    ("path, Session()", "path, Session(); self.timeout = timeout"),
    ("return self.path", "return self.session.get(self.path + str(self.timeout))"),
)
MAKING = ("make('a')", "special('b')", "of_row()", "of_data()", "of_kind()", "handed('c')")


def started(program: Program, old: str = OLD) -> Any:
    program.runs({"m.py": old})
    m = program.module("m")
    for call in MAKING:
        exec(call, vars(m))
    return m


def test_objects_that_live_have_the_default_and_lose_it_again(program: Program) -> None:
    m = started(program)
    outcome = program.patch({"m.py": changed(OLD, *COMES)})
    assert outcome, outcome.reasons
    m.make("d")
    assert [client.go() for client in m.KEPT] == ["a5", "b5", "row5", "data5", "kind5", "c5", "d5"]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [client.go() for client in m.KEPT] == ["a", "b", "row", "data", "kind", "c", "d"]
    assert not any("timeout" in vars(client) for client in m.KEPT)


FREE = {
    "taken by name alone": (("path, timeout=5", "path, *, timeout=5"),),
    "kept under another name": (("self.timeout", "self._wait"),),
    "one of two": (("timeout=5", "timeout=5, tries=2"), ("= timeout", "= timeout; self.tries = tries")),
    "passed to something else": (("str(self.timeout))", "str(self.timeout), timeout=self.timeout)"),),
    "asked for its kind": (("def handed(path):", "def handed(path): isinstance(path, Client);"),),
}


@pytest.mark.parametrize("what", FREE)
def test_an_argument_that_nobody_passes(program: Program, what: str) -> None:
    old = changed(OLD, ("def of_data(): KEPT.append(Client(**DATA))", "def of_data(): pass"))
    m = started(program, old)
    outcome = program.patch({"m.py": changed(old, *COMES, *FREE[what])})
    assert outcome, outcome.reasons
    assert m.KEPT[0].go() == "a5"


PASSED = {
    "by name": (("Client(path)", "Client(path, timeout=9)"),),
    "by place": (("Client(path)", "Client(path, 9)"),),
    "on one way": (("Client(path)", "Client(path, timeout=9 if path else 5)"),),
    "by a class below": (("super().__init__(path)", "super().__init__(path, timeout=9)"),),
    "by a class below that names the base": (("super().__init__(path)", "Client.__init__(self, path, 9)"),),
    "by a function that hands it on": (("hand_on(path)", "hand_on(path, timeout=9)"),),
    "in a row": (('("row",)', '("row", 9)'),),
    "in a dictionary": (('{"path": "data"}', '{"path": "data", "timeout": 9}'),),
    "to what a table holds": (('["plain"]("kind")', '["plain"]("kind", timeout=9)'),),
    "by a partial": (('{"plain": Client}', '{"plain": functools.partial(Client, timeout=9)}'),),
    "by who calls the class for it": (
        ("KEPT.append(Client(path))", "KEPT.extend(map(Client, [path], [9]))"),
    ),
    "in place of another": (("path, timeout=5", "timeout=5, path=''"),),
    "and made something else of": (("= timeout", "= timeout or 1"),),
    "and set elsewhere": (("def handed(path):", "def handed(path): KEPT[0].timeout = 9;"),),
    "with a default that can change": (("timeout=5", "timeout=[]"),),
}


@pytest.mark.parametrize("what", PASSED)
def test_nothing_is_given_where_it_may_be_another(program: Program, what: str) -> None:
    m = started(program)
    outcome = program.patch({"m.py": changed(OLD, *COMES, *PASSED[what])})
    assert outcome.effect is Effect.RELOAD
    assert not any("timeout" in vars(client) for client in m.KEPT)


def test_nothing_is_given_where_old_calls_may_have_had_it(program: Program) -> None:
    old = changed(
        OLD,
        (
            "def __init__(self, path):\n        self.path",
            "def __init__(self, path, **more):\n        self.path",
        ),
    )
    m = started(program, old)
    new = changed(OLD, *COMES, ("timeout=5", "timeout=5, **more"))
    assert program.patch({"m.py": new}).effect is Effect.RELOAD
    assert "timeout" not in vars(m.KEPT[0])


def test_an_object_of_the_start_has_what_the_start_passes(program: Program) -> None:
    m = started(program, OLD + "FIRST = Client('first')\n")
    outcome = program.patch({"m.py": changed(OLD, *COMES) + "FIRST = Client('first', timeout=9)\n"})
    assert outcome, outcome.reasons
    assert [m.FIRST.timeout, m.KEPT[0].timeout] == [9, 5]

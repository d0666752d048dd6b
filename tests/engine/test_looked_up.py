"""A `defaultdict` makes an entry for whoever asks it: no state, and in nobody's way."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

TEXT = """
from collections import defaultdict

FOUND = defaultdict(lambda: defaultdict({kind}))

def find(scope, code):
    return FOUND[scope][code]
"""
NEW = {
    "dict": 'FOUND[None][404]["it"] = 1\n',
    "list": "FOUND[None][404].append(1)\n",
    "set": "FOUND[None][404].add(1)\n",
}
MADE = {"dict": {"it": 1}, "list": [1], "set": {1}}


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("asked", [404, 500])
def test_what_is_there_because_somebody_asked_gives_way(program: Program, kind: str, asked: int) -> None:
    text = TEXT.format(kind=kind)
    program.runs({"m.py": text})
    m = program.module("m")
    assert not m.find(None, asked)
    outcome = program.patch({"m.py": text + NEW[kind]})
    assert outcome, outcome.reasons
    assert m.find(None, 404) == MADE[kind]
    assert not m.find(None, 400)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert not m.find(None, 404)


def test_what_has_come_there_since_is_the_reason(program: Program) -> None:
    text = TEXT.format(kind="dict")
    program.runs({"m.py": text})
    m = program.module("m")
    m.find(None, 404)["own"] = 2
    outcome = program.patch({"m.py": text + NEW["dict"]})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "m.FOUND.None is new, and lives here already: the bundle may say keep or rebuild",
    )
    assert m.find(None, 404) == {"own": 2}

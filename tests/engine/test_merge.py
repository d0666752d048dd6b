"""Three ways: what the old start had, what the new one has, and what the process has made of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotpatch.plan import Effect

from .conftest import Program

Case = tuple[str, str, Callable[[Any], object], object]
"""Old source, new source, what happens in the live process, what X is then."""

MERGED: dict[str, Case] = {
    "an item that came to a dict stays": (
        "X = {'a': 1}", "X = {'a': 2}", lambda m: m.X.update(live=9), {"a": 2, "live": 9},
    ),
    "an item that the edit adds joins it": (
        "X = {'a': 1}", "X = {'a': 1, 'b': 2}", lambda m: m.X.update(live=9), {"a": 1, "live": 9, "b": 2},
    ),
    "an item that the edit removes goes": (
        "X = {'a': 1, 'b': 2}", "X = {'a': 1}", lambda m: m.X.update(live=9), {"a": 1, "live": 9},
    ),
    "a value that the edit does not touch stays": (
        "X = {'a': 1, 'b': 2}", "X = {'a': 1, 'b': 3}", lambda m: m.X.update(a=7), {"a": 7, "b": 3},
    ),
    "an inner table is merged by itself": (
        "X = {'a': {'b': 1, 'c': 1}}", "X = {'a': {'b': 2, 'c': 1}}", lambda m: m.X["a"].update(c=5),
        {"a": {"b": 2, "c": 5}},
    ),
    "a set keeps what came": (
        "X = {1, 2}", "X = {2, 3}", lambda m: m.X.add(9), {2, 3, 9},
    ),
    "who has the new value already keeps it": (
        "X = 1", "X = 2", lambda m: setattr(m, "X", 2), 2,
    ),
    "an attribute of an instance": (
        "class C: pass\nX = C()\nX.a = 1\nX.b = 1\nX = vars(X)",
        "class C: pass\nX = C()\nX.a = 2\nX.b = 1\nX = vars(X)",
        lambda m: m.X.update(b=5), {"a": 2, "b": 5},
    ),
}  # fmt: skip
REFUSED: dict[str, Case] = {
    "a value that both changed": ("X = 1", "X = 2", lambda m: setattr(m, "X", 3), 3),
    "an item that both changed": ("X = {'a': 1}", "X = {'a': 2}", lambda m: m.X.update(a=3), {"a": 3}),
    "an item that the edit changes and the process dropped": (
        "X = {'a': 1}", "X = {'a': 2}", lambda m: m.X.clear(), {},
    ),
    "an item that both added, otherwise": ("X = {}", "X = {'a': 1}", lambda m: m.X.update(a=2), {"a": 2}),
    "a tuple that was put in its place": ("X = (1, 2)", "X = (1, 3)", lambda m: setattr(m, "X", (9,)), (9,)),
}  # fmt: skip


def _live(program: Program, case: Case) -> Any:
    program.runs({"m.py": case[0] + "\n"})
    m = program.module("m")
    case[2](m)
    return m


@pytest.mark.parametrize("name", MERGED)
def test_merged(program: Program, name: str) -> None:
    m = _live(program, MERGED[name])
    outcome = program.patch({"m.py": MERGED[name][1] + "\n"})
    assert outcome, outcome.reasons
    assert MERGED[name][3] == m.X


@pytest.mark.parametrize("name", MERGED)
def test_merged_and_taken_back(program: Program, name: str) -> None:
    m = _live(program, MERGED[name])
    before, text, same = m.X, repr(m.X), m.X.copy() if hasattr(m.X, "copy") else m.X
    outcome = program.patch({"m.py": MERGED[name][1] + "\n"})
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.X is before and same == m.X
    assert isinstance(m.X, set) or repr(m.X) == text  # order included


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_name_and_nothing_changed(program: Program, name: str) -> None:
    m = _live(program, REFUSED[name])
    outcome = program.patch({"m.py": REFUSED[name][1] + "\n"})
    assert outcome.effect is Effect.RELOAD and "m.X" in outcome.reasons[0]
    assert REFUSED[name][3] == m.X


KEPT = ["a value that both changed", "an item that both changed", "an item that both added, otherwise"]


@pytest.mark.parametrize("name", KEPT)
def test_the_author_may_keep_what_lives(program: Program, name: str) -> None:
    m = _live(program, REFUSED[name])
    choice = "m.X.a" if isinstance(m.X, dict) else "m.X"
    new = REFUSED[name][1] + "\ndef f(): return X\n"
    outcome = program.patch({"m.py": new}, choices={choice: "keep"})
    assert outcome, outcome.reasons
    assert m.X == vars(m)["f"]() == REFUSED[name][3]


@pytest.mark.parametrize("name", KEPT)
def test_the_author_may_have_it_rebuilt(program: Program, name: str) -> None:
    m = _live(program, REFUSED[name])
    choice = "m.X.a" if isinstance(m.X, dict) else "m.X"
    outcome = program.patch({"m.py": REFUSED[name][1] + "\n"}, choices={choice: "rebuild"})
    assert outcome, outcome.reasons
    fresh: dict[str, Any] = {}
    exec(REFUSED[name][1], fresh)
    assert fresh["X"] == m.X


def test_to_keep_one_value_excuses_no_other(program: Program) -> None:
    program.runs({"m.py": "X = 1\nY = 1\n"})
    m = program.module("m")
    m.X, m.Y = 3, 3  # type: ignore[attr-defined]
    outcome = program.patch({"m.py": "X = 2\nY = 2\n"}, choices={"m.X": "keep"})
    assert outcome.effect is Effect.RELOAD and "m.Y" in outcome.reasons[0]


LISTS: dict[str, Case] = {
    "what was appended stays behind what is inserted": (
        "X = [1, 2]", "X = [1, 5, 2]", lambda m: m.X.append(9), [1, 5, 2, 9],
    ),
    "what was put in front stays in front": (
        "X = [1, 2]", "X = [1, 2, 3]", lambda m: m.X.insert(0, 0), [0, 1, 2, 3],
    ),
    "an item that the edit removes": ("X = [1, 2, 3]", "X = [1, 3]", lambda m: m.X.append(9), [1, 3, 9]),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_merged_or_honestly_is_not(program: Program, name: str) -> None:
    m = _live(program, LISTS[name])
    held, before = m.X, list(m.X)
    outcome = program.patch({"m.py": LISTS[name][1] + "\n"})
    assert m.X is held
    assert list(m.X) == (LISTS[name][3] if outcome else before)

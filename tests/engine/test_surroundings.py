"""What follows from the environment, the machine or a file beside the program is taken from a start only
where that is as it was there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpatch import engine, patching
from hotpatch.engine.surroundings import ENVIRONMENT, FILE, HOST, ask, same_here
from hotpatch.plan import Effect
from tests.engine.conftest import Program

IMPORTS = "import os, socket\n"
FOLLOWING = {
    # what follows from RETRIES: before, after
    "a constant": ("", "X = os.environ.get('RETRIES', '3')"),
    "by a subscript": ("", "X = os.environ['RETRIES']"),
    "by getenv": ("", "X = int(os.getenv('RETRIES', '3'))"),
    "of a class": ("class C: pass", "class C:\n    X = os.environ.get('RETRIES')"),
    "a default": ("def f(): pass", "def f(x=os.environ.get('RETRIES')): pass"),
    "by a function of the program": (
        "def env(n): return os.environ.get(n)",
        "def env(n): return os.environ.get(n)\nX = env('RETRIES')",
    ),
    "by a constant that stays": ("R = os.environ.get('RETRIES')", "R = os.environ.get('RETRIES')\nX = [R]"),
    "in an object": (
        "class C:\n    def __init__(self): self.x = 1\nc = C()",
        "class C:\n    def __init__(self): self.x = os.environ.get('RETRIES')\nc = C()",
    ),
    "in a copy of all": ("", "X = {k.lower(): v for k, v in os.environ.items()}['retries']"),
    "a new class": ("", "class C:\n    X = os.environ.get('RETRIES')"),
}


def there(program: Program, monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> engine.Measurement:
    """Loaded here, and measured where RETRIES is 5."""
    program.runs({"m.py": IMPORTS + before})
    program.module("m")
    monkeypatch.setenv("RETRIES", "5")
    measured = program.measure({"m.py": IMPORTS + after})
    return engine.Measurement.load(measured.dump())


@pytest.mark.parametrize("what", FOLLOWING)
def test_what_follows_from_another_environment_is_the_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    measured = there(program, monkeypatch, *FOLLOWING[what])
    monkeypatch.setenv("RETRIES", "7")
    outcome = patching.apply(measured, str(program.root))
    assert outcome.effect is Effect.RELOAD and "RETRIES" in outcome.reasons[0], outcome.reasons


@pytest.mark.parametrize("what", FOLLOWING)
def test_what_follows_from_the_same_environment_is_live(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    measured = there(program, monkeypatch, *FOLLOWING[what])
    outcome = patching.apply(measured, str(program.root))
    assert outcome, outcome.reasons


def test_what_a_new_module_takes_from_another_environment_is_the_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.runs({"m.py": "def f(): return 1\n"})
    m = program.module("m")
    monkeypatch.setenv("RETRIES", "5")
    conf = "import os\nRETRIES = int(os.environ['RETRIES'])\ndef ask(): return os.environ.get('OTHER')\n"
    files = {"m.py": "import conf\ndef f(): return conf.RETRIES\n", "conf.py": conf}
    measured = program.measure(files)
    monkeypatch.setenv("RETRIES", "7")
    outcome = patching.apply(measured, str(program.root))
    assert outcome.effect is Effect.RELOAD and "RETRIES" in outcome.reasons[0]
    monkeypatch.setenv("RETRIES", "5")
    monkeypatch.setenv("OTHER", "x")
    assert patching.apply(measured, str(program.root))
    assert m.f() == 5


BESIDE = {
    "a body": (
        "R = os.environ.get('RETRIES')\ndef f(): return 1",
        "R = os.environ.get('RETRIES')\ndef f(): return 2",
    ),
    "a body that reads it": (
        "R = os.environ.get('RETRIES')\ndef f(): return 1",
        "R = os.environ.get('RETRIES')\ndef f(): return R",
    ),
    "a constant": ("R = os.environ.get('RETRIES')\nX = 1", "R = os.environ.get('RETRIES')\nX = 2"),
    "a new function that reads it": (
        "R = os.environ.get('RETRIES')",
        "R = os.environ.get('RETRIES')\ndef f(): return R",
    ),
    "a new class whose methods ask": ("", "class C:\n    def f(self): return os.environ.get('RETRIES')"),
    "what asks another": ("", "X = os.environ.get('ANOTHER')"),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_does_not_follow_from_the_environment_is_live_in_another(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    measured = there(program, monkeypatch, *BESIDE[what])
    monkeypatch.setenv("RETRIES", "7")
    outcome = patching.apply(measured, str(program.root))
    assert outcome, outcome.reasons


def test_a_change_that_made_no_difference_there_and_would_here_is_the_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "R = os.environ.get('RETRIES', '{}')"
    measured = there(program, monkeypatch, text.format(1), text.format(2))
    monkeypatch.delenv("RETRIES")
    outcome = patching.apply(measured, str(program.root))
    assert outcome.effect is Effect.RELOAD and "RETRIES" in outcome.reasons[0]
    assert patching.apply(measured, str(program.root), choices={"m.R": "keep"})


def test_the_author_may_say_that_it_is_taken_from_there(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = there(program, monkeypatch, "", "X = os.environ['RETRIES']")
    m = program.module("m")
    monkeypatch.setenv("RETRIES", "7")
    outcome = patching.apply(measured, str(program.root), choices={"m.X": "rebuild"})
    assert outcome, outcome.reasons
    assert m.X == "5"


def test_a_file_beside_the_program_is_asked_for_as_well(program: Program, tmp_path: Path) -> None:
    config = tmp_path / "beside.conf"
    config.write_text("one")
    program.runs({"m.py": IMPORTS})
    m = program.module("m")
    measured = program.measure({"m.py": f"{IMPORTS}X = open({str(config)!r}).read()\n"})
    config.write_text("two")
    outcome = patching.apply(measured, str(program.root))
    assert outcome.effect is Effect.RELOAD and "beside.conf" in outcome.reasons[0]
    config.write_text("one")
    assert patching.apply(measured, str(program.root))
    assert m.X == "one"


def test_the_name_of_the_machine_is_asked_for_as_well(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.runs({"m.py": IMPORTS})
    program.module("m")
    measured = program.measure({"m.py": f"{IMPORTS}X = socket.gethostname()\n"})
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "another", "6", "1", "x86_64")))
    outcome = patching.apply(measured, str(program.root))
    assert outcome.effect is Effect.RELOAD and "machine's name" in outcome.reasons[0]


def test_a_library_that_asks_while_it_is_imported_holds_nothing_back(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = program.root.parent / "library"
    library.mkdir()
    (library / "asking.py").write_text("import os\nretries = os.environ.get('RETRIES')\n")
    monkeypatch.syspath_prepend(library)
    measured = there(program, monkeypatch, "", "import asking\nX = 1")
    monkeypatch.setenv("RETRIES", "7")
    outcome = patching.apply(measured, str(program.root))
    assert outcome, outcome.reasons


def test_no_value_of_the_environment_is_in_what_is_measured(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "hunter-two-and-a-half")
    program.runs({"m.py": IMPORTS})
    program.module("m")
    measured = program.measure({"m.py": f"{IMPORTS}X = len(os.environ['SECRET_OF_MINE'])\n"})
    (problem,) = [p for p in measured.problems if p.unless]
    assert "SECRET_OF_MINE" in str(problem) and "hunter" not in str(problem)


def test_a_fact_is_so_where_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (file := tmp_path / "f").write_text("x")
    facts = [ask(ENVIRONMENT, "ASKED_FOR", "salt"), ask(HOST, "", "salt"), ask(FILE, str(file), "salt")]
    assert all(map(same_here, facts))
    monkeypatch.setenv("ASKED_FOR", "")
    file.unlink()
    assert [same_here(fact) for fact in facts] == [False, True, False]


def test_asking_leaves_the_environment_as_it_was(program: Program) -> None:
    """Who holds a method of it holds the interpreter's own."""
    text = IMPORTS + "ask = os.environ.__class__.__getitem__\ndef f(): return {}\n"
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    assert m.ask is type(os.environ).__getitem__ and m.f() == 2

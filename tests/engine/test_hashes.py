"""A number that was made of a text's hash is taken from a start only by a process that hashes texts alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

NOTING = """\
class K:
    def __init__(self, name):
        self.name, self.noted = name, hash(name)
    def __hash__(self): return self.noted
    def __eq__(self, other): return self.name == other.name
"""
COMES = {
    "a number": ("X = None", "X = hash('abc')", "m.X == hash('abc')"),
    "a key": ("X = None", "X = {hash('abc'): 1}", "m.X[hash('abc')] == 1"),
    "noted by an object": (f"{NOTING}X = None", f"{NOTING}X = K('abc')", "hash(m.K('abc')) == hash(m.X)"),
    "noted by a key": (f"{NOTING}X = None", f"{NOTING}X = {{K('abc'): 1}}", "m.X[m.K('abc')] == 1"),
    "an item of a set that lives": (
        f"{NOTING}X = {{K('a')}}",
        f"{NOTING}X = {{K('a'), K('b')}}",
        "m.K('b') in m.X and m.K('a') in m.X",
    ),
}


@pytest.mark.parametrize("what", COMES)
def test_a_hash_of_another_process_is_the_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before, after, _ = COMES[what]
    program.runs({"m.py": before})
    program.module("m")
    monkeypatch.setenv("PYTHONHASHSEED", "271828")  # by which this process does not hash
    outcome = program.patch({"m.py": after})
    assert outcome.effect is Effect.RELOAD
    assert "made of a text's hash" in outcome.reasons[0] and "PYTHONHASHSEED" in outcome.reasons[0]


HASHED_ALIKE = """\
import sys
from hotpatch import patching
sys.path.insert(0, sys.argv[1])
import m
outcome = patching.patch(sys.argv[2], sys.argv[3], root=sys.argv[1])
assert outcome, outcome.reasons
assert {asks}
"""


@pytest.mark.parametrize("what", COMES)
def test_where_texts_are_hashed_alike_it_is_live(tmp_path: Path, what: str) -> None:
    before, after, asks = COMES[what]
    folders = [tmp_path / name for name in ("live", "before", "after")]
    for folder, text in zip(folders, (before, before, after), strict=True):
        folder.mkdir()
        (folder / "m.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", HASHED_ALIKE.format(asks=asks), *map(str, folders)],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


OTHER_NUMBERS = {
    "a large number": "X = 12345678901234567890",
    "a time": "import time\nX = time.time_ns()",
    "one by chance": "import random\nX = random.getrandbits(63)",
    "the hash of a number": "X = hash(2.5)",
    "one that an object is made of": "import uuid\nX = uuid.UUID(int=1 << 100)",
}


@pytest.mark.parametrize("what", OTHER_NUMBERS)
def test_a_number_that_is_no_hash_of_a_text_is_live(
    program: Program, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    program.runs({"m.py": "X = None\n"})
    m = program.module("m")
    monkeypatch.setenv("PYTHONHASHSEED", "271828")
    outcome = program.patch({"m.py": OTHER_NUMBERS[what]})
    assert outcome, outcome.reasons
    assert m.X is not None

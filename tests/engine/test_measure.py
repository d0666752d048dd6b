"""What two clean starts tell, and what happens where one does not start."""

from __future__ import annotations

import marshal
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from hotpatch import engine
from hotpatch.engine import Measurement, Start, measuring
from hotpatch.engine import start as start_module
from hotpatch.engine.start import Started
from hotpatch.errors import PatchInvalid, PatchRefused, WrongPython
from tests.agent.service import wait_until

from .conftest import Program


def measured(folder: Path, old: str, new: str, **options: object) -> Measurement:
    for name, text in (("old", old), ("new", new)):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
        (folder / name / "m.py").write_text(text)
    start = evolve(Start(root=str(folder / "old"), modules=("m",)), **options)
    return engine.measure(str(folder / "old"), str(folder / "new"), start)


def edits(measurement: Measurement) -> list[tuple[str, str]]:
    return [(edit.module, edit.name) for edit in engine.plan(measurement).edits]


NOISE = {
    "the time": "import time\nX = time.time()",
    "a random number": "import random\nX = random.random()",
    "an address": "X = id(object())",
    "a name that is never the same": "import uuid\nX = str(uuid.uuid4())",
    "the process": "import os\nX = os.getpid()",
    "its own folder": "X = __file__\nY = {'path': __file__ + '/data'}",
    "the order of a set": "X = list({'a', 'b', 'c', 'd'})",
}


@pytest.mark.parametrize("noise", NOISE)
def test_what_differs_between_equal_starts_is_no_edit(tmp_path: Path, noise: str) -> None:
    assert edits(measured(tmp_path, NOISE[noise] + "\nY2 = 1\n", NOISE[noise] + "\nY2 = 2\n")) == [
        ("m", "Y2")
    ]


def test_equal_sources_differ_in_nothing(tmp_path: Path) -> None:
    text = "import functools\nclass C:\n    def f(self): return [lambda: x for x in (1, 2)]\nX = C()\n"
    found = measured(tmp_path, text, text)
    assert found.difference.empty and edits(found) == []


def test_comments_and_layout_are_no_edit_of_what_runs(tmp_path: Path) -> None:
    found = measured(tmp_path, "def f(a):\n    return a\n", "def f( a ): # fine\n    return (a)\n")
    assert [edit.name for edit in engine.plan(found).edits if edit.kind != "lines"] in ([], ["f"])


def test_the_roots_path_is_that_of_the_process_which_is_patched(program: Program) -> None:
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")
    assert program.patch({"m.py": "X = 1\nHERE = __file__\nBELOW = [__file__ + '/data']\n"})
    assert vars(m)["HERE"] == f"{program.root}/m.py" and vars(m)["BELOW"] == [f"{program.root}/m.py/data"]


def test_new_sources_that_raise_are_no_program(tmp_path: Path) -> None:
    with pytest.raises(PatchInvalid, match=r"ZeroDivisionError.*m\.py, line 2"):
        measured(tmp_path, "X = 1\n", "X = 1\nY = 1 / 0\n")


def test_old_sources_that_raise_are_nothing_to_measure_from(tmp_path: Path) -> None:
    with pytest.raises(PatchRefused, match="ZeroDivisionError"):
        measured(tmp_path, "X = 1 / 0\n", "X = 1\n")


def test_a_start_that_exits_gives_no_account(tmp_path: Path) -> None:
    with pytest.raises(PatchRefused, match="without an account of itself"):
        measured(tmp_path, "X = 1\n", "import os\nos._exit(0)\n")


def test_a_start_that_ends_by_sysexit_is_told(tmp_path: Path) -> None:
    with pytest.raises(PatchInvalid, match="SystemExit"):
        measured(tmp_path, "X = 1\n", "raise SystemExit(3)\n")


def test_a_start_without_end_is_given_up_and_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    text = (
        f"import os, time\nopen({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')\nwhile True: time.sleep(1)\n"
    )
    with pytest.raises(PatchRefused, match="did not end within"):
        measured(tmp_path, "X = 1\n", text, seconds=3.0)
    pids = mark.read_text().split()
    assert pids
    wait_until(lambda: not any(_runs(pid) for pid in pids), "they end, having been killed")


def _runs(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_the_wire_form_says_the_same(tmp_path: Path) -> None:
    old, new = (
        "def f(a=1):\n    return a\nX = [1, (2, 'x')]\n",
        "def f(a=2):\n    return -a\nX = [1, (3, 'x')]\n",
    )
    found = measured(tmp_path, old, new)
    again = Measurement.load(found.dump())
    assert engine.plan(again) == engine.plan(found) and again.dump() == Measurement.load(again.dump()).dump()


def test_a_measurement_of_another_python_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    rest = marshal.loads(measured(tmp_path, "X = 1\n", "X = 2\n").dump())
    rest |= {"python": "cpython-311 3.11.0", "edit": b"no zlib", "sources": b"neither"}
    with pytest.raises(WrongPython, match=r"3\.11\.0"):
        Measurement.load(marshal.dumps(rest))


def test_a_damaged_measurement_is_refused(tmp_path: Path) -> None:
    data = measured(tmp_path, "X = 1\n", "X = 2\n").dump()
    rest = marshal.loads(data)
    for broken in (data[: len(data) // 2], b"", marshal.dumps([]), marshal.dumps({**rest, "edit": b"no"})):
        with pytest.raises(PatchRefused):
            Measurement.load(broken)


def test_a_worker_loads_nothing_that_only_measuring_needs() -> None:
    look = (
        "import sys, hotpatch_agent.worker.start\n"
        "print(sorted(name for name in sys.modules if name.startswith('hotpatch.engine.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout
    assert "'hotpatch.engine.staged'" in loaded
    assert not [
        name for name in ("measuring", "planning", "start", "explain", "syntax_read") if f".{name}'" in loaded
    ]


LOADS = {
    "by its name": ("import wave\n", [("wave",)]),
    "by a name that is put together": ("__import__('wa' + 've')\n", [(), ("wave",)]),
    "not at all": ("X = 2\n", [()]),
}


@pytest.mark.parametrize("how", LOADS)
def test_standard_modules_that_the_process_has_are_loaded_beforehand_where_a_start_comes_to_load_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    text, expected = LOADS[how]
    beforehand = []

    def run(start: Start, *args: Any, **options: Any) -> list[Started]:
        beforehand.append(start.preload)
        return start_module.run(start, *args, **options)

    monkeypatch.setattr(measuring, "run", run)
    measured(tmp_path, "X = 1\n", text, preload=("wave", "sndhdr"))
    assert beforehand == expected

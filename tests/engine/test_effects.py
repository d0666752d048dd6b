"""Statements with effects: an edit does none of them, so it is not live where one comes, goes or changes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from hotpatch.plan import Effect

from .conftest import Program

WORK = "import threading\nDONE = []\n\ndef work():\n    DONE.append(1)\n\n"


def test_a_thread_that_only_the_new_start_starts_is_not_left_out_silently(program: Program) -> None:
    program.runs({"job.py": WORK})
    job = program.module("job")
    outcome = program.patch({"job.py": WORK + "T = threading.Thread(target=work)\nT.start()\nT.join()\n"})
    assert outcome.effect is Effect.RELOAD
    assert not hasattr(job, "T") and job.DONE == []
    assert "starts a thread" in outcome.reasons[0] and "job:8" in outcome.reasons[0]


def test_a_thread_that_only_the_old_start_started_goes_on(program: Program) -> None:
    start = "T = threading.Thread(target=work)\nT.start()\nT.join()\n"
    program.runs({"job.py": WORK + start})
    program.module("job")
    outcome = program.patch({"job.py": WORK})
    assert outcome.effect is Effect.RELOAD and "job.work" in outcome.reasons[0]


def test_a_thread_that_both_start_is_no_difference(program: Program) -> None:
    start = "T = threading.Thread(target=work)\nT.start()\nT.join()\n"
    program.runs({"job.py": WORK + start})
    job = program.module("job")
    changed = "import os\n" + WORK + "def more():\n    return 2\n\n"
    assert program.patch({"job.py": changed + start}).effect is Effect.LIVE
    assert job.more() == 2 and job.DONE == [1]


def test_the_author_may_say_that_it_need_not_be_done(program: Program) -> None:
    work = "import threading\n\ndef work():\n    pass\n\n\n\n"
    program.runs({"job.py": work})
    job = program.module("job")
    new = work + "threading.Thread(target=work).start()\nNEW = 1\n"
    outcome = program.patch({"job.py": new}, choices={"job:8": "keep"})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert job.NEW == 1
    assert any("job:8" in note for note in outcome.plan.notes)


OUTSIDE = {
    "import signal": "signal.signal(signal.SIGUSR2, signal.SIG_IGN)",
    "import gc": "gc.set_threshold(701, 10, 10)",
    "import sys": "sys.setrecursionlimit(5000)",
    "import warnings": "warnings.filterwarnings('ignore', 'nothing such')",
    "import socket": "socket.setdefaulttimeout(7)",
    "import decimal": "decimal.getcontext().prec = 5",
    "import codecs": "codecs.register(lambda name: None)",
    "import mimetypes": "mimetypes.add_type('a/b', '.ab')",
    "import logging": "logging.getLogger('x').addHandler(logging.NullHandler())",
    "import os": "os.environ['A_NAME'] = 'new'",
    "import locale": "locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
}


@pytest.mark.parametrize("imports", OUTSIDE)
def test_what_is_set_outside_of_the_program_is_not_passed_over(program: Program, imports: str) -> None:
    module = f"{imports}\n\ndef f():\n    return 1\n"
    program.runs({"m.py": module})
    m = program.module("m")
    outcome = program.patch({"m.py": module + OUTSIDE[imports] + "\n"})
    assert outcome.effect is Effect.RELOAD and m.f() == 1


@pytest.mark.parametrize("imports", OUTSIDE)
def test_what_was_set_outside_of_the_program_is_not_passed_over(
    program: Program, imports: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another function of the program, where no statement at the top changes."""
    inside = f"{imports}\n\ndef f():\n    pass\n\nf()\n"
    program.runs({"m.py": inside})
    program.module("m")
    outcome = program.patch({"m.py": inside.replace("pass", OUTSIDE[imports])})
    assert outcome.effect is Effect.RELOAD


def test_a_file_that_only_the_new_start_writes(program: Program, tmp_path: Path) -> None:
    program.runs({"m.py": "def f():\n    return 1\n"})
    program.module("m")
    made = str(tmp_path / "made")
    new = f"def f():\n    return 1\n\nwith open({made!r}, 'w') as file:\n    file.write('x')\n"
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and "writes the file" in outcome.reasons[0]


def test_a_file_whose_name_is_never_the_same_is_no_difference(program: Program) -> None:
    module = "import tempfile\n\ndef f():\n    return 1\n\ntempfile.NamedTemporaryFile().close()\n"
    program.runs({"m.py": module})
    m = program.module("m")
    assert program.patch({"m.py": module.replace("return 1", "return 2")}).effect is Effect.LIVE
    assert m.f() == 2


def test_time_that_passes_leaves_nothing_behind(program: Program) -> None:
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")
    assert program.patch({"m.py": "import time\ntime.sleep(0.01)\nX = 2\n"}).effect is Effect.LIVE
    assert m.X == 2


THREAD = "import threading, time\nN = {}\ndef work(n):\n    time.sleep(500)\n{}"
THREAD += "T = threading.Thread(target=work, args=(N,), daemon=True)\nT.start()\n"


def test_a_thread_that_is_given_something_else_goes_on_with_what_it_had(program: Program) -> None:
    program.runs({"m.py": THREAD.format(1, "")})
    m = program.module("m")
    outcome = program.patch({"m.py": THREAD.format(2, "")})
    assert outcome.effect is Effect.RELOAD and "something else" in outcome.reasons[0] and m.N == 1


def test_a_thread_that_is_given_the_same_is_no_difference(program: Program) -> None:
    program.runs({"m.py": THREAD.format(1, "")})
    m = program.module("m")
    outcome = program.patch({"m.py": THREAD.format(1, "M = 1\n")})
    assert outcome and m.M == 1, outcome.reasons


GIVEN = "import hashlib, readline\nfrom conf import N, M\nreadline.set_history_length(N)\n"
GIVEN += "H = hashlib.sha256(str(N).encode())\n"


@pytest.mark.parametrize(
    ("conf", "named"), [("N = 20\nM = 1\n", ("m:3", "m.H")), ("N = 10\nM = 2\n", ())], ids=["given", "not"]
)
def test_a_statement_that_hands_something_else_to_a_library_is_named(
    program: Program, conf: str, named: tuple[str, ...]
) -> None:
    program.runs({"conf.py": "N = 10\nM = 1\n", "m.py": GIVEN})
    m = program.module("m")
    outcome = program.patch({"conf.py": conf})
    assert bool(outcome) is not bool(named), outcome.reasons
    assert m.N == 10
    assert m.M == 1 or not named
    if named:
        outcome = program.patch({"conf.py": conf}, choices=dict.fromkeys(named, "keep"))
        assert outcome and m.N == 20, outcome.reasons


def test_what_makes_keys_from_a_comparison_says_which(program: Program) -> None:
    text = "from functools import cmp_to_key\ndef up(a, b): return a - b\ndef down(a, b): return b - a\n"
    program.runs({"m.py": text + "KEY = cmp_to_key(up)\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": text + "KEY = cmp_to_key(down)\n"})
    assert outcome and sorted([1, 3, 2], key=m.KEY) == [3, 2, 1], outcome.reasons


def test_a_line_that_is_printed_keeps_nothing_from_going_live(program: Program) -> None:
    program.runs({"m.py": "X = 1\nprint('one')\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "X = 2\nprint('two')\n"})
    assert outcome.effect is Effect.LIVE and m.X == 2
    assert any("print" in note for note in outcome.plan.notes)


def test_a_measured_effect_on_the_programs_objects_is_live(program: Program) -> None:
    program.runs({"m.py": "import logging\nlog = logging.getLogger('m')\nTABLE = []\n"})
    m = program.module("m")
    new = "import logging\nlog = logging.getLogger('m')\nTABLE = []\nTABLE.append(1)\nlog.setLevel(30)\n"
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert m.TABLE == [1] and m.log.level == 30
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.TABLE == [] and m.log.level == 0


@pytest.mark.parametrize("made", ["hashlib.sha256(b'{}')", "(1, hashlib.sha256(b'{}'))"])
def test_a_value_that_can_not_be_looked_into_and_whose_statement_changed_is_not_taken_for_the_same(
    program: Program, made: str
) -> None:
    text = "import hashlib\nV = {}\ndef f():\n    return {}\n"
    program.runs({"m.py": text.format(made.format(1), 1)})
    m = program.module("m")
    new = {"m.py": text.format(made.format(2), 2)}
    outcome = program.patch(new)
    assert outcome.effect is Effect.RELOAD and "m.V" in outcome.reasons[0] and m.f() == 1
    outcome = program.patch(new, choices={"m.V": "keep"})
    assert outcome and m.f() == 2, outcome.reasons


def test_an_annotation_says_nothing_of_the_value(program: Program) -> None:
    text = "import contextvars\nV: {} = contextvars.ContextVar('v')\ndef f():\n    return {}\n"
    program.runs({"m.py": text.format("object", 1)})
    m = program.module("m")
    held = m.V
    outcome = program.patch({"m.py": text.format("contextvars.ContextVar[int]", 2)})
    assert outcome and m.f() == 2 and m.V is held, outcome.reasons


def test_a_lock_is_as_good_as_another_however_it_is_made(program: Program) -> None:
    text = "import threading\n{}\ndef f():\n    return {}\n"
    program.runs({"m.py": text.format("LOCK = threading.Lock()", 1)})
    m = program.module("m")
    lock = m.LOCK
    made = "make = threading.Lock\nLOCK = make()"
    outcome = program.patch({"m.py": text.format(made, 2)})
    assert outcome and m.f() == 2 and m.LOCK is lock, outcome.reasons


def test_a_binary_format_says_what_it_was_made_from(program: Program) -> None:
    program.runs({"m.py": "import struct\nS = struct.Struct('>I')\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "import struct\nS = struct.Struct('>H')\n"})
    assert outcome and m.S.size == 2, outcome.reasons


PURE = (
    "DONE = []\ndef note(x):\n    DONE.append(x)\n    return [x]\ntry:\n    {}\nexcept TypeError:\n    pass\n"
)


def test_a_builtin_that_leaves_nothing_behind_may_be_called_for_what_it_raises(program: Program) -> None:
    program.runs({"m.py": PURE.format("zip()")})
    program.module("m")
    outcome = program.patch({"m.py": PURE.format("zip(strict=True)") + "NEW = 1\n"})
    assert outcome, outcome.reasons


def test_what_its_arguments_do_is_an_effect(program: Program) -> None:
    text = "import gc\n" + PURE
    program.runs({"m.py": text.format("zip()")})
    program.module("m")
    outcome = program.patch({"m.py": text.format("zip([gc.collect()])") + "NEW = 1\n"})
    assert outcome.effect is Effect.RELOAD and "gc.collect" in outcome.reasons[0]


OLD_PYTHON = "modern = {modern}\n{test}\n    eval('1')\nelse:\n    X = 1\n"


@pytest.mark.parametrize("test", ["if not modern:", "if modern:\n    pass\nelse:\n    pass\nif not modern:"])
def test_a_call_in_a_branch_that_no_start_took_is_no_effect(program: Program, test: str) -> None:
    program.runs({"m.py": "Y = 1\n" + OLD_PYTHON.format(modern=True, test=test)})
    m = program.module("m")
    outcome = program.patch({"m.py": "Y = 2\nX = 1\n"})
    assert outcome, outcome.reasons
    assert m.Y == 2


@pytest.mark.parametrize(
    "old", [OLD_PYTHON.format(modern=True, test="if modern:"), "import random\nif random:\n    eval('1')\n"]
)
def test_a_call_in_a_branch_that_was_taken_or_may_have_been_is_one(program: Program, old: str) -> None:
    program.runs({"m.py": old})
    program.module("m")
    outcome = program.patch({"m.py": "X = 1\n"})
    assert not outcome
    assert "calls eval" in outcome.reasons[0]


def test_a_module_that_no_start_loads_does_nothing(program: Program) -> None:
    program.runs({"job.py": "A = 1\n", "manual/conf.py": "import gc\n", "manual/__init__.py": ""})
    job = program.module("job")
    files = {"job.py": "A = 2\n", "manual/conf.py": "import gc\ngc.set_threshold(701, 10, 10)\n"}
    outcome = program.patch(files)
    assert outcome, outcome.reasons
    assert job.A == 2


IMPORTS = "__import__('{0}')\nimport importlib\nimportlib.import_module('{0}')\n"


def test_an_import_by_a_call_is_an_import(program: Program) -> None:
    program.runs({"job.py": IMPORTS.format("part"), "part.py": "", "other.py": ""})
    program.module("job")
    for name in ("other", "part"):
        outcome = program.patch({"job.py": IMPORTS.format(name)})
        assert outcome, outcome.reasons
        assert "other" in sys.modules
        program.before = program.before.with_name(f"before-{name}")
        shutil.copytree(program.after, program.before)


def test_an_import_by_a_call_of_what_is_outside_of_the_program_is_not_passed_over(program: Program) -> None:
    program.runs({"job.py": "A = 1\n"})
    program.module("job")
    outcome = program.patch({"job.py": "A = 1\n__import__('colorsys')\n"})
    assert outcome.effect is Effect.RELOAD
    assert "imports colorsys" in outcome.reasons[0]


@pytest.mark.parametrize("names", ["globals", "locals", "vars"])
def test_a_name_that_is_bound_as_an_item_is_a_name(program: Program, names: str) -> None:
    program.runs({"job.py": "a = 'A'\nb = 'B'\nc = 1\n"})
    job = program.module("job")
    bound = f"for n in 'ab':\n    {names}()[n] = n.upper()\ndel n\n"
    outcome = program.patch({"job.py": f"{bound}c = 2\n"})
    assert outcome, outcome.reasons
    assert (job.a, job.b, job.c) == ("A", "B", 2)


def test_what_is_set_on_what_the_programs_own_table_holds_is_live(program: Program) -> None:
    text = "class Pot: pass\nKNOWN = {'pot': Pot}\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch(
        {"m.py": text + "for name in KNOWN:\n    KNOWN[name].__module__ = 'kitchen'\ndel name\n"}
    )
    assert outcome, outcome.reasons
    assert m.Pot.__module__ == "kitchen"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.Pot.__module__ == "m"


def test_what_is_set_on_what_a_table_from_elsewhere_holds_is_not_passed_over(program: Program) -> None:
    text = "from sys import modules\n"
    program.runs({"m.py": text})
    program.module("m")
    outcome = program.patch({"m.py": text + "modules['colorsys'] = 1\nmodules['decimal'].mark = 1\n"})
    assert outcome.effect is Effect.RELOAD

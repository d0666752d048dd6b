"""What a set-up function does to libraries is live and as after a fresh start, or the reason for a reload."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hotpatch import patching
from hotpatch.engine.libraries import stored
from hotpatch.plan import Effect
from tests.engine.conftest import Program

RELOADS = {
    # library: what the old set-up does, what the new one does, what is named
    "logging, a level": (
        "logging.getLogger('x.y').setLevel(20)",
        "logging.getLogger('x.y').setLevel(10)",
        "x.y",
    ),
    "logging, a handler": (
        "logging.getLogger('x.y').addHandler(logging.StreamHandler())",
        "logging.getLogger('x.y').addHandler(logging.NullHandler())",
        "x.y",
    ),
    "logging, the root": ("logging.getLogger().setLevel(30)", "logging.getLogger().setLevel(10)", "root"),
    "logging, its own switch": ("pass", "logging.raiseExceptions = False", "logging"),
    "logging, a class": (
        "pass",
        "logging.setLoggerClass(type('L', (logging.Logger,), {}))",
        "logger class L",
    ),
    "json, an encoder": (
        "pass",
        "json._default_encoder = json.JSONEncoder(sort_keys=True)",
        "_default_encoder",
    ),
    "json, a class": ("pass", "json.JSONEncoder.item_separator = ';'", "item_separator"),
    "ssl": ("pass", "ssl._create_default_https_context = ssl._create_unverified_context", "ssl"),
    "a constant of a library": ("string.whitespace = ' '", "string.whitespace = '-'", "string:whitespace"),
    "a table of a library": ("pass", "string.hexdigits = []; string.hexdigits.append('g')", "hexdigits"),
    "the environment": ("os.environ['QQ'] = '1'", "os.environ['QQ'] = '2'", "QQ"),
    "the file mode mask": ("os.umask(0o22)", "os.umask(0o27)", "file mode mask"),
    "the import path": ("pass", "sys.path.append('/nowhere')", "import path"),
    "a path hook": ("pass", "sys.path_hooks.append(len)", "import hooks"),
    "standard output": ("pass", "sys.stdout.reconfigure(errors='replace')", "streams"),
    "a builtin": ("builtins.N_ = 1", "builtins.N_ = 2", "builtins"),
    "an exit hook": ("pass", "atexit.register(print)", "exit hooks"),
    "a signal": ("pass", "signal.signal(signal.SIGUSR2, signal.SIG_IGN)", "signal handlers"),
    "the locale": ("locale.setlocale(0, 'C')", "locale.setlocale(0, 'C.UTF-8')", "locale"),
    "a socket's timeout": ("socket.setdefaulttimeout(5)", "socket.setdefaulttimeout(7)", "socket timeout"),
    "decimal": ("decimal.getcontext().prec = 20", "decimal.getcontext().prec = 30", "decimal context"),
    "warnings": ("pass", "warnings.simplefilter('error')", "warning filters"),
    "a context variable": ("V.set(1)", "V.set(2)", "context variables"),
    "csv": ("csv.register_dialect('q', delimiter=';')", "csv.register_dialect('q', delimiter=':')", "csv"),
    "copyreg": ("pass", "copyreg.pickle(complex, lambda c: (complex, (1,)))", "reducers"),
    "multiprocessing": ("pass", "multiprocessing.set_start_method('spawn', force=True)", "start method"),
    "the opener of URLs": ("pass", "request.install_opener(request.build_opener())", "opener"),
    "time zones": ("pass", "zoneinfo.reset_tzpath(['/zz'])", "time zone path"),
    "an exit hook's argument": ("atexit.register(gone, 1)", "atexit.register(gone, 2)", "exit hooks"),
    "an exit hook's object": (
        "atexit.register(Conn(1).close)",
        "atexit.register(Conn(2).close)",
        "Conn.close",
    ),
    "a signal handler's argument": (
        "signal.signal(signal.SIGUSR2, functools.partial(gone, 1))",
        "signal.signal(signal.SIGUSR2, functools.partial(gone, 2))",
        "SIGUSR2",
    ),
    "a signal's timer": (
        "signal.setitimer(signal.ITIMER_VIRTUAL, 500)",
        "signal.setitimer(signal.ITIMER_VIRTUAL, 600)",
        "ITIMER_VIRTUAL",
    ),
    "a hook's argument": (
        "sys.excepthook = functools.partial(gone, 1)",
        "sys.excepthook = functools.partial(gone, 2)",
        "excepthook",
    ),
    "a finalizer's argument": ("finalize(LOG, gone, 1)", "finalize(LOG, gone, 2)", "finalizers gone"),
    "a timer's argument": ("start(1)", "start(2)", "something else than the old code"),
    "random numbers": ("random.seed(1)", "random.seed(2)", "random numbers"),
    "logging, warnings": ("pass", "logging.captureWarnings(True)", "warning"),
    "logging, a handler's own attribute": (
        "logging.getLogger('x.y').addHandler(Handler(1))",
        "logging.getLogger('x.y').addHandler(Handler(2))",
        "x.y",
    ),
    "logging, the format of dates": (
        "logging.basicConfig(datefmt='%H')",
        "logging.basicConfig(datefmt='%M')",
        "root",
    ),
    "a library's own object": ("calendar.setfirstweekday(0)", "calendar.setfirstweekday(6)", "calendar:c"),
    "a library's plain variable": (
        "random.seed(7); gettext.textdomain('a')",
        "gettext.textdomain('b')",
        "gettext",
    ),
    "a codec that is gone": ("codecs.register(gone)", "pass", "codecs gone"),
    "a handler of errors that is gone": ("codecs.register_error('mine', gone)", "pass", "codecs mine"),
}
LIVE = {
    "a codec that was looked up and is none any more": (
        "codecs.register(lambda n: codecs.lookup('utf-8') if n == 'mine' else None); codecs.lookup('mine')",
        "codecs.register(lambda n: codecs.lookup('ascii') if n == 'mine' else None); codecs.lookup('mine')",
        "codecs.lookup('mine').name",
        "'ascii'",
    ),
    "a handler of errors of a codec": (
        "codecs.register_error('mine', lambda e: ('?', e.end))",
        "codecs.register_error('mine', lambda e: ('!', e.end))",
        "b'\\xff'.decode('ascii', 'mine')",
        "'!'",
    ),
    "a function in a library's place": (
        "textwrap.dedent = lambda text: text",
        "textwrap.dedent = lambda text: text + '!'",
        "textwrap.dedent('t')",
        "'t!'",
    ),
    "a handler of a signal": (
        "signal.signal(signal.SIGUSR2, lambda s, f: 1)",
        "signal.signal(signal.SIGUSR2, lambda s, f: 2)",
        "signal.getsignal(signal.SIGUSR2)(0, 0)",
        "2",
    ),
    "a level of a logger that a variable holds": ("LOG.setLevel(20)", "LOG.setLevel(10)", "LOG.level", "10"),
    "an entry of the import path that leads nowhere and is gone": (
        "(lambda: sys.path.insert(1, '/nowhere'))()",
        "pass",
        "2",
        "2",
    ),
    "a start method that only the old code asked for": (
        "start = multiprocessing.get_start_method()",
        "start = ''",
        "1",
        "1",
    ),
    "nothing but a local value": ("x = 1", "x = 2", "1", "1"),
}
HEAD = """
import atexit, builtins, calendar, codecs, contextvars, copyreg, csv, decimal, functools, gettext, json
import locale, logging, multiprocessing, os, random, signal, socket, ssl, string, sys, textwrap
import threading, warnings
import zoneinfo
from urllib import request
from weakref import finalize
class Conn:
    def __init__(self, number): self.number = number
    def close(self): pass
class Handler(logging.Handler, Conn):
    def __init__(self, number):
        logging.Handler.__init__(self)
        Conn.__init__(self, number)
def gone(*args): pass
def start(number):
    timer = threading.Timer(500, gone, [number])
    timer.daemon = True
    timer.start()
V = contextvars.ContextVar("v", default=0)
LOG = logging.getLogger("held")
def set_up():
    {}
set_up()
def ask():
    return {}
"""


def in_a_child(program: Program, old: str, new: str, ask: str = "1") -> tuple[Effect, str, str]:
    """The effect of the push, its reasons, and the answer after it: whatever the set-up does is done to a
    process of its own."""
    before, after = HEAD.format(old, ask), HEAD.format(new, ask)
    program.runs({"m.py": before})
    note = Path(program.root.parent, "note")
    pid = os.fork()
    if not pid:
        try:
            m = program.module("m")
            outcome = program.patch({"m.py": after})
            note.write_text("\n".join([outcome.effect.value, " ".join(outcome.reasons), repr(m.ask())]))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    effect, reason, answer = note.read_text().splitlines()
    return Effect(effect), reason, answer


@pytest.mark.parametrize("name", RELOADS)
def test_a_library_that_would_be_set_otherwise_is_the_reason(program: Program, name: str) -> None:
    old, new, named = RELOADS[name]
    effect, reason, _ = in_a_child(program, old, new)
    assert effect is Effect.RELOAD
    assert named in reason


@pytest.mark.parametrize("name", LIVE)
def test_what_a_library_holds_of_the_program_is_live_and_new(program: Program, name: str) -> None:
    old, new, ask, answer = LIVE[name]
    effect, reason, answered = in_a_child(program, old, new, ask)
    assert effect is Effect.LIVE, reason
    assert answered == answer


def test_what_is_never_the_same_twice_hides_nothing_beside_it(program: Program) -> None:
    set_up = "atexit.register(gone, random.random()); sys.excepthook = functools.partial(gone, {})"
    set_up += "; os.environ['QQ'] = str(random.random()); os.environ['RR'] = '{}'"
    effect, reason, _ = in_a_child(program, set_up.format(1, 1), set_up.format(1, 2))
    assert effect is Effect.RELOAD and "RR" in reason and "QQ" not in reason


def test_what_is_never_the_same_twice_is_no_difference(program: Program) -> None:
    set_up = "atexit.register(gone, random.random()); os.environ[str(random.random())] = 'x'"
    effect, reason, _ = in_a_child(program, set_up, set_up + "; x = 1")
    assert effect is Effect.LIVE, reason


RESTLESS = {
    "a variable of a library": "json.QQ = random.random()",
    "the environment": "os.environ['QQ'] = str(random.random())",
    "a builtin": "builtins.N_ = random.random()",
    "a hook's argument": "sys.excepthook = functools.partial(gone, random.random())",
    "an exit hook's argument": "atexit.register(gone, random.random())",
    "the import path": "sys.path.append(str(random.random()))",
    "a context variable": "V.set(random.random())",
    "a logger's level": "logging.getLogger('x.y').setLevel(random.randrange(1, 10**9))",
}


@pytest.mark.parametrize("what", RESTLESS)
def test_what_comes_and_is_never_the_same_twice_is_the_reason(program: Program, what: str) -> None:
    assert in_a_child(program, "pass", RESTLESS[what])[0] is Effect.RELOAD


@pytest.mark.parametrize("what", RESTLESS)
def test_what_is_never_the_same_twice_in_old_and_new_is_no_difference(program: Program, what: str) -> None:
    effect, reason, _ = in_a_child(program, RESTLESS[what], RESTLESS[what] + "; x = 1")
    assert effect is Effect.LIVE, reason


def test_what_comes_to_be_never_the_same_twice_is_the_reason(program: Program) -> None:
    effect, reason, _ = in_a_child(program, "json.QQ = 1", "json.QQ = random.random()")
    assert effect is Effect.RELOAD and "json:QQ" in reason


def test_where_a_library_has_had_an_object_is_no_difference(program: Program) -> None:
    """`SENTINEL = str(object())`: two starts may agree by chance, so that it is not known for noise."""
    text = "import json\ndef f():\n    json.SENTINEL = '<object object at 0x7f0000000{}>'\nf()\nX = {}\n"
    program.runs({"m.py": text.format(1, 1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(2, 2)})
    assert outcome, outcome.reasons
    assert m.X == 2


def test_a_library_that_only_the_new_code_imports_is_no_difference(program: Program) -> None:
    text = "class C:\n    def __init__(self):\n        self.ascii_letters = 1\ndef f(): return 1\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": "import string\n" + text.replace("return 1", "return 2")})
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_a_part_of_a_library_that_only_the_new_code_imports_is_no_setting_of_it(program: Program) -> None:
    library = program.root.parent / "library" / "outer"
    library.mkdir(parents=True)
    for name in ("__init__", "part"):
        (library / f"{name}.py").touch()
    sys.path.insert(0, str(library.parent))
    text = "import outer\nclass C:\n    pass\nc = C()\nc.part = 1\ndef f(): return 1\n"
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": "import outer.part\n" + text.replace("return 1", "return 2")})
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_names_that_sources_assign_are_found_in_every_form() -> None:
    source = (
        b"a.one = 1\na.b.two += 1\nself.b.three: int = 3\na.four['x'] = 4\nsetattr(a, 'five', 5)\n"
        b"a.six.append(6)\na.none == 1\nf(x=1)\ny = a.read\n"
        b"self.seven = 7\nself.eight.append(8)\n"
    )
    assert stored([source]) == ["five", "four", "one", "six", "three", "two"]


def test_a_cache_that_any_use_of_a_library_fills_is_no_setting_of_it(program: Program) -> None:
    text = "import re\nclass C:\n    pass\nc = C()\nc._cache = {{}}\nRX = re.compile({!r})\n"
    program.runs({"m.py": text.format("a+")})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format("b+")})
    assert outcome, outcome.reasons
    assert m.RX.match("b")


FINDERS = """
import sys
class Finder:
    def __init__(self, number): self.number = number
    def find_spec(self, *rest): return None
sys.meta_path.append(Finder({}))
"""


def test_finders_that_libraries_add_when_they_are_imported_may_come_in_either_order(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    library = program.root.parent / "library"
    library.mkdir()
    for name in ("one", "two"):
        (library / f"finds_{name}.py").write_text(FINDERS.format(repr(name)))
    monkeypatch.syspath_prepend(library)
    text = "import finds_{}\nimport finds_{}\ndef f(): return {}\n"
    program.runs({"m.py": text.format("one", "two", 1)})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format("two", "one", 2)})
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_finders_of_the_program_that_come_in_another_order_are_the_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    text = FINDERS + "sys.meta_path.append(Finder({}))\n"
    program.runs({"m.py": text.format(1, 2)})
    program.module("m")
    outcome = program.patch({"m.py": text.format(2, 1)})
    assert outcome.effect is Effect.RELOAD


def test_what_a_library_noted_of_the_folder_when_it_was_loaded_is_no_difference(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new sources lie where the program runs: the old ones do not."""
    text = "import multiprocessing.process\ndef f(): return 1\n"
    program.runs({"m.py": text})
    monkeypatch.chdir(program.root)
    m = program.module("m")
    (program.root / "m.py").write_text(text.replace("1", "2"))
    outcome = patching.patch(program.before, program.root)
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_an_address_that_a_library_notes_is_no_difference(program: Program) -> None:
    """ctypes notes where its own functions were mapped: two starts may agree by chance, and the third not."""
    library = program.root.parent / "library"
    library.mkdir()
    (library / "noting.py").write_text(
        "import pathlib, sys\n"
        "old = 'return 1' in pathlib.Path(sys.path[0], 'm.py').read_text()\n"
        "place = id(int) if old else id(str)\ndel old\n"
    )
    program.runs({"m.py": "import noting\ndef f(): return 1\n"})
    sys.path.append(str(library))
    m = program.module("m")
    outcome = program.patch({"m.py": "import noting\ndef f(): return 2\n"})
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_a_large_number_that_is_no_address_is_the_reason(program: Program) -> None:
    library = program.root.parent / "library"
    library.mkdir()
    (library / "numbering.py").write_text("last = 0\n")
    sys.path.insert(0, str(library))
    text = "import numbering\ndef f():\n    numbering.last = {}\nf()\n"
    program.runs({"m.py": text.format(1 << 62)})
    program.module("m")
    outcome = program.patch({"m.py": text.format(1 << 61)})
    assert outcome.effect is Effect.RELOAD and "numbering:last" in outcome.reasons[0]


def test_a_library_that_this_process_cannot_import_is_the_reason(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clean starts could: it asks for what a process has that has gone on since."""
    text = "import sys\nif 'gone_on' in sys.modules: raise AttributeError('not twice')\ndef f(): return 1\n"
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "not_twice.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "libraries"))
    program.runs({"m.py": "def g(): return 0\n"})
    module = program.module("m")
    monkeypatch.setitem(sys.modules, "gone_on", module)
    outcome = program.patch({"m.py": "import not_twice\ndef g(): return not_twice.f()\n"})
    assert outcome.effect is Effect.RELOAD
    assert "not_twice can't be imported in this process: AttributeError: not twice" in outcome.reasons[0]

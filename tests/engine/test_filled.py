"""What code fills when it is first asked, on an object of the start or in a module, and would fill otherwise
now: a clean start tells nothing of it, so the author says."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

FILLS = {
    "an attribute, by itself": (
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = 21 * {n}\n        return self._x\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an attribute, by a property that returns early": (
        "def make(n): return 21 * n * {n}\nclass C:\n    _x = None\n    @property\n    def ask(self):\n"
        "        if self._x is not None:\n            return self._x\n        self._x = make(1)\n"
        "        return self._x\nCONF = C()\ndef f(): return CONF.ask\n"
    ),
    "an attribute that is missing": (
        "N = {n}\nclass C:\n    def ask(self):\n"
        "        if not hasattr(self, '_x'):\n            self._x = [21 * N][0]\n        return self._x\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an attribute, by a method of its own": (
        "class C:\n    def __init__(self): self._x = None\n    def make(self): return 21 * {n}\n"
        "    def ask(self):\n        if not self._x:\n            value = self.make()\n"
        "            self._x = value\n        return self._x\nCONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an attribute, by a comprehension": (
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = sum([21 * {n} for _ in 'a'])\n"
        "        return self._x\nCONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an attribute, right after a local one was set": (
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n        times = 21\n"
        "        if self._x is None:\n            self._x = times * {n}\n        return self._x\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an attribute, before something is tried": (
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = 21 * {n}\n"
        "        try:\n            return self._x\n        finally:\n            self.asked = True\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "an object": (
        "class Sum:\n    def __init__(self, n): self.n = n\n    def __eq__(self, n): return self.n == n\n"
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = Sum(21 * {n})\n        return self._x\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "a table": (
        "class C:\n    def __init__(self): self._x = None\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = {{'sum': 21 * {n}}}\n"
        "        return self._x['sum']\n"
        "CONF = C()\ndef f(): return CONF.ask()\n"
    ),
    "a class that is found by its name": (
        "class A1: value = 21\nclass A2: value = 42\nclass C:\n"
        "    def __init__(self, name):\n        self._x, self.name = None, name\n    def ask(self):\n"
        "        if self._x is None:\n            self._x = globals()[self.name]\n"
        "        return self._x.value\n"
        "CONF = C('A{n}')\ndef f(): return CONF.ask()\n"
    ),
    "an object in a variable": (
        "X = None\nclass Sum(int): pass\ndef f():\n    global X\n    if X is None:\n"
        "        X = Sum(21 * {n})\n    return X\n"
    ),
    "a variable": (
        "X = None\ndef make(): return 21 * {n}\ndef f():\n    global X\n    if X is None:\n"
        "        X = make()\n    return X\n"
    ),
}
PLACES = {name: "m.X" if "variable" in name else "m.CONF._x" for name in FILLS}


@pytest.mark.parametrize("what", FILLS)
def test_what_was_filled_from_what_changes_is_the_reason(program: Program, what: str) -> None:
    program.runs({"m.py": FILLS[what].format(n=1)})
    m = program.module("m")
    assert m.f() == 21
    outcome = program.patch({"m.py": FILLS[what].format(n=2)})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        f"{PLACES[what]} was filled since the start, from what the new code changes: "
        "the bundle may say keep or rebuild",
    )
    assert m.f() == 21


@pytest.mark.parametrize("what", FILLS)
def test_the_author_may_have_it_filled_anew(program: Program, what: str) -> None:
    program.runs({"m.py": FILLS[what].format(n=1)})
    m = program.module("m")
    assert m.f() == 21
    outcome = program.patch({"m.py": FILLS[what].format(n=2)}, choices={PLACES[what]: "rebuild"})
    assert outcome, outcome.reasons
    assert m.f() == 42
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.f() == 21


@pytest.mark.parametrize("what", FILLS)
def test_what_nobody_has_asked_for_is_empty(program: Program, what: str) -> None:
    program.runs({"m.py": FILLS[what].format(n=1)})
    m = program.module("m")
    outcome = program.patch({"m.py": FILLS[what].format(n=2)})
    assert outcome, outcome.reasons
    assert m.f() == 42


def test_the_author_may_keep_it(program: Program) -> None:
    text = FILLS["a variable"]
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    assert m.f() == 21
    outcome = program.patch({"m.py": text.format(n=2)}, choices={"m.X": "keep"})
    assert outcome, outcome.reasons
    assert m.f() == 21


STAYS = """
class Conn:
    def send(self, x): return {n} + x
def start(): return 7
def note(x): return {n} + x
class C:
    def __init__(self): self.conn = self.began = self.ready = None
    def ask(self):
        if self.conn is None:
            self.conn = Conn()
        if self.began is None:
            self.began = start()
        if self.ready is None:
            note(1)
            self.ready = True
        return self.conn.send(self.began)
CONF = C()
"""


def test_what_was_filled_from_what_stays_is_state(program: Program) -> None:
    """A connection whose class changes where it is; a number whose maker stays; a flag for what was done."""
    program.runs({"m.py": STAYS.format(n=1)})
    m = program.module("m")
    assert m.CONF.ask() == 8
    held = vars(m.CONF).copy()
    outcome = program.patch({"m.py": STAYS.format(n=2)})
    assert outcome, outcome.reasons
    assert vars(m.CONF) == held and m.CONF.ask() == 9

"""What an object keeps in C nobody can compare: a statement that makes it otherwise, or does something to it,
is the reason for a reload, never passed over."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

EDITS = {
    "a TLS context made otherwise": (
        "import ssl\nCTX = ssl._create_unverified_context()\n",
        "import ssl\nCTX = ssl.create_default_context()\n",
    ),
    "a TLS context in a table": (
        "import ssl\nCONF = {'ssl': ssl._create_unverified_context()}\n",
        "import ssl\nCONF = {'ssl': ssl.create_default_context()}\n",
    ),
    "a setting of a TLS context": (
        "import ssl\nCTX = ssl.create_default_context()\n",
        "import ssl\nCTX = ssl.create_default_context()\nCTX.minimum_version = ssl.TLSVersion.TLSv1_3\n",
    ),
    "a setting that is gone": (
        "import ssl\nCTX = ssl.create_default_context()\nCTX.check_hostname = False\n",
        "import ssl\nCTX = ssl.create_default_context()\n",
    ),
    "the key of a signature": (
        "import hmac\nMAC = hmac.new(b'old', digestmod='sha256')\n",
        "import hmac\nMAC = hmac.new(b'new', digestmod='sha256')\n",
    ),
    "what was hashed": (
        "import hashlib\nH = hashlib.sha256()\nH.update(b'old')\n",
        "import hashlib\nH = hashlib.sha256()\nH.update(b'new')\n",
    ),
    "a database in memory": (
        "import sqlite3\nDB = sqlite3.connect(':memory:')\nDB.execute('create table a(x)')\n",
        "import sqlite3\nDB = sqlite3.connect(':memory:')\nDB.execute('create table a(x, y)')\n",
    ),
    "an attribute of each thread": (
        "import threading\nLOCAL = threading.local()\nLOCAL.lang = 'en'\n",
        "import threading\nLOCAL = threading.local()\nLOCAL.lang = 'de'\n",
    ),
    "an item of a queue": (
        "import queue\nQ = queue.SimpleQueue()\nQ.put(1)\n",
        "import queue\nQ = queue.SimpleQueue()\nQ.put(1)\nQ.put(2)\n",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_is_hidden_and_may_be_another_is_the_reason(program: Program, what: str) -> None:
    old, new = EDITS[what]
    program.runs({"m.py": old + "def f():\n    return 1\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": new + "def f():\n    return 2\n"})
    assert outcome.effect is Effect.RELOAD
    assert "the bundle may say keep for m" in outcome.reasons[0]
    assert m.f() == 1


@pytest.mark.parametrize("what", EDITS)
def test_what_is_made_and_treated_as_before_stays(program: Program, what: str) -> None:
    old, _ = EDITS[what]
    program.runs({"m.py": old + "def f():\n    return 1\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": old + "def f():\n    return 2\n"})
    assert outcome, outcome.reasons
    assert m.f() == 2


def test_a_variable_that_is_deleted_otherwise_is_no_effect_on_anything_else(program: Program) -> None:
    program.runs({"m.py": "from collections import deque\nX = deque()\ndel deque\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "from collections import deque\nX = deque()\n"})
    assert outcome, outcome.reasons
    assert m.deque is type(m.X)


def test_a_class_derived_from_one_of_c_that_keeps_nothing_is_looked_into(program: Program) -> None:
    """`datetime.tzinfo` has no more room in C than `object`."""
    zone = (
        "from datetime import tzinfo, timedelta\nclass Zone(tzinfo):\n"
        "    def __init__(self, hours): self.hours = hours\n"
        "    def utcoffset(self, when): return timedelta(hours=self.hours)\n"
        "    def tzname(self, when): return 'old'\nHERE = Zone(1)\n"
    )
    program.runs({"m.py": zone})
    here = program.module("m").HERE
    outcome = program.patch({"m.py": zone.replace("self.hours = hours", "self.hours = hours * 2")})
    assert outcome, outcome.reasons
    assert here.hours == 2


@pytest.mark.parametrize("new", ["['a', 'b', 'c']", "['b', 'a']", "['a', 'x']", "['a']"])
def test_what_has_copied_the_items_of_a_list_that_changes_is_the_reason(program: Program, new: str) -> None:
    source = "import itertools\nNAMES = {}\nTURNS = itertools.cycle(NAMES)\ndef f(): return next(TURNS)\n"
    program.runs({"m.py": source.format("['a', 'b']")})
    m = program.module("m")
    assert {m.f(), m.f(), m.f()} == {"a", "b"}
    outcome = program.patch({"m.py": source.format(new)})
    assert outcome.effect is Effect.RELOAD
    assert "m.TURNS is made from m.NAMES" in outcome.reasons[0]
    assert m.NAMES == ["a", "b"]


def test_a_generator_over_a_list_that_changes_has_that_list(program: Program) -> None:
    source = "NAMES = {}\nTURNS = (name for name in NAMES)\ndef f(): return next(TURNS)\n"
    program.runs({"m.py": source.format("['a', 'b']")})
    m = program.module("m")
    assert m.f() == "a"
    outcome = program.patch({"m.py": source.format("['a', 'b', 'c']")})
    assert outcome, outcome.reasons
    assert [m.f(), m.f()] == ["b", "c"]

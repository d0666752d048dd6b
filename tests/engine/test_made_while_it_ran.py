"""Objects that the program made while it ran have only what old code gave them."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

READ = "import m\n\ndef read(one):\n    return one.x\n"
LACKS = {
    "a default of the class that `__init__` sets now": (
        "class C:\n    x = []\n",
        "class C:\n    def __init__(self): self.x = []\n",
    ),
    "a default of the class for what `__init__` has not always set": (
        "class C:\n    x = None\n    def __init__(self, x=None):\n        if x: self.x = x\n",
        "class C:\n    def __init__(self, x=None): self.x = x or 1\n",
    ),
    "a default of the class that `__init__` sets to None now": (
        "class C:\n    x = None\n    def __init__(self, x=None):\n        if x: self.x = x\n",
        "class C:\n    def __init__(self, x=None):\n        self.x = None\n        if x: self.x = x\n",
    ),
    "a property that is an attribute now": (
        "class C:\n    def __init__(self): self._x = 1\n    @property\n    def x(self): return self._x\n",
        "class C:\n    def __init__(self): self.x = 1\n",
    ),
    "what only another method has set so far": (
        "class C:\n    def login(self): self.x = 1\n    def who(self): return getattr(self, 'x', None)\n",
        "class C:\n    def __init__(self): self.x = None\n    def login(self): self.x = 1\n"
        "    def who(self): return self.x\n",
    ),
    "what a method behind a decorator reads": (
        "def deco(f):\n    def wrapped(*args): return f(*args)\n    return wrapped\n"
        "class C:\n    def __init__(self): self.y = 1\n    @deco\n    def who(self): return 1\n",
        "def deco(f):\n    def wrapped(*args): return f(*args)\n    return wrapped\n"
        "class C:\n    def __init__(self): self.y = self.x = int()\n"
        "    @deco\n    def who(self): return self.x\n",
    ),
    "what a cached property reads": (
        "import functools\nclass C:\n    def __init__(self): self.y = 1\n    @functools.cached_property\n"
        "    def who(self): return 1\n",
        "import functools\nclass C:\n    def __init__(self): self.y = self.x = int()\n"
        "    @functools.cached_property\n    def who(self): return self.x\n",
    ),
    "a field of a model": (
        "from pydantic import BaseModel\nclass C(BaseModel):\n    y: int = 1\ndef who(one): return 1\n",
        "from pydantic import BaseModel, Field\nclass C(BaseModel):\n    y: int = 1\n"
        "    x: int = Field(default_factory=lambda: 1)\n"
        "def who(one): return one.x\n",
    ),
}


@pytest.mark.parametrize("what", LACKS)
def test_what_objects_lack_that_live_is_the_reason(program: Program, what: str) -> None:
    old, new = LACKS[what]
    program.runs({"m.py": old, "reader.py": READ})
    m = program.module("m")
    program.module("reader")
    made = m.C()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0] == "objects of C that live lack x, which new code reads and no old code set"
    del made


@pytest.mark.parametrize("what", LACKS)
def test_without_such_objects_it_is_live(program: Program, what: str) -> None:
    old, new = LACKS[what]
    program.runs({"m.py": old, "reader.py": READ})
    m = program.module("m")
    program.module("reader")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert hasattr(m.C(), "x")


UNSET = """
class Client:
    host = {default}
    def __init__(self, name): self.name = name{sets}
    def show(self): return {reads}
"""
SETS = "; self.host = name + '@x'"


def test_what_no_object_has_set_yet_is_not_there_for_code_that_comes_to_read_it(program: Program) -> None:
    program.runs({"m.py": UNSET.format(default=None, sets="", reads="self.name")})
    made = program.module("m").Client("a")
    outcome = program.patch({"m.py": UNSET.format(default=None, sets=SETS, reads="self.host.upper()")})
    assert outcome.effect is Effect.RELOAD
    lacking = "objects of Client that live lack host, which new code reads and no old code set"
    assert outcome.reasons == (lacking,)
    assert made.show() == "a"


ENOUGH = {
    "a default that is a value": (("30", "", "self.name"), ("30", SETS, "self.host"), 30),
    "code that has read it so far": (("None", "", "self.host"), ("None", SETS, "self.host"), None),
    "code that asks whether it is set": (
        ("None", "", "self.name"),
        ("None", SETS, "self.name if self.host is None else self.host"),
        "a",
    ),
    "a default that comes with it": (("None", "", "self.name"), ("'-'", SETS, "self.host"), "-"),
    "the same that it is set to": (
        ("None", "", "self.name"),
        ("None", "; self.host = None", "self.host"),
        None,
    ),
}


@pytest.mark.parametrize("what", ENOUGH)
def test_a_default_of_the_class_is_enough(program: Program, what: str) -> None:
    before, after, shown = ENOUGH[what]
    names = ("default", "sets", "reads")
    program.runs({"m.py": UNSET.format(**dict(zip(names, before, strict=True)))})
    made = program.module("m").Client("a")
    outcome = program.patch({"m.py": UNSET.format(**dict(zip(names, after, strict=True)))})
    assert outcome, outcome.reasons
    assert made.show() == shown


KINDS = {
    "a lock that can't be taken twice": ("threading.Lock()", "threading.RLock()"),
    "a table without a default": ("{}", "collections.defaultdict(list)"),
    "a table that does not count": ("dict()", "collections.Counter()"),
    "an event": ("False", "threading.Event()"),
}
OF_KIND = """
import collections
import threading
class C:
    def __init__(self): self.x = {x}
    def use(self): return {n}, self.x
"""


@pytest.mark.parametrize("what", KINDS)
def test_what_objects_have_of_a_kind_that_is_no_more_is_the_reason(program: Program, what: str) -> None:
    old, new = KINDS[what]
    program.runs({"m.py": OF_KIND.format(x=old, n=1)})
    m = program.module("m")
    made = m.C()
    outcome = program.patch({"m.py": OF_KIND.format(x=new, n=2)})
    assert outcome.effect is Effect.RELOAD
    assert "which old code set; new code reads it and sets another kind" in outcome.reasons[0]
    assert made.use()[0] == 1


COUNTED = """
{name} = 0
def issue():
    global {name}
    {name} += 1
    return {name}
"""


def test_what_was_counted_in_a_variable_that_goes_is_the_reason(program: Program) -> None:
    program.runs({"m.py": COUNTED.format(name="count")})
    m = program.module("m")
    m.issue()
    outcome = program.patch({"m.py": COUNTED.format(name="issued")})
    assert outcome.effect is Effect.RELOAD
    assert "m.count is no longer there in the new sources, and holds what came to it" in outcome.reasons[0]
    assert m.issue() == 2


def test_a_counter_that_nothing_was_counted_in_may_go(program: Program) -> None:
    program.runs({"m.py": COUNTED.format(name="count")})
    m = program.module("m")
    outcome = program.patch({"m.py": COUNTED.format(name="issued")})
    assert outcome, outcome.reasons
    assert m.issue() == 1


CACHES = """
from functools import lru_cache
class C:
    def __init__(self): self.get = lru_cache(self._get)
    def _get(self, n): return n * {n}
"""


def test_a_cache_of_each_object_in_front_of_a_method_that_changes_is_emptied(program: Program) -> None:
    program.runs({"m.py": CACHES.format(n=1)})
    m = program.module("m")
    made = m.C()
    assert made.get(2) == 2
    outcome = program.patch({"m.py": CACHES.format(n=5)})
    assert outcome, outcome.reasons
    assert made.get(2) == 10
    assert outcome.undo is not None
    outcome.undo.revert()
    assert made.get(2) == 2

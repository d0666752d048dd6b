"""What was memoised is forgotten where it leads to what changes, however the change is reached."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

CACHED = {
    "a table": "CONF = {{'limit': {n}}}\n@lru_cache\ndef f(): return CONF['limit'] * 2\n",
    "a list": "CONF = [{n}]\n@lru_cache\ndef f(): return CONF[0] * 2\n",
    "a set": "CONF = {{{n}}}\n@lru_cache\ndef f(): return sum(CONF) * 2\n",
    "a table in a table that a function hands out": (
        "CONF = {{'a': {{'limit': {n}}}}}\ndef g(): return CONF\n"
        "@lru_cache\ndef f(): return g()['a']['limit'] * 2\n"
    ),
    "an object's attribute": (
        "class C: pass\nCONF = C()\nCONF.limit = {n}\n@lru_cache\ndef f(): return CONF.limit * 2\n"
    ),
    "an object's attribute, by a method": (
        "class C:\n    def __init__(self): self.limit = {n}\n    def twice(self): return self.limit * 2\n"
        "CONF = C()\n@lru_cache\ndef f(): return CONF.twice()\n"
    ),
    "an attribute of what a method is of": (
        "class C:\n    def __init__(self): self.limit = {n}\n"
        "    @lru_cache\n    def twice(self): return self.limit * 2\n"
        "CONF = C()\ndef f(): return CONF.twice()\n"
    ),
    "an attribute of what it is given": (
        "class C: pass\nCONF = C()\nCONF.limit = {n}\n"
        "@lru_cache\ndef g(conf): return conf.limit * 2\ndef f(): return g(CONF)\n"
    ),
    "a constant, in a cached property": (
        "N = {n}\nclass C:\n    @cached_property\n    def twice(self): return N * 2\n"
        "CONF = C()\ndef f(): return CONF.twice\n"
    ),
    "a function, in a cached property": (
        "def g(): return {n}\nclass C:\n    @cached_property\n    def twice(self): return g() * 2\n"
        "CONF = C()\ndef f(): return CONF.twice\n"
    ),
    "a table, in a cached property": (
        "N = {{'n': {n}}}\nclass C:\n    @cached_property\n    def twice(self): return N['n'] * 2\n"
        "CONF = C()\ndef f(): return CONF.twice\n"
    ),
    "an object's attribute, in a cached property": (
        "class C:\n    def __init__(self): self.limit = {n}\n"
        "    @cached_property\n    def twice(self): return self.limit * 2\n"
        "CONF = C()\ndef f(): return CONF.twice\n"
    ),
}
HEAD = "from functools import cached_property, lru_cache\n"


@pytest.mark.parametrize("what", CACHED)
def test_an_answer_that_was_made_of_what_changes_is_made_anew(program: Program, what: str) -> None:
    text = HEAD + CACHED[what]
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    assert m.f() == 2
    outcome = program.patch({"m.py": text.format(n=2)})
    assert outcome, outcome.reasons
    assert m.f() == 4
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.f() == 2


def test_an_answer_that_has_nothing_to_do_with_the_change_stays(program: Program) -> None:
    text = (
        HEAD + "class C: pass\nA, B, asked = C(), C(), []\nA.limit, B.limit = 1, {n}\n"
        "@lru_cache\ndef f(): return asked.append(1) or A.name\nA.name = 'a'\n"
    )
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    assert m.f() == "a"
    outcome = program.patch({"m.py": text.format(n=2)})
    assert outcome, outcome.reasons
    assert m.f() == "a" and m.asked == [1]


def test_an_answer_that_the_start_asked_for_is_the_new_start_s(program: Program) -> None:
    text = HEAD + CACHED["a constant, in a cached property"] + "f()\nCONF.twice\n"
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    assert m.f() == 2
    outcome = program.patch({"m.py": text.format(n=2)})
    assert outcome, outcome.reasons
    assert vars(m.CONF) == {"twice": 4}


def test_a_list_that_a_cached_property_made_of_what_changes_is_not_taken_for_new(program: Program) -> None:
    """It may have gathered something since: neither keeping nor dropping it is sure to be right."""
    text = (
        HEAD + "N = {n}\nclass C:\n    @cached_property\n    def some(self): return [N]\n"
        "CONF = C()\ndef f(): return CONF.some\n"
    )
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    m.f().append(5)
    outcome = program.patch({"m.py": text.format(n=2)})
    assert not outcome
    assert "cached C.some" in outcome.reasons[0]
    assert m.f() == [1, 5]


# -- caches that come, go or become others while somebody has what stood there ---------------------------

LOAD = "from functools import lru_cache\n{}def load(key): return [key]\n"


@pytest.mark.parametrize("more", ["", "def other(): return load(1)\n"])
def test_whoever_holds_a_function_that_is_memoised_from_now_on_asks_the_cache(
    program: Program, more: str
) -> None:
    program.runs({"m.py": LOAD.format("") + more})
    m = program.module("m")
    held = [m.load]
    outcome = program.patch({"m.py": LOAD.format("@lru_cache\n") + more})
    assert outcome, outcome.reasons
    assert held[0](1) is held[0](1) is m.load(1)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held[0](1) is not m.load(1)
    assert held[0] is m.load


@pytest.mark.parametrize("after", ["", "@lru_cache(maxsize=3)\n"])
def test_a_cache_that_gives_way_is_held_by_nobody(program: Program, after: str) -> None:
    program.runs({"m.py": LOAD.format("@lru_cache\n")})
    m = program.module("m")
    held = {"load": m.load}
    outcome = program.patch({"m.py": LOAD.format(after)})
    assert outcome.reasons == ("a dict holds the old _lru_cache_wrapper object",)
    held.clear()
    outcome = program.patch({"m.py": LOAD.format(after)})
    assert outcome, outcome.reasons
    assert (m.load(1) is m.load(1)) is bool(after)

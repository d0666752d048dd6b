"""Functions that the new sources have no more, and that somebody goes on holding."""

from __future__ import annotations

import signal
import threading

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program, changed

OLD = """import functools, signal, threading
BUS, BY_NAME, GOES_ON = [], {}, threading.Event()
def passes_on(f):
    def call(*args): return f(*args)
    return call
def on_pay(*args): return "old"
def other(*args): return "other"
@passes_on
def around(): return "old"
@functools.lru_cache
def cached(): return "old"
def steps():
    while True:
        yield "old"
def waits(): GOES_ON.wait()
class Loop:
    def waits(self): GOES_ON.wait()
class Shop:
    def paid(self): return "old"
    @staticmethod
    def sold(): return "old"
    @property
    def price(self): return 1
def subscribe(): BUS.append(on_pay)
def method(): BUS.append(Shop().paid)
def static(): BUS.append(Shop.sold)
def partial(): BUS.append(functools.partial(on_pay))
def wrapped(): BUS.append(around)
def memoised(): BUS.append(cached)
def by_name(): BY_NAME["x"] = on_pay
def later(): BUS.append(threading.Timer(3600, on_pay))
def handles(): signal.signal(signal.SIGURG, on_pay)
def begins(): BUS.append(steps())
def starts_method():
    threading.Thread(target=Loop().waits, daemon=True).start()
    GOES_ON.clear()
def starts():
    threading.Thread(target=waits, daemon=True).start()
    GOES_ON.clear()
"""
ON_PAY = 'def on_pay(*args): return "old"\n'
GONE = [(ON_PAY, ""), ("on_pay", "other")]
HELD = {
    "in a list, and goes": ("subscribe", "on_pay", GONE),
    "in a list, and has another name": ("subscribe", "on_pay", [("on_pay", "was_paid")]),
    "in a dict": ("by_name", "on_pay", GONE),
    "in a partial": ("partial", "on_pay", GONE),
    "by a timer": ("later", "on_pay", GONE),
    "for a signal": ("handles", "on_pay", GONE),
    "bound to an object": ("method", "Shop.paid", [("paid", "was_paid")]),
    "a static method": ("static", "Shop.sold", [('    @staticmethod\n    def sold(): return "old"\n', "")]),
    "behind another that stays": (
        "wrapped",
        "around",
        [('@passes_on\ndef around(): return "old"\n', ""), ("around", "other")],
    ),
    "behind its cache": (
        "memoised",
        "cached",
        [('@functools.lru_cache\ndef cached(): return "old"\n', ""), ("cached)", "other)")],
    ),
}


@pytest.mark.parametrize("how", HELD)
def test_a_function_that_is_gone_and_held_is_a_reason(program: Program, how: str) -> None:
    does, name, changes = HELD[how]
    program.runs({"m.py": OLD})
    m = program.module("m")
    before = signal.getsignal(signal.SIGURG)
    try:
        getattr(m, does)()
        outcome = program.patch({"m.py": changed(OLD, *changes)})
    finally:
        signal.signal(signal.SIGURG, before)
    assert outcome.effect is Effect.RELOAD
    assert f"m.{name} is gone from the sources, and is still held" in outcome.reasons


def test_functions_that_nobody_holds_go(program: Program) -> None:
    program.runs({"m.py": OLD})
    m = program.module("m")
    m.cached()
    m.BUS.append(threading.Thread.__new__(threading.Thread))  # one that is about to be made
    outcome = program.patch(
        {"m.py": "import threading\nGOES_ON = threading.Event()\nBUS, BY_NAME = [], {}\n"}
    )
    assert outcome, outcome.reasons
    assert not hasattr(m, "on_pay") and not hasattr(m, "Shop")


def test_a_function_that_stands_elsewhere_goes_under_its_name(program: Program) -> None:
    table = OLD + 'TABLE = {"pay": on_pay}\nclass Till:\n    pay = on_pay\n'
    program.runs({"m.py": table})
    m = program.module("m")
    m.subscribe()
    outcome = program.patch(
        {"m.py": table.replace("BUS.append(on_pay)", "BUS.append(None)") + "del on_pay\n"}
    )
    assert outcome, outcome.reasons
    assert [m.TABLE["pay"]] == m.BUS and not hasattr(m, "on_pay")


@pytest.mark.parametrize("does", ["begins", "starts", "starts_method"])
def test_one_that_only_runs_still_is_told_of_with_its_frame(program: Program, does: str) -> None:
    program.runs({"m.py": OLD})
    m = program.module("m")
    getattr(m, does)()
    if m.BUS:
        next(m.BUS[0])
    new = changed(OLD, *[('def steps():\n    while True:\n        yield "old"\n', ""), ("steps()", "None")])
    new = new.replace("def waits(): GOES_ON.wait()\n", "").replace("target=waits", "target=other")
    new = new.replace("def waits(self): GOES_ON.wait()\n", "pass\n").replace("Loop().waits", "other")
    outcome = program.patch({"m.py": new})
    running = [thread for thread in threading.enumerate() if thread.name.endswith("(waits)")]
    m.GOES_ON.set()
    for thread in running:
        thread.join()
    assert outcome, outcome.reasons


def test_functions_of_a_module_that_goes_are_asked_about(program: Program) -> None:
    part = 'def a(): return "old"\ndef b(): return a()\n'
    held = "BUS = []\ndef subscribe():\n    from part import b\n    BUS.append(b)\n"
    program.runs({"m.py": "import part\n" + held, "part.py": part})
    program.module("m").subscribe()
    outcome = program.patch({"m.py": "BUS = []\ndef subscribe(): BUS.append(None)\n", "part.py": None})
    assert outcome.effect is Effect.RELOAD
    assert "part.b is gone from the sources, and is still held" in outcome.reasons


def test_a_table_that_gives_way_holds_nothing_back(program: Program) -> None:
    table = "TABLE = [(1, (on_pay, 'pay')), (2, (other, 'other'))]\n"
    program.runs({"m.py": OLD + table})
    program.module("m")
    tuples = "TABLE = ((1, (other, 'pay')), (2, (other, 'other')))\n"
    outcome = program.patch({"m.py": changed(OLD, *GONE) + tuples})
    assert outcome, outcome.reasons


GAINS = """
class Event:
    def __init__(self, path{more}):
        self.path = path{sets}
{prop}
EVENTS = []
def make(): EVENTS.append(Event("a"))
"""


def test_what_staging_looks_at_to_give_to_objects_holds_nothing(program: Program) -> None:
    prop = "    @property\n    def name(self): return self.path\n"
    program.runs({"m.py": GAINS.format(more="", sets="", prop=prop), "n.py": ""})
    m, n = program.module("m"), program.module("n")
    m.make()
    more = {"more": ", size=1", "sets": "\n        self.size = size"}
    new = GAINS.format(prop="    def tell(self): return self.size\n", **more)
    outcome = program.patch({"m.py": new, "n.py": "from m import Event\n"})
    assert outcome, outcome.reasons
    assert m.EVENTS[0].tell() == 1 and not hasattr(n.Event, "name")

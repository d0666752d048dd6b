"""A function that a factory made, and makes no more, is no reason where the edit takes it away itself."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

APP = """
import functools
KEPT = []
class App:
    def __init__(self): self.routes = {{}}
    def route(self, path): return lambda f: self.routes.setdefault(path, f)
def logged(f):
    @functools.wraps(f)
    def inner(*args): return f(*args)
    return inner
def create():
    app = App()
    @app.route("/a")
    def a(): return {a}
{b}
    return app
APP = create()
def ask(path): return APP.routes[path]() if path in APP.routes else "none"
"""
B = "    @app.route('/b'){}\n    def b(): return 'b'"
PLAIN, WRAPPED = B.format(""), B.format("\n    @logged")


@pytest.mark.parametrize("gone", [PLAIN, WRAPPED], ids=["plain", "wrapped"])
def test_a_route_goes_from_the_factory_and_comes_back(program: Program, gone: str) -> None:
    program.runs({"shop.py": APP.format(a=1, b=gone)})
    shop = program.module("shop")
    outcome = program.patch({"shop.py": APP.format(a=2, b="")})
    assert outcome, outcome.reasons
    assert (shop.ask("/a"), shop.ask("/b")) == (2, "none")
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (shop.ask("/a"), shop.ask("/b")) == (1, "b")


def test_a_route_that_moves_out_of_the_factory_is_the_new_one(program: Program) -> None:
    moved = "def b(): return 'moved'\ndef create():\n"
    program.runs({"shop.py": APP.format(a=1, b=PLAIN)})
    shop = program.module("shop")
    new = APP.format(a=1, b="    app.route('/b')(b)").replace("def create():\n", moved)
    outcome = program.patch({"shop.py": new})
    assert outcome, outcome.reasons
    assert shop.ask("/b") == "moved"


def test_one_that_somebody_else_holds_is_the_reason(program: Program) -> None:
    program.runs({"shop.py": APP.format(a=1, b=PLAIN)})
    shop = program.module("shop")
    shop.KEPT.append(shop.APP.routes["/b"])
    outcome = program.patch({"shop.py": APP.format(a=1, b="")})
    assert outcome.effect is Effect.RELOAD
    assert "closures of create.<locals>.b are in use, and the new code is gone" in outcome.reasons


COUNTER = """
HELD = []
def counter():
    n = 0
    def hit():
        nonlocal n
        n += 1
        return n
    return hit
def new(): HELD.append(counter())
def use(c): return c()
"""
CLASS = """
HELD = []
class counter:
    def __init__(self): self.n = 0
    def hit(self):
        self.n += 1
        return self.n
def new(): HELD.append(counter())
def use(c): return c.hit()
"""


def test_what_a_factory_made_is_the_reason_where_a_class_takes_its_place(program: Program) -> None:
    program.runs({"m.py": COUNTER})
    m, factory = program.module("m"), [program.module("m").counter]
    m.new()
    outcome = program.patch({"m.py": CLASS})
    assert outcome.reasons == ("closures of counter.<locals>.hit are in use, and the new code is gone",)
    assert m.use(m.HELD[0]) == 1
    m.HELD.clear()
    outcome = program.patch({"m.py": CLASS})
    assert outcome, outcome.reasons
    assert m.use(factory[0]()) == 1
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.use(factory[0]()) == 1

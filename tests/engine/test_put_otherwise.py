"""What a container holds from before is not handed to new code that puts and reads other things there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotpatch.plan import Effect

from .conftest import Program

HELD = """
import queue
from collections import deque, namedtuple
from dataclasses import dataclass
@dataclass
class Pen:
    ink: str
    def get(self, name): return self.ink
Pair = namedtuple("Pair", "ink nib")
class Shelf:
    def __init__(self): self.pens = {}
    def put(self, ink): self.pens[ink] = Pen(ink) if False else {"ink": ink}
SHELF, PENS, LIST, QUEUE = Shelf(), {}, [], queue.Queue()
def make(ink="red"): {put}
def tell(): return {tell}
"""
OTHERWISE = {
    "records become objects": (
        ("PENS[ink] = {'ink': ink}", "[pen['ink'] for pen in PENS.values()]"),
        ("PENS[ink] = Pen(ink)", "[pen.ink for pen in PENS.values()]"),
    ),
    "records that an object holds become objects": (
        ("SHELF.pens[ink] = {'ink': ink}", "[pen['ink'] for pen in SHELF.pens.values()]"),
        ("SHELF.pens[ink] = Pen(ink)", "[pen.ink for pen in SHELF.pens.values()]"),
    ),
    "rows become named tuples": (
        ("LIST.append((ink, 1))", "[pen[0] for pen in LIST]"),
        ("LIST.append(Pair(ink, 1))", "[pen.ink for pen in LIST]"),
    ),
    "plain values become rows": (
        ("PENS[ink] = len(ink)", "[number for number in PENS.values()]"),
        ("PENS[ink] = (len(ink), 1)", "[number for number, one in PENS.values()]"),
    ),
    "plain values become rows, read by index": (
        ("LIST.append(ink)", "[pen for pen in LIST]"),
        ("LIST.append((ink, 1))", "[pen[1] for pen in LIST]"),
    ),
    "plain values that wait become rows": (
        ("QUEUE.put(ink)", "[pen for pen in list(QUEUE.queue)]"),
        ("QUEUE.put((ink, 1))", "[pen for pen, one in list(QUEUE.queue)]"),
    ),
}
HARMLESS = {
    "the code asks for the kind": (
        ("PENS[ink] = {'ink': ink}", "[pen['ink'] for pen in PENS.values()]"),
        ("PENS[ink] = Pen(ink)", "[p.ink if isinstance(p, Pen) else p['ink'] for p in PENS.values()]"),
    ),
    "what was there has it as well": (
        ("PENS[ink] = {'ink': ink}", "[pen['ink'] for pen in PENS.values()]"),
        ("PENS[ink] = Pen(ink)", "[pen.get('ink') for pen in PENS.values()]"),
    ),
    "rows were put there before as well": (
        ("pen = (ink, 1); PENS[ink] = pen", "[pen[0] for pen in PENS.values()]"),
        ("PENS[ink] = (ink, 2)", "[ink for ink, one in PENS.values()]"),
    ),
    "the container holds None": (
        ("PENS[ink] = None", "[pen or 1 for pen in PENS.values()]"),
        ("PENS[ink] = Pen(ink)", "[pen.ink if pen else 1 for pen in PENS.values()]"),
    ),
    "another name is meant": (
        ("PENS[ink] = len(ink)", "[len(PENS)]"),
        ("LIST.append((ink, 1)); PENS[ink] = 2", "[ink for ink, one in LIST] + [1]"),
    ),
}


def holds_back(program: Program, tell: Callable[[], object], new: str, said: str) -> None:
    """What lives is the reason, and goes on as it was."""
    before = tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and said in " ".join(outcome.reasons)
    assert tell() == before


def held(parts: tuple[str, str]) -> str:
    return HELD.replace("{put}", parts[0]).replace("{tell}", parts[1])


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_a_container_holds_from_before_is_the_reason_where(program: Program, name: str) -> None:
    old, new = map(held, OTHERWISE[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.make()
    holds_back(program, m.tell, new, "reads what it puts instead")


@pytest.mark.parametrize("name", OTHERWISE)
def test_with_empty_containers_the_same_edit_is_live(program: Program, name: str) -> None:
    old, new = map(held, OTHERWISE[name])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.make()
    assert m.tell()


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_container_holds_is_no_reason_if(program: Program, name: str) -> None:
    old, new = map(held, HARMLESS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.make()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.make("blue")
    assert m.tell()


MADE = """
from collections import deque
class A:
    def __init__(self, n=1): self.n = n
    def old(self): return self.n
class B(A):
    def new(self): return self.n
class Rack:
    def __init__(self, size=2):
        {made}
    def tell(self): return {told}
"""
MADE_OTHERWISE = {
    # what `__init__` makes a container of; what a method reads of that
    "a list is made of others": ("self.parts = [A(), A(2)]", "self.parts = [B(), B(2)]"),
    "a comprehension makes others": (
        "self.parts = [A(n) for n in range(size)]",
        "self.parts = [B(n) for n in range(size)]",
    ),
    "a comprehension with variables from outside makes others": (
        "self.parts = [A(n + size) for n in range(size)]",
        "self.parts = [B(n + size) for n in range(size)]",
    ),
    "a set is made of others": ("self.parts = {A(n) for n in range(size)}", "self.parts = {B(), B(2)}"),
    "a tuple is made of what a generator gives": (
        "self.parts = tuple(A(n) for n in range(size))",
        "self.parts = tuple(B(n) for n in range(size))",
    ),
    "a queue is made of a list": ("self.parts = deque([A(), A()])", "self.parts = deque([B(), B()])"),
    "plain values become objects": ("self.parts = [1, 2]", "self.parts = [B(1), B(2)]"),
    "a loop fills a list before it goes by a name": (
        "parts = []\n        for n in range(size): parts.append(A(n))\n        self.parts = parts",
        "parts = []\n        for n in range(size): parts.append(B(n))\n        self.parts = parts",
    ),
    "a loop fills a list that goes by a name": (
        "self.parts = parts = []\n        for n in range(size): parts.append(A(n))",
        "self.parts = parts = []\n        for n in range(size): parts.append(B(n))",
    ),
    "a table is made of others": (
        "self.parts = {n: A(n) for n in range(size)}",
        "self.parts = {n: B(n) for n in range(size)}",
    ),
    "a table has others under its keys": (
        "self.parts = {1: A(), 2: A(2)}",
        "self.parts = {1: B(), 2: B(2)}",
    ),
}


def told(made: str, name: str) -> str:
    parts = "self.parts.values()" if "self.parts = {" in made and ": " in made else "self.parts"
    return MADE.replace("{made}", made).replace("{told}", f"sum(each.{name} for each in {parts})")


@pytest.mark.parametrize("name", MADE_OTHERWISE)
def test_what_init_made_is_the_reason_where(program: Program, name: str) -> None:
    old, new = MADE_OTHERWISE[name]
    program.runs({"m.py": told(old, "n" if name.startswith("plain") else "old()").replace("each.n", "1")})
    m = program.module("m")
    rack = m.Rack()
    holds_back(program, rack.tell, told(new, "new()"), "reads what it puts instead")


@pytest.mark.parametrize("name", MADE_OTHERWISE)
def test_without_objects_that_live_what_init_makes_is_live(program: Program, name: str) -> None:
    old, new = MADE_OTHERWISE[name]
    program.runs({"m.py": told(old, "n").replace("each.n", "1")})
    m = program.module("m")
    outcome = program.patch({"m.py": told(new, "new()")})
    assert outcome, outcome.reasons
    assert m.Rack().tell()


def test_what_init_made_is_no_reason_where_new_code_reads_no_more_of_it(program: Program) -> None:
    old, new = MADE_OTHERWISE["a comprehension makes others"]
    program.runs({"m.py": told(old, "old()")})
    rack = program.module("m").Rack()
    outcome = program.patch({"m.py": told(new, "old()")})
    assert outcome, outcome.reasons
    assert rack.tell() == 1


def test_what_init_made_is_no_reason_where_only_the_number_of_such_things_is_another(
    program: Program,
) -> None:
    program.runs({"m.py": told("self.parts = [B(n) for n in range(size)]", "old()")})
    rack = program.module("m").Rack()
    outcome = program.patch({"m.py": told("self.parts = [B(n) for n in range(9)]", "new()")})
    assert outcome, outcome.reasons
    assert rack.tell() == 1


MAKER = """
class Pen:
    def __init__(self, ink): self.ink = ink
class Box:
    def fill(self, ink): self.pen = make(ink)
PENS, LIST, BOX = {}, [], Box()
def make(ink): {made}
def keep(ink): PENS[ink] = make(ink); LIST.append(make(ink))
def tell(): return {told}
"""
MAKERS = {
    "records become objects": (("return {'ink': ink}", "pen['ink']"), ("return Pen(ink)", "pen.ink")),
    "plain values become rows": (("return ink", "pen"), ("return ink, 1", "pen[0] + str(pen[1])")),
}


def kept(parts: tuple[str, str], where: str) -> str:
    return MAKER.replace("{made}", parts[0]).replace("{told}", f"[{parts[1]} for pen in {where}]")


@pytest.mark.parametrize("where", ["PENS.values()", "LIST"])
@pytest.mark.parametrize("name", MAKERS)
def test_what_a_function_made_is_the_reason_where_another_has_put_it(
    program: Program, name: str, where: str
) -> None:
    old, new = (kept(parts, where) for parts in MAKERS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.keep("red")
    holds_back(program, m.tell, new, "what keep put there")


@pytest.mark.parametrize("name", MAKERS)
def test_where_nothing_of_it_is_kept_a_function_may_make_something_else(program: Program, name: str) -> None:
    old, new = (kept(parts, "LIST") for parts in MAKERS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.keep("red")
    assert m.tell()[0].startswith("red")


@pytest.mark.parametrize("name", MAKERS)
def test_what_a_function_made_is_the_reason_where_an_object_has_it(program: Program, name: str) -> None:
    old, new = (kept(parts, "[BOX.pen]") for parts in MAKERS[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.BOX.fill("red")
    holds_back(program, m.tell, new, "what Box.fill put there")
    del m.BOX.pen
    assert program.patch({"m.py": new})

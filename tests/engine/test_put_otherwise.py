"""What a container holds from before is not handed to new code that puts and reads other things there."""

from __future__ import annotations

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


def held(parts: tuple[str, str]) -> str:
    return HELD.replace("{put}", parts[0]).replace("{tell}", parts[1])


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_a_container_holds_from_before_is_the_reason_where(program: Program, name: str) -> None:
    old, new = map(held, OTHERWISE[name])
    program.runs({"m.py": old})
    m = program.module("m")
    m.make()
    before = m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD and "reads what it puts instead" in " ".join(outcome.reasons)
    assert m.tell() == before


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

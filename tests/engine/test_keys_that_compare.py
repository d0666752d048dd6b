"""Objects that are keys, or members of sets, compare as they like: an edit asks them for a hash alone."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program

KEY = """\
import enum, functools
class K:
    def __init__(self, name): self.name = name
    def __hash__(self): return len(self.name)
    def __eq__(self, other): return self.name == other.name  # nothing else has one
    def __bool__(self): raise TypeError('neither true nor false')
    def __lt__(self, other): return self.name < other.name
A, B, C = K('a'), K('bb'), K('ccc')
"""
HOLDS = {
    # what the new program holds, and what the old one: asked for B and C
    "a set that gains one": ("{A, B}", "{A, B, C}"),
    "a set that loses one": ("{A, B, C}", "{A, B}"),
    "a dict that gains one": ("{A: 1, B: 2}", "{A: 1, B: 2, C: 3}"),
    "a dict that loses one": ("{A: 1, B: 2, C: 3}", "{A: 1, B: 2}"),
    "a dict with another value": ("{A: 1, B: 2}", "{A: 1, B: 3}"),
    "a dict in another order": ("{A: 1, B: 2}", "{B: 2, A: 1}"),
    "a list": ("[A, B]", "[A, B, C]"),
    "a tuple": ("(A, B)", "(A, B, C)"),
    "a frozenset": ("frozenset({A, B})", "frozenset({A, B, C})"),
    "a dict with names beside": ("{A: 1, 'name': 1}", "{A: 1, B: 2, 'name': 2, 'other': 3}"),
}
BESIDE = """\
class Mode(enum.Flag):
    READ = 1
    WRITE = {write}
class Shop:
    rate = {number}
    def __init__(self, name): self.name = name{comes}
    @functools.cached_property
    def total(self): return {number}
    def ask(self, x{parameter}): return x
    def call(self): return self.ask(1{argument})
def record(name): return {{'name': name, 'n': {number}}}
def get(record): return record['n']
def passing(**words): return words{more}
SHOP = Shop('one')
"""
OLD = BESIDE.format(write=2, number=1, comes="", parameter="", argument="", more="")
NEW = BESIDE.format(
    write=4,
    number=2,
    comes="; self.n = 0",
    parameter=", y=1",
    argument=", y=2",
    more=" | {'name': 1}",
)


@pytest.mark.parametrize("what", HOLDS)
def test_what_holds_them_changes(program: Program, what: str) -> None:
    before, after = HOLDS[what]
    program.runs({"m.py": f"{KEY}X = {before}\n"})
    m = program.module("m")
    was = [*m.X]
    outcome = program.patch({"m.py": f"{KEY}X = {after}\n"})
    assert outcome, outcome.reasons
    assert repr(m.X) == repr(eval(after, vars(m)))
    assert outcome.undo is not None
    outcome.undo.revert()
    assert list(map(id, m.X)) == list(map(id, was))


@pytest.mark.parametrize("what", HOLDS)
def test_what_holds_them_changes_with_much_else(program: Program, what: str) -> None:
    before, after = HOLDS[what]
    program.runs({"m.py": f"{KEY}X = {before}\n{OLD}"})
    m = program.module("m")
    outcome = program.patch({"m.py": f"{KEY}X = {after}\n{NEW}"})
    assert outcome, outcome.reasons
    assert (len(m.X), m.SHOP.call(), m.SHOP.n) == (len(eval(after, vars(m))), 1, 0)

"""Functions that an object was given when it was made, for new code to find them there."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

SERVICE = """
import functools
def audit(): return 5
class Service:
    def __init__(self):
        {made}
    def act(self, name): return {act}
    def _pay(self): return 1
    def _ship(self): return 2
    def _cancel(self): return 3
"""
BY_NAME = "self.actions[name]()"
WAYS = {
    "a table gains a method": (
        "self.actions = {'pay': self._pay}",
        "self.actions = {'pay': self._pay, 'cancel': self._cancel}",
        BY_NAME,
    ),
    "a table that was empty gains one": (
        "self.actions = {}",
        "self.actions = {'cancel': self._cancel}",
        BY_NAME,
    ),
    "a table has another under a key": (
        "self.actions = {'pay': self._pay, 'cancel': self._ship}",
        "self.actions = {'pay': self._pay, 'cancel': self._cancel}",
        BY_NAME,
    ),
    "a table gains a function of the module": (
        "self.actions = {'pay': self._pay}",
        "self.actions = {'pay': self._pay, 'cancel': audit}",
        BY_NAME,
    ),
    "a list gains a method": (
        "self.steps = [self._pay, self._ship]",
        "self.steps = [self._pay, self._cancel, self._ship]",
        "[step() for step in self.steps]",
    ),
    "a list has one less": (
        "self.steps = [self._pay, self._ship]",
        "self.steps = [self._pay]",
        "[step() for step in self.steps]",
    ),
    "it is one of them that it keeps": (
        "self.do = functools.partial(self._pay)",
        "self.do = functools.partial(self._cancel)",
        "self.do()",
    ),
    "what makes the object has a method do it": (
        "self.fill()\n    def fill(self):\n        self.actions = {'pay': self._pay}",
        "self.fill()\n    def fill(self):\n        self.actions = {'pay': self._pay, 'cancel': self._cancel}",
        BY_NAME,
    ),
    "a table gains a method after a local variable": (
        "for name in ['pay']: self.actions = {0: 0, name: self._pay}",
        "for name in ['cancel']: self.actions = {0: 0, name: self._cancel}",
        BY_NAME,
    ),
    "a comprehension puts another there": (
        "self.actions = {name: self._pay for name in ('cancel',)}",
        "self.actions = {name: self._cancel for name in ('cancel',)}",
        BY_NAME,
    ),
    "the object is known to a function inside as well": (
        "self.late = lambda: self\n        self.actions = {'pay': self._pay}",
        "self.late = lambda: self\n        self.actions = {'pay': self._pay, 'cancel': self._cancel}",
        BY_NAME,
    ),
}
OTHER = {
    "they come in another order": (
        "self.actions = {'pay': self._pay, 'cancel': self._cancel}",
        "self.actions = {'cancel': self._cancel, 'pay': self._pay}",
        BY_NAME,
    ),
    "a function is only called for what stands there": (
        "self.actions = {'cancel': self._cancel}",
        "self.actions = {'cancel': self._cancel, 'n': audit()}",
        BY_NAME,
    ),
    "it is not kept": (
        "self.actions, self.rows = {'cancel': self._cancel}, sorted([2, 1])",
        "self.actions = {'cancel': self._cancel}\n        self.rows = sorted([2, 1], key=abs)",
        BY_NAME,
    ),
}


def service(way: tuple[str, str, str]) -> tuple[str, str]:
    old, new, act = way
    return (SERVICE.replace("{made}", made).replace("{act}", act) for made in (old, new))  # type: ignore[return-value]


@pytest.mark.parametrize("how", WAYS)
def test_an_object_that_lives_without_them_is_the_reason(program: Program, how: str) -> None:
    old, new = service(WAYS[how])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Service()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "objects of Service that live have other functions in" in outcome.reasons[0]
    del held


def test_objects_of_the_start_are_given_them(program: Program) -> None:
    old, new = service(WAYS["a table gains a method"])
    program.runs({"m.py": old + "service = Service()\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": new + "service = Service()\n"})
    assert outcome, outcome.reasons
    assert m.service.act("cancel") == 3


@pytest.mark.parametrize("how", OTHER)
def test_an_object_that_has_them_all_is_none(program: Program, how: str) -> None:
    old, new = service(OTHER[how])
    program.runs({"m.py": old})
    m = program.module("m")
    held = m.Service()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert held.act("cancel") == 3

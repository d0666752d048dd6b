"""What objects of the start have kept of an answer that leads to what changes, however far, is forgotten; and
nothing is that only has to do with something that is called the same."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

TEXT = """
from functools import cached_property

RATE = {rate}
TABLE = {{"low": {{"rate": {table}}}}}

def rate():
    return {function}

def further():
    return rate()

class Limits:
    high = {attribute}

    def __init__(self, low):
        self.low = low

    def low_and_high(self):
        return {method} * self.low

class Conf:
    most = {constant}

    def __init__(self, limits):
        self.limits = limits

    def own(self):
        return {own}

    def calls_own(self):
        return self.own()

    @property
    def asked(self):
        return {property}

    @cached_property
    def answer(self):
        return {expression}

LIMITS = Limits({value})
CONF = Conf(LIMITS)
"""
PLACES = (
    "rate",
    "table",
    "function",
    "attribute",
    "method",
    "constant",
    "own",
    "property",
    "value",
)
WAYS = {
    "a variable": ("RATE", "rate"),
    "a table in a table": ('TABLE["low"]["rate"]', "table"),
    "a function": ("rate()", "function"),
    "a function that calls it": ("further()", "function"),
    "an attribute of its class": ("self.most", "constant"),
    "a method of its own": ("self.own()", "own"),
    "a method that calls it": ("self.calls_own()", "own"),
    "a property of its own": ("self.asked", "property"),
    "an attribute of another object": ("self.limits.low", "value"),
    "an attribute of another object's class": ("self.limits.high", "attribute"),
    "a method of another object": ("self.limits.low_and_high()", "method"),
    "what a method of another object reads": ("self.limits.low_and_high()", "value"),
    "an object of the module": ("LIMITS.low", "value"),
    "within a comprehension": ("sum(self.limits.low + n for n in (0,))", "value"),
}


def text(expression: str, **other: int) -> str:
    return TEXT.format(expression=expression, **{place: other.get(place, 1) for place in PLACES})


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_an_object_keeps_is_forgotten_if_it_leads_to_what_changes(
    program: Program, way: str
) -> None:
    expression, place = WAYS[way]
    program.runs({"m.py": text(expression)})
    m = program.module("m")
    assert m.CONF.answer == 1
    outcome = program.patch({"m.py": text(expression, **{place: 2})})
    assert outcome, outcome.reasons
    assert m.CONF.answer == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.CONF.answer == 1


SAME_NAME = """
from functools import cached_property

class Other:
    def get(self, name):
        return {n}

class Conf:
    def __init__(self):
        self.known = {{"hooks": ()}}

    @cached_property
    def hooks(self):
        return list(self.known.get("hooks"))

CONF = Conf()
OTHER = Other()
"""


def test_what_has_only_to_do_with_something_of_the_same_name_is_kept(program: Program) -> None:
    program.runs({"m.py": SAME_NAME.format(n=1)})
    m = program.module("m")
    m.CONF.hooks.append("registered")
    outcome = program.patch({"m.py": SAME_NAME.format(n=2)})
    assert outcome, outcome.reasons
    assert m.OTHER.get("x") == 2
    assert m.CONF.hooks == ["registered"]


KEPT = """
from functools import cached_property

class Pool:
    size = 1

def size():
    return {n}

class Conf:
    @cached_property
    def pool(self):
        pool = Pool()
        pool.size = size()
        return pool

CONF = Conf()
"""


def test_an_object_that_was_made_of_what_changes_is_the_reason(program: Program) -> None:
    program.runs({"m.py": KEPT.format(n=1)})
    m = program.module("m")
    pool = m.CONF.pool
    outcome = program.patch({"m.py": KEPT.format(n=2)})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "cached Conf.pool of an object that lives was made of what the new code changes",
    )
    assert m.CONF.pool is pool


COMPILED = """
from functools import cached_property

def source():
    return "{n} + x"

class Template:
    @cached_property
    def text(self):
        return source()
    @cached_property
    def code(self):
        return compile(self.text, "<template>", "eval")
    def render(self, x):
        return eval(self.code, {{"x": x}})

BASE = Template()
"""


def test_what_was_compiled_of_what_changes_is_compiled_anew_when_it_is_asked_for(program: Program) -> None:
    program.runs({"m.py": COMPILED.format(n=1)})
    m = program.module("m")
    since = m.Template()
    assert since.render(1) == m.BASE.render(1) == 2
    was = since.code
    outcome = program.patch({"m.py": COMPILED.format(n=2)})
    assert outcome, outcome.reasons
    assert since.render(1) == m.BASE.render(1) == 3
    assert outcome.undo is not None
    outcome.undo.revert()
    assert since.code is was and since.render(1) == 2

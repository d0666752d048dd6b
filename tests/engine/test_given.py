"""Objects that live are given what comes to their class for every object of it, and lose it again."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program, changed

DECLARED = {
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass Item:\n    name: str\n    {0}\n",
        "tags: list = field(default_factory=list)",
        [],
    ),
    "attrs": (
        "import attrs\n@attrs.define(slots=False)\nclass Item:\n    name: str\n    {0}\n",
        "tags: tuple = ('new', 1)",
        ("new", 1),
    ),
    "attrs with a factory": (
        "import attrs\n@attrs.define(slots=False)\nclass Item:\n    name: str\n    {0}\n",
        "tags: dict = attrs.field(factory=dict)",
        {},
    ),
    "pydantic": (
        "from pydantic import BaseModel\nclass Item(BaseModel):\n    name: str\n    {0}\n",
        "tags: int = 3",
        3,
    ),
    "pydantic with an empty list": (
        "from pydantic import BaseModel\nclass Item(BaseModel):\n    name: str\n    {0}\n",
        "tags: list[str] = []",
        [],
    ),
    "an __init__": (
        "class Item:\n    def __init__(self, name):\n        self.name = name\n        {0}\n",
        "self.tags = 'plain'",
        "plain",
    ),
}
REST = """
KEPT = []
def keep(name):
    KEPT.append(Item(name=name))
class Special(Item):
    pass
"""
READS = "def tags(): return [item.tags for item in KEPT]\n"


def made(program: Program, form: str) -> tuple[Any, str]:
    text, comes, _ = DECLARED[form]
    program.runs({"m.py": text.format("pass") + REST})
    m = program.module("m")
    m.keep("a")
    m.KEPT.append(m.Special(name="b"))
    return m, text.format(comes) + REST + READS


@pytest.mark.parametrize("form", DECLARED)
def test_objects_that_live_get_what_new_ones_get_and_lose_it_again(program: Program, form: str) -> None:
    m, new = made(program, form)
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.keep("c")
    value = DECLARED[form][2]
    assert m.tags() == [value, value, value]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert all("tags" not in vars(item) for item in m.KEPT)
    m.keep("d")


def test_each_object_has_a_container_of_its_own(program: Program) -> None:
    m, new = made(program, "a dataclass")
    assert program.patch({"m.py": new})
    first, second = m.KEPT
    assert first.tags is not second.tags


def test_objects_made_between_two_patches_are_given_what_each_brings(program: Program) -> None:
    m, new = made(program, "pydantic")
    first = program.patch({"m.py": new})
    m.keep("c")
    shutil.rmtree(program.before)
    shutil.copytree(program.after, program.before)
    second = program.patch({"m.py": new.replace("tags: int = 3", "tags: int = 3\n    more: int = 4")})
    assert first and second, (first.reasons, second.reasons)
    assert [item.model_dump() for item in m.KEPT] == [
        {"name": name, "tags": 3, "more": 4} for name in ("a", "b", "c")
    ]
    for outcome in (second, first):
        assert outcome.undo is not None
        outcome.undo.revert()
    assert [item.model_dump() for item in m.KEPT] == [{"name": name} for name in ("a", "b", "c")]


def test_a_class_that_is_another_object_from_now_on_gives_it_too(program: Program) -> None:
    text, comes, value = DECLARED["pydantic"]
    more = "class Base:\n    pass\n"
    program.runs({"m.py": more + text.format("pass") + REST})
    m = program.module("m")
    m.keep("a")
    new = more + text.format(comes).replace("Item(BaseModel)", "Item(BaseModel, Base)") + REST + READS
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.tags() == [value]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [vars(item) for item in m.KEPT] == [{"name": "a"}]


FIRST = """import pydantic
def put(item, name, value): setattr(item, name, value)
def fill(them): them.append(1)
"""
LACKING = "objects of Item that live lack tags, which new code reads and no old code set"
SAY = {
    "another field goes": ("an __init__", "self.name = name", "self.title = name"),
    "changed code sets it": ("an __init__", READS, READS + "def mark(item): item.tags = 'old'\n"),
    "it is set on one way only": ("an __init__", "self.tags =", "if name: self.tags ="),
    "it is set twice": ("an __init__", "self.tags = 'plain'", "self.tags = 'plain'; self.tags = name"),
    "it is set after a return": (
        "an __init__",
        "self.tags =",
        "\n        if name: return\n        self.tags =",
    ),
    "changed code fills it": ("a dataclass", READS, READS + "def tag(item): item.tags.append('x')\n"),
    "a method comes after": ("a dataclass", "KEPT = []", "    def __post_init__(self): pass\nKEPT = []"),
    "a converter makes it": (
        "attrs",
        "tags: tuple = ('new', 1)",
        "tags: tuple = attrs.field(default=(), converter=tuple)",
    ),
    "a validator of the model": (
        "pydantic",
        "KEPT = []",
        "    @pydantic.model_validator(mode='after')\n    def check(self): return self\nKEPT = []",
    ),
    "the default is validated": (
        "pydantic",
        "tags: int = 3",
        "tags: int = pydantic.Field(default='3', validate_default=True)",
    ),
    "code inside sets it": (
        "an __init__",
        "self.tags = 'plain'",
        "self.tags = 'plain'; (lambda it: it.__setattr__('tags', name))(self)",
    ),
    "it is set on something else": (
        "an __init__",
        "self.tags = 'plain'",
        "self = type('Other', (), {})(); self.tags = 'plain'",
    ),
    "it is set by its name as text": (
        "an __init__",
        "self.tags = 'plain'",
        "self.tags = 'plain'; setattr(self, 'tags', name)",
    ),
    "changed code names it to code that sets what it is told": (
        "an __init__",
        READS,
        READS + "def mark(item): put(item, 'tags', 1)\n",
    ),
    "changed code has it filled": ("a dataclass", READS, READS + "def tag(item): fill(item.tags)\n"),
    "changed code makes one with another, by name": (
        "attrs",
        READS,
        READS + "def other(name): return Item(name, tags=name)\n",
    ),
    "changed code makes one with another, by place": (
        "attrs",
        READS,
        READS + "def other(name): return Item(name, name)\n",
    ),
    "changed code makes one with another, by place, after what is made in a loop": (
        "attrs",
        READS,
        READS + "def other(name): return Item([n for n in name], name)\n",
    ),
    "changed code makes one with another, by place, after what there are two ways to make": (
        "attrs",
        READS,
        READS + "def other(name): return Item(name if name else 'b', name)\n",
    ),
    "a factory of the program": (
        "a dataclass",
        "default_factory=list",
        "default_factory=lambda: [1]",
    ),
}


@pytest.mark.parametrize("what", SAY)
def test_nothing_is_given_where_more_than_the_default_has_a_say(program: Program, what: str) -> None:
    form, was, becomes = SAY[what]
    text, comes, _ = DECLARED[form]
    program.runs({"m.py": FIRST + text.format("pass") + REST})
    m = program.module("m")
    m.keep("a")
    new = FIRST + text.format(comes) + REST + READS
    assert was in new
    outcome = program.patch({"m.py": new.replace(was, becomes)})
    assert outcome.effect is Effect.RELOAD
    assert LACKING in outcome.reasons
    assert "tags" not in vars(m.KEPT[0])


def test_nothing_is_given_where_an_object_has_one_of_that_name_already(program: Program) -> None:
    m, new = made(program, "an __init__")
    m.KEPT[0].tags = "its own"
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert vars(m.KEPT[0])["tags"] == "its own" and "tags" not in vars(m.KEPT[1])


def test_what_an_object_had_by_itself_is_its_own_after_the_undo_too(program: Program) -> None:
    m, new = made(program, "an __init__")
    m.KEPT[0].tags = "its own"
    outcome = program.patch({"m.py": new.replace(READS, "")})
    assert outcome.undo is not None, outcome.reasons
    outcome.undo.revert()
    assert vars(m.KEPT[0])["tags"] == "its own"


BASE = "class Base:\n    def __init__(self, name):\n        self.name = name\n        {0}\n"
CALLS = "class Item(Base):\n    def __init__(self, name):\n        self.of = 1\n        {0}\n"
TABLE = "import attrs\n@attrs.define(slots=False)\nclass Base:\n    name: str\n    {0}\n"
BELOW = {
    "one way alone leads to the base": (
        BASE + CALLS.format("if name != 'a': super().__init__(name)"),
        "self.tags = 0",
    ),
    "another base is called": (
        "class Other:\n    def __init__(self, name): self.name = name\n"
        + BASE
        + CALLS.format("Other.__init__(self, name)").replace("Base", "Base, Other"),
        "self.tags = 0",
    ),
    "a class below has an `__init__` of its own": (TABLE + CALLS.format("self.name = name"), "tags: int = 0"),
    "the class below sets it as well": (
        BASE + CALLS.format("super().__init__(name){1}"),
        "self.tags = 0",
        "; self.tags = name",
    ),
}


@pytest.mark.parametrize("what", BELOW)
def test_nothing_is_given_where_the_class_below_goes_another_way(program: Program, what: str) -> None:
    text, *comes = BELOW[what]
    program.runs({"m.py": text.format("pass", "") + REST})
    m = program.module("m")
    m.keep("a")
    program.patch({"m.py": text.format(*comes, "") + REST})
    assert "tags" not in vars(m.KEPT[0])


def test_the_class_below_says_what_its_objects_are_given(program: Program) -> None:
    text = TABLE + "@attrs.define(slots=False)\nclass Item(Base):\n    {1}\n" + REST
    program.runs({"m.py": text.format("pass", "pass")})
    m = program.module("m")
    m.keep("a")
    outcome = program.patch({"m.py": text.format("tags: int = 1", "tags: int = 2") + READS})
    assert outcome, outcome.reasons
    assert m.tags() == [2]


def test_an_attribute_that_came_for_one_of_a_class_below_may_be_the_same(program: Program) -> None:
    text = BASE + CALLS.format("super().__init__(name){1}") + REST
    program.runs({"m.py": text.format("pass", "; self.labels = 0")})
    m = program.module("m")
    m.keep("a")
    outcome = program.patch({"m.py": text.format("self.tags = 0", "") + READS})
    assert outcome.reasons == (LACKING,)


def test_a_key_that_would_get_another_hash_with_it_is_refused(program: Program) -> None:
    text, comes, _ = DECLARED["pydantic"]
    frozen = text.replace("(BaseModel)", "(BaseModel, frozen=True)")
    program.runs({"m.py": frozen.format("pass") + REST})
    m = program.module("m")
    m.KEPT.append({m.Item(name="a")})
    outcome = program.patch({"m.py": frozen.format(comes) + REST})
    assert outcome.reasons == (
        "objects of Item are keys of dictionaries or members of sets, and get another hash",
    )


def test_what_a_model_keeps_without_a_field_is_not_covered(program: Program) -> None:
    text, comes, _ = DECLARED["pydantic"]
    open_ = text.replace("(BaseModel)", "(BaseModel, extra='allow')")
    program.runs({"m.py": open_.format("pass") + REST})
    m = program.module("m")
    m.KEPT.append(m.Item(name="a", tags="its own"))
    outcome = program.patch({"m.py": open_.format(comes) + REST})
    assert outcome.reasons == (LACKING,)


CHECKS = """import pydantic, pydantic.dataclasses
CONFIG = dict(validate_default=True)
"""
LESS_PLAIN = {
    "a private attribute of a model": (
        DECLARED["pydantic"][0] + "    @property\n    def tags(self): return self._tags\n",
        "_tags: int = pydantic.PrivateAttr(3)",
    ),
    "a dataclass of pydantic, validated": (
        "from dataclasses import field\n@pydantic.dataclasses.dataclass(config=CONFIG)\n"
        "class Item:\n    name: str\n    {0}\n",
        "tags: tuple = field(default_factory=list)",
    ),
    "a dataclass of pydantic, with a description": (
        "@pydantic.dataclasses.dataclass\nclass Item:\n    name: str\n    {0}\n",
        "tags: list = pydantic.Field(default_factory=list)",
    ),
}


@pytest.mark.parametrize("what", LESS_PLAIN)
def test_what_is_not_given_is_missed(program: Program, what: str) -> None:
    text, comes = LESS_PLAIN[what]
    text = f"{CHECKS}{text}{REST}"
    program.runs({"m.py": text.format("pass")})
    m = program.module("m")
    m.keep("a")
    outcome = program.patch({"m.py": text.format(comes) + READS})
    assert outcome.reasons and "objects of Item that live lack" in outcome.reasons[0]


CONN = """
class Conn:
    retries = 3
    def __init__(self, host): self.host = host
    def tries(self): return self.retries
"""
ITS_OWN = CONN.replace("    retries = 3\n", "").replace("= host\n", "= host; self.retries = 4\n")


def test_what_stood_on_the_class_for_all_comes_to_each_object(program: Program) -> None:
    program.runs({"conn.py": CONN})
    conn = program.module("conn")
    held = conn.Conn("a")
    outcome = program.patch({"conn.py": ITS_OWN})
    assert outcome, outcome.reasons
    assert (held.tries(), conn.Conn("b").tries()) == (4, 4)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held.tries() == 3
    assert vars(held) == {"host": "a"}


def test_what_the_class_made_of_each_object_is_no_constant_for_all(program: Program) -> None:
    program.runs({"conn.py": CONN.replace("retries = 3", "retries = property(lambda self: len(self.host))")})
    held = program.module("conn").Conn("a")
    outcome = program.patch({"conn.py": ITS_OWN})
    assert not outcome
    assert held.tries() == 1


TOLD = """import functools
class Item:
    def __init__(self, name):
        self.name = name
        {0}
    @functools.cached_property
    def told(self): return sorted(vars(self).keys() - {{'told'}})
KEPT = [Item('start')]
def keep(name): KEPT.append(Item(name))
"""


def test_what_an_object_told_of_itself_as_a_whole_is_told_anew(program: Program) -> None:
    program.runs({"m.py": TOLD.format("pass")})
    m = program.module("m")
    m.keep("a")
    assert [item.told for item in m.KEPT] == [["name"], ["name"]]
    outcome = program.patch({"m.py": TOLD.format("self.tags = 1")})
    assert outcome, outcome.reasons
    assert [item.told for item in m.KEPT] == [["name", "tags"], ["name", "tags"]]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [item.told for item in m.KEPT] == [["name"], ["name"]]


GONE = """
KEPT = []
class Cursor:
    __slots__ = ("rows",)
    def __init__(self, rows=1):
        self.rows = rows
class Job:
    def __init__(self):
        self.done = 0
def opened():
    return None
def counted(job):
    return job.done
"""


@pytest.mark.parametrize("call", ["Cursor(2)", "Cursor(rows=2)"])
def test_what_is_remembered_of_calls_holds_no_class_that_is_gone(program: Program, call: str) -> None:
    program.runs({"m.py": GONE})
    m = program.module("m")
    m.KEPT.append(m.Job())
    new = changed(
        GONE,
        ('("rows",)', '("rows", "open")'),
        ("return None", f"return {call}"),
        ("self.done = 0", "self.done = 0\n        self.tries = 3"),
        ("return job.done", "return job.done, job.tries"),
    )
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert (m.counted(m.KEPT[0]), m.opened().rows) == ((0, 3), 2)

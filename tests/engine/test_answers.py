"""What a cache keeps is forgotten where the new code makes it otherwise, unless it may hold what came
since."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest

from hotpatch.engine.answers import Written, answers, may_hold_more
from hotpatch.plan import Effect
from tests.engine.conftest import Program

HUB = (
    "from functools import lru_cache\n"
    "class Hub:\n    def __init__(self): self.names = []\n"
    "    def join(self, name):\n        self.names.append(name)\n        return len(self.names)\n"
    "@lru_cache\ndef hub(): return Hub()\n"
    "def join(name): return hub().join(name)\n"
)
SETTINGS = {
    "a class": "class S:\n    def __init__(self): self.n = N\n",
    "one that inherits its maker": (
        "class B:\n    def __init__(self): self.n = N\nclass S(B):\n    def twice(self): return self.n * 2\n"
    ),
    "one that takes from a table": (
        "T = {'n': N}\nclass S:\n    def __init__(self): self.__dict__.update(T)\n"
    ),
    "a default of its maker": "class S:\n    def __init__(self, n=N): self.n = n\n",
    "a dataclass": "from dataclasses import dataclass\n@dataclass\nclass S:\n    n: int = N\n",
    "a dataclass's factory": (
        "from dataclasses import dataclass, field\n@dataclass\nclass S:\n"
        "    n: int = field(default_factory=lambda: N)\n"
    ),
    "a pydantic model": "from pydantic import BaseModel\nclass S(BaseModel):\n    n: int = N\n",
    "a pydantic model's factory": (
        "from pydantic import BaseModel, Field\nclass S(BaseModel):\n"
        "    n: int = Field(default_factory=lambda: N)\n"
    ),
    "attrs": "import attrs\n@attrs.define\nclass S:\n    n: int = N\n",
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_that_are_made_otherwise_are_made_anew(program: Program, what: str) -> None:
    text = "from functools import lru_cache\nN = {n}\n" + SETTINGS[what].replace("{", "{{").replace("}", "}}")
    text += "@lru_cache\ndef settings(): return S()\ndef n(): return settings().n\n"
    program.runs({"m.py": text.format(n=1)})
    m = program.module("m")
    assert m.n() == 1
    outcome = program.patch({"m.py": text.format(n=2)})
    assert outcome, outcome.reasons
    assert m.n() == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.n() == 1


@pytest.mark.parametrize("bound", ["", "(maxsize=None)"])
def test_the_one_object_that_all_register_with_stays(program: Program, bound: str) -> None:
    text = HUB.replace("@lru_cache", f"@lru_cache{bound}")
    program.runs({"m.py": text})
    m = program.module("m")
    assert m.join("a") == 1
    outcome = program.patch({"m.py": text.replace("return len", "print(name)\n        return len")})
    assert outcome, outcome.reasons
    assert m.join("b") == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.join("c") == 3


def test_one_that_the_new_code_makes_otherwise_is_for_the_author_to_decide(program: Program) -> None:
    new = HUB.replace("self.names = []", "self.names, self.most = [], 9")
    program.runs({"m.py": HUB})
    m = program.module("m")
    assert m.join("a") == 1
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "m.hub cache: it keeps a Hub, which may hold what came since" in outcome.reasons[0]
    assert m.join("b") == 2
    outcome = program.patch({"m.py": new}, choices={"m.hub cache": "rebuild"})
    assert outcome, outcome.reasons
    assert m.join("c") == 1 and m.hub().most == 9


def test_a_list_that_others_fill_is_not_forgotten(program: Program) -> None:
    text = "from functools import cache\n@cache\ndef jobs():\n    {}return []\ndef put(x): jobs().append(x)\n"
    program.runs({"m.py": text.format("")})
    m = program.module("m")
    m.put(1)
    outcome = program.patch({"m.py": text.format("print()\n    ")})
    assert outcome.effect is Effect.RELOAD and "keeps a list" in outcome.reasons[0]
    assert m.jobs() == [1]


def test_one_that_is_made_empty_beside_what_is_put_together_is_not_forgotten(program: Program) -> None:
    text = (
        "from functools import cache\n@cache\ndef jobs():\n    names = [name for name in {}]\n"
        "    print(names)\n    return []\ndef put(x): jobs().append(x)\n"
    )
    program.runs({"m.py": text.format("()")})
    m = program.module("m")
    m.put(1)
    outcome = program.patch({"m.py": text.format("'a'")})
    assert outcome.effect is Effect.RELOAD and "keeps a list" in outcome.reasons[0]
    assert m.jobs() == [1]


def test_what_a_cached_property_gathers_is_not_dropped_with_its_old_body(program: Program) -> None:
    text = (
        "from functools import cached_property\nclass Conn:\n    @cached_property\n"
        "    def sent(self):\n        {}return []\n    def send(self, x): self.sent.append(x)\nCONNS = []\n"
    )
    program.runs({"m.py": text.format("")})
    m = program.module("m")
    m.CONNS.append(m.Conn())
    m.CONNS[0].send(1)
    outcome = program.patch({"m.py": text.format("print()\n        ")})
    assert outcome.effect is Effect.RELOAD and "cached Conn.sent" in outcome.reasons[0]
    assert m.CONNS[0].sent == [1]


def test_a_cached_property_of_objects_made_since_is_dropped_where_it_leads_to_the_change(
    program: Program,
) -> None:
    text = (
        "from functools import cached_property\nTAX = {}\ndef rate(): return TAX\n"
        "class Bill:\n    @cached_property\n    def tax(self): return rate() * 10\nBILLS = []\n"
    )
    program.runs({"m.py": text.format(1)})
    m = program.module("m")
    m.BILLS.append(m.Bill())
    assert m.BILLS[0].tax == 10
    outcome = program.patch({"m.py": text.format(2)})
    assert outcome, outcome.reasons
    assert m.BILLS[0].tax == 20
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.BILLS[0].tax == 10


@pytest.mark.parametrize("bound", [None, 2, 128])
def test_c_tells_all_answers_of_a_cache_and_nothing_else(bound: int | None) -> None:
    """Breaks when a new CPython keeps them in another way."""

    class Key:
        pass

    asked = [Key(), 3, "x"]
    cache: Any = functools.lru_cache(maxsize=bound)(lambda key: [key])
    kept = [cache(key) for key in asked]
    wanted = kept if bound is None else kept[-bound:]
    assert sorted(map(id, answers(cache))) == sorted(map(id, wanted))


def test_an_object_that_a_function_sets_something_on_may_hold_more_than_it_was_made_of() -> None:
    class Settings:
        def __init__(self) -> None:
            self.hits = 0

    def hit(settings: Any) -> None:
        settings.hits += 1

    def ours(thing: Any) -> bool:
        return thing is Settings or thing is hit

    assert not may_hold_more(Settings(), Written(ours, [{"Settings": Settings}]))
    assert may_hold_more(Settings(), Written(ours, [{"Settings": Settings, "hit": hit}]))
    assert may_hold_more(SimpleNamespace(), Written(ours, []))


def test_classes_that_name_each_other_are_looked_at_once() -> None:
    class Settings:
        def __init__(self) -> None:
            self.hits = 0

    class Other:
        of: Any = Settings

    Settings.of = Other  # type: ignore[attr-defined]
    assert not may_hold_more(Settings(), Written(lambda thing: True, [{"Settings": Settings}]))


TABLE = (
    "from functools import lru_cache\nN = {n}\n@lru_cache{bound}\ndef table(): return {{'a': N}}\n{fill}\n"
)
FILLS = {
    "an item": "def put(): table()['b'] = 2",
    "by a method": "def put(): table().update(b=2)",
    "by a variable": "def put():\n    known = table()\n    known['b'] = 2",
}


@pytest.mark.parametrize("bound", ["", "(maxsize=None)"])
@pytest.mark.parametrize("how", FILLS)
def test_a_table_that_others_put_something_into_may_hold_what_came_since(
    program: Program, how: str, bound: str
) -> None:
    program.runs({"m.py": TABLE.format(n=1, fill=FILLS[how], bound=bound)})
    m = program.module("m")
    m.put()
    outcome = program.patch({"m.py": TABLE.format(n=3, fill=FILLS[how], bound=bound)})
    assert outcome.effect is Effect.RELOAD
    assert m.table() == {"a": 1, "b": 2}


def test_a_table_that_others_only_read_is_made_anew(program: Program) -> None:
    reads = "def told():\n    found = []\n    found.append(table()['a'])\n    return found"
    program.runs({"m.py": TABLE.format(n=1, fill=reads, bound="")})
    m = program.module("m")
    assert m.told() == [1]
    outcome = program.patch({"m.py": TABLE.format(n=3, fill=reads, bound="")})
    assert outcome, outcome.reasons
    assert m.told() == [3]

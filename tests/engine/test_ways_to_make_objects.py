"""Objects get attributes in other ways than by `self.x = ...` in `__init__`: those that live miss what comes
to be set in such a way."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

WAYS = {
    "a function that is handed the object": """
def fill(made, name):
    made.name = name
    NEW: made.stamp = "!"
class Event:
    def __init__(self, name): fill(self, name)
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "the metaclass": """
class Made(type):
    def __call__(cls, name):
        made = super().__call__()
        made.name = name
        NEW: made.stamp = "!"
        return made
class Event(metaclass=Made):
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "a class method": """
class Event:
    @classmethod
    def of(cls, name):
        self = cls()
        self.name = name
        NEW: self.stamp = "!"
        return self
    def key(self): return self.nameREAD
def make(): return Event.of("a")
""",
    "a class method of a base": """
class Base:
    @classmethod
    def of(cls, name):
        made = cls()
        made.name = name
        NEW: made.stamp = "!"
        return made
class Event(Base):
    def key(self): return self.nameREAD
def make(): return Event.of("a")
""",
    "a class method that goes past `__init__`": """
class Event:
    @classmethod
    def of(cls, name):
        made = cls.__new__(cls)
        made.name = name
        NEW: setattr(made, "stamp", "!")
        return made
    def key(self): return self.nameREAD
def make(): return Event.of("a")
""",
    "a class method that passes what comes to be attributes": """
class Event:
    def __init__(self, name, **more):
        self.name = name
        vars(self).update(more)
    @classmethod
    def of(cls, name):
        OLD: return cls(name=name)
        NEW: return cls(name=name, stamp="!")
    def key(self): return self.nameREAD
def make(): return Event.of("a")
""",
    "`__new__`": """
class Event:
    def __new__(cls, name):
        self = super().__new__(cls)
        self.name = name
        NEW: self.stamp = "!"
        return self
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "a method that makes another of its kind": """
class Event:
    def next(self, name):
        made = type(self)()
        made.name = name
        NEW: made.stamp = "!"
        return made
    def key(self): return self.nameREAD
def make(): return Event().next("a")
""",
    "a function that goes past `__init__`": """
class Event:
    def key(self): return self.nameREAD
def make():
    made = object.__new__(Event)
    made.name = "a"
    NEW: made.stamp = "!"
    return made
""",
    "a function that knows the class by its module": """
import events
class Event:
    def key(self): return self.nameREAD
def make():
    made = events.Event()
    made.name = "a"
    NEW: made.stamp = "!"
    return made
""",
    "names in a loop": """
class Event:
    def __init__(self, **values):
        OLD: for name in ("name",): setattr(self, name, values.get(name))
        NEW: for name in ("name", "stamp"): setattr(self, name, values.get(name, "!"))
    def key(self): return self.nameREAD
def make(): return Event(name="a")
""",
    "names that stand elsewhere": """
OLD: NAMES = ("name",)
NEW: NAMES = ("name", "stamp")
class Event:
    def __init__(self, **values):
        for name in NAMES: setattr(self, name, values.get(name, "!"))
    def key(self): return self.nameREAD
def make(): return Event(name="a")
""",
    "names of the class": """
class Event:
    OLD: NAMES = ("name",)
    NEW: NAMES = ("name", "stamp")
    def __init__(self, **values):
        for name in self.NAMES: setattr(self, name, values.get(name, "!"))
    def key(self): return self.nameREAD
def make(): return Event(name="a")
""",
    "the object's dictionary, at once": """
class Event:
    def __init__(self, name):
        OLD: self.__dict__.update(name=name)
        NEW: self.__dict__.update(name=name, stamp="!")
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "the object's dictionary, by `vars`": """
class Event:
    def __init__(self, name):
        vars(self)["name"] = name
        NEW: vars(self)["stamp"] = "!"
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "what sets attributes of a frozen class": """
class Event:
    def __setattr__(self, name, value): raise TypeError
    def __init__(self, name):
        object.__setattr__(self, "name", name)
        NEW: object.__setattr__(self, "stamp", "!")
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
    "what `__init__` of a base takes as it comes": """
class Base:
    def __init__(self, **values):
        for name, value in values.items(): setattr(self, name, value)
class Event(Base):
    def __init__(self, name):
        OLD: super().__init__(name=name)
        NEW: super().__init__(name=name, stamp="!")
    def key(self): return self.nameREAD
def make(): return Event("a")
""",
}


def versions(text: str) -> tuple[str, str]:
    lines = text.replace("READ", "").splitlines()
    before = [line.replace("OLD: ", "") for line in lines if "NEW: " not in line]
    lines = text.replace("READ", " + self.stamp").splitlines()
    after = [line.replace("NEW: ", "") for line in lines if "OLD: " not in line]
    return "\n".join(before) + "\n", "\n".join(after) + "\n"


@pytest.mark.parametrize("way", WAYS)
def test_what_objects_get_in_this_way_is_missed_by_those_that_live(program: Program, way: str) -> None:
    before, after = versions(WAYS[way])
    program.runs({"events.py": before})
    events = program.module("events")
    event = events.make()
    outcome = program.patch({"events.py": after})
    assert outcome.effect is Effect.RELOAD
    lacking = "objects of Event that live lack stamp, which new code reads and no old code set"
    assert outcome.reasons == (lacking,)
    assert event.key() == "a"


@pytest.mark.parametrize("way", WAYS)
def test_without_an_object_that_lives_what_they_get_is_live(program: Program, way: str) -> None:
    before, after = versions(WAYS[way])
    program.runs({"events.py": before})
    events = program.module("events")
    assert events.make().key() == "a"
    outcome = program.patch({"events.py": after})
    assert outcome, outcome.reasons
    assert events.make().key() == "a!"


@pytest.mark.parametrize("way", WAYS)
def test_what_is_set_in_this_way_and_not_read_is_live(program: Program, way: str) -> None:
    before, after = versions(WAYS[way])
    program.runs({"events.py": before})
    events = program.module("events")
    event = events.make()
    outcome = program.patch({"events.py": after.replace(" + self.stamp", ' + "?"')})
    assert outcome, outcome.reasons
    assert event.key() == "a?"


def test_what_is_passed_by_a_keyword_and_put_elsewhere_is_missed_by_nobody(program: Program) -> None:
    text = (
        "class Query:\n    def __init__(self, **terms): self.terms = sorted(terms.items())\n"
        "class Row:\n    stamp = '!'\nQUERIES = []\nROW = Row()\n"
        "def find(): return Query(name='a').terms{}\n"
    )
    program.runs({"m.py": text.format("")})
    m = program.module("m")
    m.QUERIES.append(m.Query(name="b"))
    outcome = program.patch({"m.py": text.format(" + Query(stamp=1).terms + [ROW.stamp]")})
    assert outcome, outcome.reasons
    assert m.find() == [("name", "a"), ("stamp", 1), "!"]


FACTORY = (
    "class Handler:\n    def write(self): return 'written'\n"
    "class App:\n    def __init__(self): self.handlers = []\n"
    "def make_app():\n    app = App()\n    handler = Handler()\n    app.handlers.append(handler)\n"
    "{}    return app\n"
    "HANDLERS = [Handler()]\nAPP = make_app()\n"
    "def index(app=APP): return len(app.handlers){}\n"
)


def test_what_a_factory_sets_on_one_object_that_it_makes_no_other_is_to_have(program: Program) -> None:
    program.runs({"m.py": FACTORY.format("", "")})
    m = program.module("m")
    m.HANDLERS.append(m.Handler())
    outcome = program.patch({"m.py": FACTORY.format("    app.search = 4\n", " + app.search")})
    assert outcome, outcome.reasons
    assert m.index() == 5


@pytest.mark.parametrize(
    "gives",
    [
        "    handler.search = 4\n",
        "    for handler in [handler]: handler.search = 4\n",
        "    app = handler\n    app.search = 4\n    app = App()\n    app.handlers.append(handler)\n",
        "    (lambda: handler)().search = 4\n",
        "    handler.app = Handler()\n    handler.app.search = 4\n",
        "    handler = Handler() if app else App()\n    handler.search = 4\n",
    ],
)
def test_what_a_factory_may_set_on_an_object_others_of_its_class_are_to_have(
    program: Program, gives: str
) -> None:
    program.runs({"m.py": FACTORY.format("", "").replace("index(app=APP)", "index(app)")})
    m = program.module("m")
    m.HANDLERS.append(m.Handler())
    new = (
        FACTORY.format(gives, "")
        .replace("index(app=APP)", "index(app)")
        .replace("(app.han", "(app.search or app.han")
    )
    outcome = program.patch({"m.py": new})
    lacking = "objects of Handler that live lack search, which new code reads and no old code set"
    assert lacking in outcome.reasons


def test_a_simple_namespace_made_by_old_code_misses_what_new_code_gives_it(program: Program) -> None:
    head = "from types import SimpleNamespace\n"
    text = head + "def make(): return SimpleNamespace(a=1{})\ndef ask(o): return o.{}\n"
    program.runs({"m.py": text.format("", "a")})
    m = program.module("m")
    made = m.make()
    outcome = program.patch({"m.py": text.format(", b=2", "b")})
    assert outcome.effect is Effect.RELOAD
    assert "objects of SimpleNamespace that live lack b" in outcome.reasons[0]
    assert m.ask(made) == 1

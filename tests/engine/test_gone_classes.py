"""A class that gives way to another class object: who holds the old one, and who only seems to."""

from __future__ import annotations

import weakref

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

OLD = """
import typing
class Key:
    __slots__ = ("n",)
class Private(Key):
    __slots__ = ("d",)
def make(bits: int) -> {annotation}: return 1
{more}
"""
SEEMING = {
    "an annotation's alias": "typing.Tuple[Key, Private]",
    "an alias within an alias": "typing.Dict[str, typing.List[typing.Optional[Key]]]",
    "a union": "Key | None",
}


def patched(program: Program, annotation: str, more: str = "") -> tuple[Effect, tuple[str, ...]]:
    text = OLD.format(annotation=annotation, more=more)
    program.runs({"m.py": text})
    m = program.module("m")
    outcome = program.patch({"m.py": text.replace('("n",)', '("n", "e")').replace("return 1", "return 2")})
    if outcome:
        assert m.make(1) == 2
        assert set(m.Key.__slots__) == {"n", "e"}
        assert outcome.undo is not None
        outcome.undo.revert()
        assert m.make(1) == 1
        assert m.Private.__mro__[1] is m.Key
        assert m.Key.__slots__ == ("n",)
    return outcome.effect, outcome.reasons


@pytest.mark.parametrize("name", SEEMING)
def test_a_class_that_only_the_undo_and_typings_cache_hold_is_live(program: Program, name: str) -> None:
    effect, reasons = patched(program, SEEMING[name])
    assert effect is Effect.LIVE, reasons


def test_a_class_that_an_object_of_the_program_holds_as_well_is_the_reason(program: Program) -> None:
    held = "class Table:\n    pass\ntable = Table()\ndef fill(): table.kinds = [(make, (Key, 1))]"
    text = OLD.format(annotation="typing.Tuple[Key, Private]", more=held)
    program.runs({"m.py": text})
    m = program.module("m")
    m.fill()
    outcome = program.patch({"m.py": text.replace('("n",)', '("n", "e")')})
    assert outcome.effect is Effect.RELOAD
    assert "holds the old Key" in outcome.reasons[0] or "old Key can still be reached" in outcome.reasons[0]


LAYERS = """
from abc import ABCMeta
from typing import Generic, TypeVar
T = TypeVar("T")
class Resource(metaclass=ABCMeta):
    {}
    def close(self): return {}
class Reader(Resource, Generic[T]): pass
class Writer(Resource, Generic[T]): pass
class Socket(Reader[bytes], Writer[bytes]): pass
class Listener(Reader[Socket]): pass
"""


def test_what_only_classes_that_are_gone_hold_is_gone_with_them(program: Program) -> None:
    """The bases as they were written, aliases among them, of a class that is built anew."""
    program.runs({"layers.py": LAYERS.format("pass", 1)})
    layers = program.module("layers")
    old = weakref.ref(layers.Resource)
    outcome = program.patch({"layers.py": LAYERS.format("__slots__ = ()", 2)})
    assert outcome, outcome.reasons
    assert layers.Resource is not old()
    assert layers.Listener().close() == 2
    assert layers.Listener.__orig_bases__ == (layers.Reader[layers.Socket],)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert layers.Resource is old() and layers.Listener().close() == 1


def test_an_alias_of_such_a_class_that_the_program_holds_is_none_of_them(program: Program) -> None:
    program.runs({"layers.py": LAYERS.format("pass", 1)})
    layers = program.module("layers")
    held = [layers.Reader[int]]
    outcome = program.patch({"layers.py": LAYERS.format("__slots__ = ()", 2)})
    assert outcome.effect is Effect.RELOAD, held
    assert "holds the old Reader" in " ".join(outcome.reasons)


POOL = """
import typing
class Link:
    __slots__ = ({slots})
class Pool:
    def get(self) -> Link: return Link()
{more}
"""
GOING = {
    "a method": "    def owns(self, link: Link): return True",
    "a method of the class": "    @classmethod\n    def owns(cls, links: typing.List[Link]): return True",
    "a property": "    @property\n    def link(self) -> typing.Optional[Link]: return None",
    "a function": "def owns(link: Link, kind=Link): return True",
}


@pytest.mark.parametrize("name", GOING)
def test_a_function_that_goes_with_the_edit_holds_back_no_class(program: Program, name: str) -> None:
    program.runs({"m.py": POOL.format(slots="'n',", more=GOING[name])})
    m = program.module("m")
    old = weakref.ref(m.Link)
    outcome = program.patch({"m.py": POOL.format(slots="'n', 'e'", more="")})
    assert outcome, outcome.reasons
    assert m.Link.__slots__ == ("n", "e") and type(m.Pool().get()) is m.Link
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.Link is old() and any(hasattr(owner, "owns") or hasattr(owner, "link") for owner in (m, m.Pool))


@pytest.mark.parametrize("name", ["a method", "a function"])
def test_a_function_that_goes_and_that_the_program_has_elsewhere_holds_its_class_back(
    program: Program, name: str
) -> None:
    program.runs({"m.py": POOL.format(slots="'n',", more=GOING[name])})
    m = program.module("m")
    held = [m.Pool().owns if name == "a method" else m.owns]
    outcome = program.patch({"m.py": POOL.format(slots="'n', 'e'", more="")})
    assert outcome.effect is Effect.RELOAD, held
    assert "old Link" in " ".join(outcome.reasons)


MARK = """
class _Mark:
    def __init__(self, name): self.name = name
class mark:
    marks = {}
    def __new__(cls, name): return cls.marks.setdefault(name, _Mark(name))
ANY = mark("any")
def same(): return mark("any") is ANY
"""
OTHER_MARK = """
class Mark:
    marks = {}
    def __new__(cls, name):
        return cls.marks.setdefault(name, super().__new__(cls))
    def __init__(self, name): self.name = name
ANY = Mark("any")
def same(): return Mark("any") is ANY and Mark.marks == {"any": ANY}
"""


def test_an_object_that_its_class_keeps_is_one_object_where_both_are_new(program: Program) -> None:
    """And a table of a class that goes holds back nothing."""
    program.runs({"m.py": MARK})
    m = program.module("m")
    outcome = program.patch({"m.py": OTHER_MARK})
    assert outcome, outcome.reasons
    assert m.same() and type(m.ANY) is m.Mark
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.same() and type(m.ANY) is m._Mark


COMMANDS = """
import typing
class Base:
    def name(self): return "base"
class Command(Base):
    def run(self): return 1
class Many(Command):
    def run(self) -> typing.Optional["Many"]: return super().run()
def both(many: typing.List[Many], command: typing.Optional[Command]): pass
class Group(Many):
    pass
group, command = Group(), Command()
"""
FEWER = """
class Command:
    def name(self): return "command"
    def run(self): return 2
class Group(Command):
    pass
group, command = Group(), Command()
"""


def test_a_class_between_two_goes_while_the_one_above_it_gives_way(program: Program) -> None:
    program.runs({"m.py": COMMANDS})
    m = program.module("m")
    group, command = m.group, m.command
    outcome = program.patch({"m.py": FEWER})
    assert outcome, outcome.reasons
    assert m.group is group and (group.run(), group.name(), command.run()) == (2, "command", 2)
    assert m.Group.__mro__ == (m.Group, m.Command, object)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (group.run(), group.name(), command.run()) == (1, "base", 1)
    assert m.Group.__mro__ == (m.Group, m.Many, m.Command, m.Base, object)


@pytest.mark.parametrize("made", [False, True])
def test_a_class_that_goes_and_that_the_program_has_elsewhere_holds_back_the_one_above_it(
    program: Program, made: bool
) -> None:
    program.runs({"m.py": COMMANDS})
    m = program.module("m")
    kept = [m.Many() if made else m.Many]
    outcome = program.patch({"m.py": FEWER})
    assert outcome.effect is Effect.RELOAD, kept
    assert "the old Command" in " ".join(outcome.reasons)


TURNED = """
class Key:
    def __init__(self, n): self.n = n
    def __hash__(self): return hash({hash})
    def __eq__(self, other): return self.n == other.n
class Sized: pass
class Named: pass
class View({bases}): pass
{gone}
TABLE = {{}}
def put(n): TABLE[Key(n)] = n
"""


def test_a_class_that_goes_is_held_by_nobody_though_bases_were_taken_back_to_compare_hashes(
    program: Program,
) -> None:
    program.runs({"m.py": TURNED.format(hash="self.n", bases="Sized", gone="class Gone(View): pass")})
    m = program.module("m")
    m.put(1)
    outcome = program.patch({"m.py": TURNED.format(hash="self.n + 0", bases="Sized, Named", gone="")})
    assert outcome, outcome.reasons
    assert m.TABLE[m.Key(1)] == 1 and m.View.__bases__ == (m.Sized, m.Named)


NAMED = """
import typing as t
class Rule(t.NamedTuple("_Rule", [("key", int), ("value", int)])):
    __slots__ = ()
    def __new__(cls, key=1, value=2): return super().__new__(cls, key, value)
USUAL = Rule(1, 2)
"""
NAMED_AFTER = """
import typing as t
class Rule(t.NamedTuple):
    key: int = 1
    value: int = 2
USUAL = Rule(1, 2)
"""


def test_a_static_method_of_a_class_that_gave_way_holds_nothing_back(program: Program) -> None:
    program.runs({"m.py": NAMED})
    m = program.module("m")
    outcome = program.patch({"m.py": NAMED_AFTER})
    assert outcome, outcome.reasons
    assert m.USUAL == m.Rule() == (1, 2) and type(m.USUAL) is m.Rule


RENAMED = """
import enum
class {name}(enum.Enum):
    KEEP = "keep"
    DROP = "drop"
    def __repr__(self): return f"{name}.{{self.name}}"
KEEP, DROP = {name}.KEEP, {name}.DROP
for member in {name}: member.__module__ = __name__
RULE = (KEEP, {second})
HELD = []
"""


def test_members_of_an_enum_with_another_name_are_the_members_that_live(program: Program) -> None:
    program.runs({"m.py": RENAMED.format(name="Act", second="DROP")})
    m = program.module("m")
    m.HELD.append(m.DROP)
    outcome = program.patch({"m.py": RENAMED.format(name="Action", second="KEEP")})
    assert outcome, outcome.reasons
    assert m.RULE == (m.Action.KEEP, m.Action.KEEP) == (m.KEEP, m.KEEP)
    assert m.HELD == [m.Action.DROP] and list(m.Action) == [m.KEEP, m.DROP]
    assert repr(m.HELD) == "[Action.DROP]"

"""Classes that the new sources have no more, and that somebody goes on holding."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

OLD = """import abc, dataclasses, enum, functools, typing
BUS, BY_NAME = [], {}
class Old:
    def go(self): return "old"
    @classmethod
    def make(cls): return cls()
class Other:
    def go(self): return "other"
class Base(abc.ABC):
    def name(self): return __class__
class Below(Base):
    def name(self): return super().name()
class Kind(enum.Enum):
    A = 1
@dataclasses.dataclass
class Data:
    x: int = 1
    more: typing.Optional["Data"] = None
def speaks(a: Old, b: typing.Optional[Old] = None) -> "Old": return Old()
class Holder: pass
def listed(): BUS.append(Old)
def named(): BY_NAME["x"] = Old
def key(): BY_NAME[Old] = 1
def partial(): BUS.append(functools.partial(Old))
def method(): BUS.append(Old.make)
def attribute():
    holder = Holder()
    holder.kind = Old
    BUS.append(holder)
def closure():
    kind = Old
    BUS.append(lambda: kind())
def below(): BUS.append(type("AtRunTime", (Old,), {}))
def alias(): BUS.append(typing.List[Old])
def a_member(): BUS.append(Kind.A)
"""
WAYS = ("listed", "named", "key", "partial", "method", "attribute", "closure", "below", "alias")


def without(text: str, first: str, last: str) -> str:
    return text.replace(text[text.index(first) : text.index(last)], "")


FEWER = without(without(OLD, "class Old", "class Other"), "def speaks", "class Holder").replace(
    "Old", "Other"
)


@pytest.mark.parametrize("way", WAYS)
def test_a_class_that_is_gone_and_held_is_a_reason(program: Program, way: str) -> None:
    program.runs({"m.py": OLD})
    getattr(program.module("m"), way)()
    outcome = program.patch({"m.py": FEWER})
    assert outcome.effect is Effect.RELOAD
    assert "m.Old is gone from the sources, and is still held" in outcome.reasons


def test_classes_that_nobody_holds_go(program: Program) -> None:
    """With all that holds them for its own sake: bases and those below, annotations, methods, members."""
    program.runs({"m.py": OLD})
    m = program.module("m")
    outcome = program.patch({"m.py": without(FEWER, "class Base", "class Holder").replace("Kind.A", "1")})
    assert outcome, outcome.reasons
    assert not any(hasattr(m, name) for name in ("Old", "Base", "Below", "Kind", "Data", "speaks"))
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.Below().name() is m.Base and m.Kind.A.value == 1 and m.Data(2).x == 2


def test_who_has_an_object_has_its_class_for_that_object(program: Program) -> None:
    """A state that goes on, as long as no other class comes."""
    program.runs({"m.py": OLD})
    m = program.module("m")
    m.a_member()
    outcome = program.patch({"m.py": without(OLD, "class Kind", "@dataclasses").replace("Kind.A", "1")})
    assert outcome, outcome.reasons
    assert m.BUS[0].name == "A" and not hasattr(m, "Kind")


def test_a_class_that_has_another_name_is_the_same_for_who_holds_it(program: Program) -> None:
    program.runs({"m.py": OLD})
    m = program.module("m")
    m.listed()
    outcome = program.patch({"m.py": OLD.replace("Old", "New")})
    assert outcome, outcome.reasons
    assert m.BUS[0] is m.New and m.New.__name__ == "New"


def test_classes_of_a_module_that_goes_are_asked_about(program: Program) -> None:
    held = "BUS = []\ndef subscribe():\n    from part import Part\n    BUS.append(Part)\n"
    program.runs({"m.py": "import part\n" + held, "part.py": "class Part:\n    def go(self): return 1\n"})
    program.module("m").subscribe()
    outcome = program.patch({"m.py": "BUS = []\ndef subscribe(): BUS.append(None)\n", "part.py": None})
    assert outcome.effect is Effect.RELOAD
    assert "part.Part is gone from the sources, and is still held" in outcome.reasons

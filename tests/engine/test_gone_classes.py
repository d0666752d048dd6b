"""A class that gives way to another class object: who holds the old one, and who only seems to."""

from __future__ import annotations

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

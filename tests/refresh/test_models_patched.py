"""pydantic models in a program that is patched: what is compiled of them is what a fresh start compiles."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hotpatch.patching import Outcome
from tests.engine.conftest import Program, program

__all__ = ["program"]

SEPARATE = """
from pydantic import BaseModel
class Contact(BaseModel):
    model_config = {"extra": "allow"}
    name: str
class Info(BaseModel):
    model_config = {"extra": "allow"}
    contact: Contact
"""
SHARED = """
from pydantic import BaseModel
class Open(BaseModel):
    model_config = {"extra": "allow"}
class Contact(Open):
    name: str
class Info(Open):
    contact: Contact
"""
KINDS = """
from pydantic_core import core_schema
class Size:
    def __init__(self, number): self.number = number
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.no_info_after_validator_function(lambda n: cls(n), core_schema.int_schema())
"""
MODELS = """
from typing import Annotated
from pydantic import AfterValidator, BaseModel, TypeAdapter
from kinds import Size
def check(value): return value
class Row(BaseModel):
    size: Size
    count: Annotated[int, AfterValidator(check)] = 1
class Table(BaseModel):
    rows: list[Row]
ROWS = TypeAdapter(list[Row])
SIZE = TypeAdapter(Size)
"""


def refused(call: Any, value: Any) -> bool:
    try:
        call(value)
    except ValidationError:
        return True
    return False


def test_models_that_come_to_share_a_base_go_on_with_it_and_back(program: Program) -> None:
    """C can't give a model without weak references another base: each is another class afterwards, which the
    others are compiled with."""
    program.runs({"models_of_open.py": SEPARATE})
    models = program.module("models_of_open")
    info = models.Info(contact={"name": "a", "zip": 3}, more=2)
    outcome = program.patch({"models_of_open.py": SHARED})
    assert outcome, outcome.reasons
    assert isinstance(info.contact, models.Open)
    assert models.Info.model_validate({"contact": info.contact}).contact is info.contact
    assert models.Info(contact={"name": "b", "x": 1}).contact.x == 1
    assert info.model_dump() == {"contact": {"name": "a", "zip": 3}, "more": 2}
    assert outcome.undo is not None
    outcome.undo.revert()
    assert type(info.contact) is models.Contact and type(models.Info(contact=info.contact)) is models.Info


def test_what_a_type_of_the_program_asks_of_its_values_goes_for_all_that_have_it(program: Program) -> None:
    program.runs({"kinds.py": KINDS, "models_of_size.py": MODELS})
    models = program.module("models_of_size")
    calls = (
        (models.Row.model_validate, {"size": 3}),
        (models.Table.model_validate, {"rows": [{"size": 3}]}),
        (models.ROWS.validate_python, [{"size": 3}]),
        (models.SIZE.validate_python, 3),
    )
    outcome = program.patch({"kinds.py": KINDS.replace("int_schema()", "int_schema(gt=10)")})
    assert outcome, outcome.reasons
    assert all(refused(call, value) for call, value in calls)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert not any(refused(call, value) for call, value in calls)


def test_a_validator_that_takes_another_s_place_is_asked(program: Program) -> None:
    program.runs({"kinds.py": KINDS, "models_of_size.py": MODELS})
    models = program.module("models_of_size")
    row = {"size": 3, "count": 7}
    text = MODELS.replace("def check(value):", "def other(value):\n    assert value != 7\n   ")
    outcome = program.patch(
        {"models_of_size.py": text.replace("AfterValidator(check)", "AfterValidator(other)")}
    )
    assert outcome, outcome.reasons
    assert refused(models.Row.model_validate, row)
    assert refused(models.Table.model_validate, {"rows": [row]})
    assert refused(models.ROWS.validate_python, [row])


NUMBERS = """
from typing import Annotated
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
Small = Annotated[int, Field(gt=0, lt=50)]
ONE = TypeAdapter(Annotated[int, Field(gt=0)])
MANY = TypeAdapter(dict[str, list[Small]])
NAMED = TypeAdapter("list[Pair]")
WORD = TypeAdapter(str, config=ConfigDict(str_max_length=9))
@dataclass(config=ConfigDict(title="a"))
class Pair:
    name: str = ""
    count: int = 1
@dataclass
class Pairs:
    all: list[Pair]
NAMED.rebuild()
"""


def numbers_become(program: Program, old: str, new: str) -> tuple[Any, Outcome]:
    program.runs({"numbers_of_pairs.py": NUMBERS})
    assert old in NUMBERS
    numbers = program.module("numbers_of_pairs")
    outcome = program.patch({"numbers_of_pairs.py": NUMBERS.replace(old, new)})
    assert outcome, outcome.reasons
    return numbers, outcome


def undo(outcome: Outcome) -> None:
    assert outcome.undo is not None
    outcome.undo.revert()


@pytest.mark.parametrize(
    ("old", "new", "adapter", "value"),
    [
        ("Field(gt=0)]", "Field(gt=5)]", "ONE", 3),
        ("lt=50", "lt=5", "MANY", {"a": [1, 9]}),
        ("int, Field(gt=0)]", "int, Field(gt=0), Field(multiple_of=2)]", "ONE", 3),
        ("str_max_length=9", "str_max_length=2", "WORD", "aaa"),
        ('title="a"', 'title="a", str_max_length=2', "NAMED", [{"name": "aaa"}]),
    ],
    ids=["option", "option of a name", "another option", "configuration", "dataclass by its name"],
)
def test_a_type_adapter_asks_what_its_type_says_now_and_back(
    program: Program, old: str, new: str, adapter: str, value: object
) -> None:
    numbers, outcome = numbers_become(program, old, new)
    validate = getattr(numbers, adapter).validate_python
    assert refused(validate, value)
    undo(outcome)
    assert not refused(validate, value)


def test_a_type_adapter_that_nothing_concerns_is_kept(program: Program) -> None:
    program.runs({"numbers_of_pairs.py": NUMBERS})
    numbers = program.module("numbers_of_pairs")
    kept = numbers.MANY.validator, numbers.WORD.validator
    assert program.patch({"numbers_of_pairs.py": NUMBERS.replace("Field(gt=0)]", "Field(gt=5)]")})
    assert (numbers.MANY.validator, numbers.WORD.validator) == kept


def test_a_dataclass_whose_configuration_alone_changes_takes_it_and_back(program: Program) -> None:
    numbers, outcome = numbers_become(program, 'title="a"', 'title="a", str_max_length=2')
    assert refused(lambda name: numbers.Pair(name=name), "aaa")
    undo(outcome)
    assert numbers.Pair(name="aaa").name == "aaa"


def test_a_dataclass_that_holds_one_that_changed_is_compiled_again_too_and_back(program: Program) -> None:
    numbers, outcome = numbers_become(program, "count: int = 1", "count: str = '1'")
    pairs = [{"count": "three"}]
    assert not refused(lambda pairs: numbers.Pairs(all=pairs), pairs)
    undo(outcome)
    assert refused(lambda pairs: numbers.Pairs(all=pairs), pairs)


def test_a_class_whose_metaclass_answers_for_all_is_not_asked_what_it_is(program: Program) -> None:
    text = (
        "class Meta(type):\n    def __getattribute__(cls, name):\n        raise RuntimeError(name)\n"
        "class Own(metaclass=Meta): pass\ndef f(): return 1\n"
    )
    program.runs({"of_a_metaclass.py": text})
    m = program.module("of_a_metaclass")
    outcome = program.patch({"of_a_metaclass.py": text.replace("return 1", "return 2")})
    assert outcome, outcome.reasons
    assert m.f() == 2

"""pydantic models in a program that is patched: what is compiled of them is what a fresh start compiles."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

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

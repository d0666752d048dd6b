"""pydantic: models are compiled again with what changed, and so is all that holds them."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from hotpatch.engine.commit import commit
from hotpatch.ops import Op
from hotpatch.refresh import begin
from hotpatch.refresh.plugins import pydantic as plugin
from hotpatch.refresh.plugins.pydantic import stand_in
from tests.refresh.programs import Programs, asked_for_ever, item, new_code, on_class

SOURCE = """
    from __future__ import annotations
    from typing import Optional
    from pydantic import BaseModel, TypeAdapter, field_validator
    from pydantic.dataclasses import dataclass

    class Item(BaseModel):
        count: int = 1
        order: Optional[Order] = None
        @field_validator("count", mode="before")
        @classmethod
        def check(cls, value): return value
        def double(self): return self.count

    class Order(BaseModel):
        items: list[Item] = []

    class Special(Item):
        name: str = ""

    class Free(BaseModel):
        x: int = 1

    @dataclass
    class Box:
        size: int = 1

    Item.model_rebuild(); Order.model_rebuild(); Special.model_rebuild()
    ADAPTER = TypeAdapter(list[Order])
"""


def apply(program: Programs, *ops: Op) -> Any:
    with begin(ops, root=program.root) as round_:
        undo = commit(ops)
    assert round_.report is not None
    assert round_.report.failures == ()
    return undo


def text_field() -> FieldInfo:
    return FieldInfo(annotation=str, default="none")


def test_a_field_of_another_type_is_validated_by_its_new_type_everywhere(program: Programs) -> None:
    m = program.load("hp_pydantic_a", SOURCE)
    word = {"count": "three"}
    for refuses in (m.Item, m.Special):
        with pytest.raises(ValidationError):
            refuses.model_validate(word)
    ops = tuple(item(cls.__pydantic_fields__, "count", text_field()) for cls in (m.Item, m.Special))
    undo = apply(program, *ops)
    assert m.Item.model_validate(word).count == "three"
    assert m.Special.model_validate(word).count == "three"
    assert m.Order.model_validate({"items": [word]}).items[0].count == "three"
    assert m.Item.model_validate({"order": {"items": [word]}}).order.items[0].count == "three"
    assert m.ADAPTER.validate_python([{"items": [word]}])[0].items[0].count == "three"
    with begin(ops, undo=True, root=program.root):
        undo.revert()
    for model, value in ((m.Item, word), (m.Order, {"items": [word]})):
        with pytest.raises(ValidationError):
            model.model_validate(value)


def test_a_new_field_is_taken_and_dumped(program: Programs) -> None:
    m = program.load("hp_pydantic_b", SOURCE)
    apply(program, item(m.Free.__pydantic_fields__, "y", text_field()))
    assert m.Free(y="given").model_dump() == {"x": 1, "y": "given"}


def test_models_that_no_change_concerns_are_kept(program: Programs) -> None:
    m = program.load("hp_pydantic_c", SOURCE)
    kept = m.Free.__pydantic_validator__
    apply(program, item(m.Item.__pydantic_fields__, "count", text_field()))
    assert m.Free.__pydantic_validator__ is kept


def test_a_method_that_is_no_validator_needs_no_new_schema(program: Programs) -> None:
    m = program.load("hp_pydantic_d", SOURCE)
    kept = m.Item.__pydantic_validator__
    apply(program, new_code(m.Item.double, "def double(self): return self.count * 2"))
    assert m.Item.__pydantic_validator__ is kept
    assert m.Item(count=2).double() == 4


def test_a_validator_with_another_signature_is_called_in_the_new_way(program: Programs) -> None:
    m = program.load("hp_pydantic_e", SOURCE)
    function = vars(m.Item)["check"].__func__
    apply(program, new_code(function, "def check(cls, value): return int(value) + 1"))
    assert m.Item(count=1).count == 2


def test_a_pydantic_dataclass_that_changed(program: Programs) -> None:
    m = program.load("hp_pydantic_f", SOURCE)
    with pytest.raises(ValidationError):
        m.Box(size="big")
    made: Any = dataclasses.make_dataclass("Box", [("size", str, 1)])
    field = made.__dataclass_fields__["size"]
    apply(
        program,
        on_class(m.Box, "__annotations__", {"size": str}),
        item(m.Box.__dataclass_fields__, "size", field),
    )
    assert m.Box(size="big").size == "big"


def test_requests_go_on_while_models_are_compiled_again(program: Programs) -> None:
    m = program.load("hp_pydantic_g", SOURCE)

    def ask() -> None:
        assert m.Order.model_validate({"items": [{"count": 1}]}).items[0].count == 1
        assert m.Order(items=[m.Item(count=2)]).model_dump()["items"][0]["count"] == 2

    with asked_for_ever(ask):
        for number in range(20):
            fresh = FieldInfo(annotation=int, default=number)
            apply(program, item(m.Item.__pydantic_fields__, "count", fresh))
    assert m.Item().count == 19


def test_a_request_that_compiles_a_model_meanwhile_leaves_no_stand_in_on_one_said_to_be_complete(
    program: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request has met a stand-in before, and comes between the two steps of the next change."""
    m = program.load("hp_pydantic_h", SOURCE)
    asking: list[threading.Thread] = []
    place = plugin.stand_in

    def in_between(put: Any, cls: type) -> None:
        if cls is m.Free:
            thread = threading.Thread(target=m.Free.model_rebuild, kwargs={"_parent_namespace_depth": 0})
            asking.append(thread)
            thread.start()
            thread.join(0.2)  # where it has to wait for the lock, it goes on later
        place(put, cls)

    monkeypatch.setattr(plugin, "stand_in", in_between)
    plugin.incomplete(m.Free)
    asking[0].join(60)
    m.Free.model_rebuild(_parent_namespace_depth=0)
    assert m.Free.model_validate({"x": 3}).x == 3


def test_stand_ins_are_asked_for_as_each_version_of_pydantic_wants_it() -> None:
    told: list[tuple[object, ...]] = []

    def since_2_11(cls: type, undefined_name: str | None = None) -> None:
        told.append((cls, undefined_name))

    def until_2_10(cls: type, cls_name: str, undefined_name: str = "all") -> None:
        told.append((cls, cls_name, undefined_name))

    stand_in(since_2_11, FieldInfo)
    stand_in(until_2_10, FieldInfo)
    assert told == [(FieldInfo, None), (FieldInfo, "FieldInfo", "all")]

"""pydantic: validators and serialisers, compiled from fields and functions that changed.

The compiled schema of a model holds its fields, defaults and validators as they were when the class was
made, and those of the models that its fields name.  Models that changed, and all that hold one of them
(subclasses, models with such a field, type adapters), are compiled again.  First all of them get pydantic's
own stand-ins, or models that name each other would take over each other's old schema; whoever meets a
stand-in waits, or compiles the model itself.  (`_mock_val_ser`, `__pydantic_complete__` and
`TypeAdapter._type`; pydantic 2.10 to 2.14.) A `__pydantic_on_complete__` hook is called once more.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args
from weakref import WeakKeyDictionary, WeakSet

from pydantic import BaseModel, TypeAdapter
from pydantic._internal._mock_val_ser import set_dataclass_mocks, set_model_mocks
from pydantic.dataclasses import is_pydantic_dataclass, rebuild_dataclass

from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update

SCHEMA: Final = "__pydantic_core_schema__"


_found: Final[WeakKeyDictionary[Update, list[Any]]] = WeakKeyDictionary()
_anew: Final[WeakSet[Any]] = WeakSet()
"""The classes that were ever compiled anew: to take a change back says nothing of what they have now."""


def forget(update: Update) -> None:
    for cls in stale(update):
        cls.__pydantic_complete__ = False
        stand_in(set_model_mocks if issubclass(cls, BaseModel) else set_dataclass_mocks, cls)


def stand_in(place: Callable[..., None], cls: type) -> None:
    """Has pydantic put its stand-ins on the class; 2.10 wants to be told how it is called."""
    told = (cls.__qualname__,) if "cls_name" in inspect.signature(place).parameters else ()
    place(cls, *told)


def rebuild(update: Update) -> None:
    classes = stale(update)
    _anew.update(classes)
    for cls in classes:
        if issubclass(cls, BaseModel):
            cls.model_rebuild(force=True, _parent_namespace_depth=0)
        else:
            rebuild_dataclass(cls, force=True, _parent_namespace_depth=0)
    held = {*map(id, classes), *update.classes}
    for adapter in update.held(TypeAdapter):
        # One that is given another type keeps the validators that were compiled of the one before.
        if id(adapter) in update.owners or any(id(part) in held for part in mentioned(adapter._type)):
            adapter.rebuild(force=True, _parent_namespace_depth=0)


def stale(update: Update) -> list[Any]:
    """The classes that change and all that are compiled with one of them inside: as they were found at first,
    before what they were compiled to was forgotten."""
    if update not in _found:
        _found[update] = _stale(update)
    return _found[update]


def _stale(update: Update) -> list[Any]:
    classes: list[Any] = [*models(), *filter(is_pydantic_dataclass, update.classes.values())]
    inside = any(SCHEMA in op.where for op in update.ops)
    found = [
        cls
        for cls in classes
        if changed(cls, update) or (inside and _is_written_in(cls, update)) or (update.undo and cls in _anew)
    ]
    for cls in found:  # grows as it goes
        found += [other for other in classes if other not in found and _holds(other, cls)]
    return found


def models(cls: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """Every model there is."""
    for sub in cls.__subclasses__():
        yield sub
        yield from models(sub)


def _is_written_in(cls: Any, update: Update) -> bool:
    """Does the change write into the schema that the class was compiled from?"""
    todo = [vars(cls).get(SCHEMA)]
    while todo:
        part = todo.pop()
        if id(part) in update.owners:
            return True
        if type(part) is dict:
            todo += part.values()
        elif type(part) in (list, tuple):
            todo += part
    return False


def changed(cls: Any, update: Update) -> bool:
    """Whether the class itself, one of its fields, or a validator or serialiser of it changes."""
    fields = cls.__pydantic_fields__
    if id(cls) in update.owners or id(cls) in update.successors or id(fields) in update.owners:
        return True
    if any(map(update.concerns, fields.values())):
        return True
    decorators = cls.__pydantic_decorators__
    kinds = (getattr(decorators, kind.name) for kind in dataclasses.fields(decorators))
    return any(update.concerns(decorator.func) for kind in kinds for decorator in kind.values())


def _holds(cls: Any, other: Any) -> bool:
    return issubclass(cls, other) or any(
        part is other for field in cls.__pydantic_fields__.values() for part in mentioned(field.annotation)
    )


def mentioned(annotation: Any) -> Iterator[Any]:
    """The types that an annotation names, at any depth."""
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from mentioned(part)


COMPILED: Final = frozenset(
    {
        SCHEMA,
        "__pydantic_validator__",
        "__pydantic_serializer__",
        "__pydantic_complete__",
        "__signature__",
    }
)
"""What compiling leaves on a class: of one whose annotations can't be resolved yet pydantic leaves it to the
first use, so that two processes may differ in it."""

HANDLER = Handler("pydantic", forget=forget, rebuild=rebuild, looks_for=(TypeAdapter,), remakes=COMPILED)

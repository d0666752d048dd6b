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
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic._internal._mock_val_ser import set_dataclass_mocks, set_model_mocks
from pydantic.dataclasses import is_pydantic_dataclass, rebuild_dataclass

from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update


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
    for cls in classes:
        if issubclass(cls, BaseModel):
            cls.model_rebuild(force=True, _parent_namespace_depth=0)
        else:
            rebuild_dataclass(cls, force=True, _parent_namespace_depth=0)
    held = set(map(id, classes))
    for adapter in update.held(TypeAdapter):
        # One that is given another type keeps the validators that were compiled of the one before.
        if id(adapter) in update.owners or any(id(part) in held for part in mentioned(adapter._type)):
            adapter.rebuild(force=True, _parent_namespace_depth=0)


def stale(update: Update) -> list[Any]:
    """The classes that change and all that are compiled with one of them inside."""
    classes: list[Any] = [*models(), *filter(is_pydantic_dataclass, update.classes.values())]
    found = [cls for cls in classes if changed(cls, update)]
    for cls in found:  # grows as it goes
        found += [other for other in classes if other not in found and _holds(other, cls)]
    return found


def models(cls: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """Every model there is."""
    for sub in cls.__subclasses__():
        yield sub
        yield from models(sub)


def changed(cls: Any, update: Update) -> bool:
    """Whether the class itself, one of its fields, or a validator or serialiser of it changes."""
    fields = cls.__pydantic_fields__
    if id(cls) in update.owners or id(fields) in update.owners or any(map(update.concerns, fields.values())):
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


HANDLER = Handler("pydantic", forget=forget, rebuild=rebuild, looks_for=(TypeAdapter,))

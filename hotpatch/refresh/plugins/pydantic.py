"""pydantic: validators and serialisers, compiled from fields and functions that changed.

The compiled schema of a model holds its fields, defaults and validators as they were when the class was
made, and those of the models that its fields name.  Models that changed, and all that hold one of them
(subclasses, models with such a field, type adapters), are compiled again.  First all of them get pydantic's
own stand-ins, or models that name each other would take over each other's old schema; whoever meets a
stand-in waits, or compiles the model itself.  A type adapter is told by its schema as well: what its type
says in `Annotated` is the adapter's alone.  (`_mock_val_ser`, `__pydantic_complete__`,
`set_dataclass_fields`, `_rebuild_lock`, and `_type`, `_config`, `_module_name` of `TypeAdapter`; pydantic
2.10 to 2.14.)  A `__pydantic_on_complete__` hook is called once more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import inspect
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, get_args, get_origin
from weakref import WeakKeyDictionary, WeakSet

import pydantic.main
from pydantic import BaseModel, TypeAdapter
from pydantic._internal._config import ConfigWrapper
from pydantic._internal._dataclasses import set_dataclass_fields
from pydantic._internal._mock_val_ser import set_dataclass_mocks, set_model_mocks
from pydantic._internal._namespace_utils import NsResolver
from pydantic.dataclasses import rebuild_dataclass

from hotpatch.engine.reading import class_module
from hotpatch.ops import SlotKind
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.search import may_enter
from hotpatch.refresh.update import Update

SCHEMA: Final = "__pydantic_core_schema__"
DATACLASS: Final = frozenset({"__is_pydantic_dataclass__", "__dataclass_fields__"})
"""By which a dataclass of pydantic's is known."""
BEING_COMPILED: Final[Any] = getattr(pydantic.main, "_rebuild_lock", contextlib.nullcontext())
ADAPTED: Final = frozenset({"core_schema", "validator", "serializer"})
"""What compiling leaves on an adapter."""

_found: Final[WeakKeyDictionary[Update, list[Any]]] = WeakKeyDictionary()
_anew: Final[WeakSet[Any]] = WeakSet()
"""Classes and adapters that were ever compiled anew: to take a change back says nothing of what they have."""


def give_back(update: Update) -> None:
    """What was compiled anew stands where the change had put something: it is to find that there, or could
    not be taken back."""
    for op in update.ops if update.undo else ():
        given = op.kind is SlotKind.INSTANCE and type(op.owner) is TypeAdapter and op.key in ADAPTED
        if given and op.owner in _anew:
            vars(op.owner)[op.key] = op.after


def forget(update: Update) -> None:
    for cls in stale(update):
        incomplete(cls)


def incomplete(cls: Any) -> None:
    """A request that compiles the class just now, having met a stand-in, says at its end that the class is
    complete.  Said between the two steps here it would leave stand-ins on a class that is said to be
    complete, who would ask each other for ever: hence the lock under which pydantic does it, where it has
    one."""
    with BEING_COMPILED:
        cls.__pydantic_complete__ = False
        stand_in(set_model_mocks if issubclass(cls, BaseModel) else set_dataclass_mocks, cls)
        cls.__pydantic_complete__ = False


def stand_in(place: Callable[..., None], cls: type) -> None:
    """Has pydantic put its stand-ins on the class; 2.10 wants to be told how it is called."""
    told = (cls.__qualname__,) if "cls_name" in inspect.signature(place).parameters else ()
    place(cls, *told)


def rebuild(update: Update) -> None:
    classes = stale(update)
    _anew.update(classes)
    for cls in classes:  # all of them first: a holder compiles the fields of what it holds as they are then
        if not issubclass(cls, BaseModel):
            collect_fields(cls)
    for cls in classes:
        if issubclass(cls, BaseModel):
            cls.model_rebuild(force=True, _parent_namespace_depth=0)
        else:
            rebuild_dataclass(cls, force=True, _parent_namespace_depth=0)
    held = {*map(id, classes), *update.classes}
    for adapter in update.held(TypeAdapter):
        if adapter_concerned(adapter, held, update):
            _anew.add(adapter)
            compile_again(adapter)


def compile_again(adapter: TypeAdapter[Any]) -> None:
    names = vars(sys.modules.get(adapter._module_name, types))  # a type may be given by its name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever made it was told, or had it ignored as FastAPI has
        adapter.rebuild(force=True, _parent_namespace_depth=0, _types_namespace=names)


def collect_fields(cls: Any) -> None:
    """The fields that compiling collected before are not those that a change taken back was written on."""
    config = ConfigWrapper(cls.__pydantic_config__, check=False)
    set_dataclass_fields(cls, config_wrapper=config, ns_resolver=NsResolver(parent_namespace={}))


def adapter_concerned(adapter: TypeAdapter[Any], held: set[int], update: Update) -> bool:
    """Whether it was compiled of something else: one that is given another type keeps the validators of the
    one before, and so does one whose type says something else now."""
    if id(adapter) in update.owners or id(adapter._config) in update.owners:
        return True
    if update.undo and adapter in _anew:
        return True
    if any(id(part) in held for part in mentioned(adapter._type)):
        return True
    return any(id(part) in held or id(part) in update.owners for part in compiled_of(adapter))


def compiled_of(adapter: TypeAdapter[Any]) -> Iterator[object]:
    """The parts of an adapter's schema, and what its type says in `Annotated`."""
    yield from inside(adapter.core_schema)
    for note in said(adapter._type):
        yield note
        if may_enter(type(note)) and type(note) is not types.FunctionType:  # that holds its whole module
            for part in gc.get_referents(note):
                yield from inside(part)


def stale(update: Update) -> list[Any]:
    """The classes that change and all that are compiled with one of them inside: as they were found at first,
    before what they were compiled to was forgotten."""
    if update not in _found:
        _found[update] = _stale(update)
    return _found[update]


def _stale(update: Update) -> list[Any]:
    known = {id(cls): cls for cls in (*models(), *dataclasses_of(update))}
    classes: list[Any] = list(known.values())
    written = any(SCHEMA in op.where for op in update.ops)
    found = [
        cls
        for cls in classes
        if changed(cls, update) or (written and _is_written_in(cls, update)) or (update.undo and cls in _anew)
    ]
    for cls in found:  # grows as it goes
        found += [other for other in classes if other not in found and _holds(other, cls)]
    return found


def models(cls: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """Every model there is."""
    for sub in cls.__subclasses__():
        yield sub
        yield from models(sub)


def dataclasses_of(update: Update) -> Iterator[type]:
    """Those that change, and those of the program's modules and of their classes: nobody keeps a list."""
    todo: list[Any] = [*update.classes.values()]
    for module in update.program.values():
        todo += list(update.view.names(module).values())
    seen: set[int] = set()
    while todo:
        cls = todo.pop()
        if id(cls) in seen or not issubclass(type(cls), type):
            continue
        seen.add(id(cls))
        if (
            update.view.attributes(cls).keys() >= DATACLASS
        ):  # not by asking the class, whose metaclass may mind
            yield cls
        if class_module(cls) in update.program:
            todo += list(update.view.attributes(cls).values())


def _is_written_in(cls: Any, update: Update) -> bool:
    """Does the change write into the schema that the class was compiled from?"""
    return any(id(part) in update.owners for part in inside(vars(cls).get(SCHEMA)))


def inside(schema: Any) -> Iterator[Any]:
    """What plain containers hold, at any depth."""
    todo, seen = [schema], set()
    while todo:
        part = todo.pop()
        yield part
        if type(part) not in (dict, list, tuple) or id(part) in seen:
            continue
        seen.add(id(part))
        todo += part.values() if type(part) is dict else part


def changed(cls: Any, update: Update) -> bool:
    """Whether the class itself, its configuration, a field, or a validator or serialiser of it changes."""
    fields = cls.__pydantic_fields__
    own = (cls, fields, vars(cls).get("__pydantic_config__"))
    if id(cls) in update.successors or any(id(part) in update.owners for part in own):
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


def said(annotation: Any) -> Iterator[Any]:
    """What an annotation says of its types besides naming them, at any depth."""
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from parts[1:]
        parts = parts[:1]
    for part in parts:
        yield from said(part)


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

HANDLER = Handler(
    "pydantic", before=give_back, forget=forget, rebuild=rebuild, looks_for=(TypeAdapter,), remakes=COMPILED
)

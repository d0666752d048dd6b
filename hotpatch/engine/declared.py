"""Fields that classes declare, by what makes classes from fields, and the defaults that are plain.

Dataclasses, attrs and pydantic each keep a table of fields on the class.  None of the libraries is imported:
what stands in a table says by its type which one made it.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from .reading import PLAIN, class_module, enclosed, qualname_of, resolve

Make = Callable[[], Any]
DATACLASS, ATTRS, PYDANTIC = "__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__"
TABLES: Final = (DATACLASS, ATTRS, PYDANTIC)
AFTERWARDS: Final = (
    *("__post_init__", "__attrs_post_init__", "__attrs_pre_init__", "model_post_init"),
    *("__new__", "__setattr__"),
)
"""Methods that have a say in what a new object has."""
LIBRARIES: Final = frozenset({"attr", "attrs", "pydantic"})
CONTAINERS: Final[tuple[Make, ...]] = (list, dict, set)
FIXED: Final = frozenset(
    {
        *(("datetime", name) for name in ("date", "datetime", "time", "timedelta")),
        *(("decimal", "Decimal"), ("uuid", "UUID")),
    }
)
"""By name: what the program has not imported it has no objects of."""
PLAIN_FIELD: Final = getattr(dataclasses, "_FIELD", None)
"""How `dataclasses` says that a field is an attribute of every object."""


def is_generated(code: types.CodeType) -> bool:
    """Was it made from text, as dataclasses and attrs make methods?"""
    return code.co_filename.startswith("<")


def is_programs(value: Any) -> bool:
    """Is this a function that the program wrote: neither made for a class from its fields, nor a library's
    own?  What the library puts around one of the program counts as that one."""
    found = value.__func__ if type(value) is staticmethod else value
    if type(found) is not types.FunctionType or is_generated(found.__code__):
        return False
    if not _is_written_in_library(found):
        return True
    return any(map(is_programs, enclosed(found)))


def is_of_library(value: Any) -> bool:
    return type(value) is types.FunctionType and _is_written_in_library(value)


def _is_written_in_library(function: types.FunctionType) -> bool:
    space = function.__globals__.get("__name__")
    return type(space) is str and space.partition(".")[0] in LIBRARIES


def come(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Make]:
    """What fields that come to a class are given, by its dictionaries.  A dataclass of pydantic has two
    tables, and a field is given what both say."""
    found, others = dict[str, Make](), set[str]()
    for table, plainly in _READERS.items():
        old, new = _fields(before.get(table)), _fields(after.get(table))
        if old is None or new is None:
            continue
        for name in new.keys() - old.keys():
            if (make := plainly(new[name], name, after)) is None:
                others.add(name)
            else:
                found.setdefault(name, make)
    return {name: make for name, make in found.items() if name not in others}


def fields(space: Mapping[str, Any]) -> set[str] | None:
    """The names of the fields that a class dictionary has a table of; None where it has none."""
    tables = [found for table in TABLES if (found := _fields(space.get(table))) is not None]
    return set[str]().union(*tables) if tables else None


def _fields(table: Any) -> dict[str, Any] | None:
    if type(table) is dict:
        return table
    return {field.name: field for field in table} if isinstance(table, tuple) else None


def _of_dataclass(field: Any, name: str, space: Mapping[str, Any]) -> Make | None:
    """A default that is no factory's is an attribute of the class."""
    params = space.get("__dataclass_params__")
    if type(field) is not dataclasses.Field or getattr(field, "_field_type", None) is not PLAIN_FIELD:
        return None
    return _factory(field.default_factory) if getattr(params, "init", False) else None


def _of_attrs(field: Any, name: str, space: Mapping[str, Any]) -> Make | None:
    if qualname_of(type(field)) != "Attribute" or "__attrs_init__" in space or field.converter is not None:
        return None
    if is_programs(field.validator):  # it may do more than to look
        return None
    default = field.default
    if qualname_of(type(default)) == "Factory":
        return None if default.takes_self else _factory(default.factory)
    return _constant(default)


def _of_pydantic(field: Any, name: str, space: Mapping[str, Any]) -> Make | None:
    config = space.get("model_config") or space.get("__pydantic_config__") or {}
    validates = getattr(field, "validate_default", None) or config.get("validate_default")
    if qualname_of(type(field)) != "FieldInfo" or validates:
        return None
    if getattr(field, "default_factory", None) is not None:
        return _factory(field.default_factory)
    default = field.default
    if type(default) in CONTAINERS and not default:  # each object gets a copy
        return type(default)
    return _constant(default)


def validators(space: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """By a model's class dictionary, its tables of validators of all of it, which may set one field by
    another."""
    decorators = space.get("__pydantic_decorators__")
    tables = (getattr(decorators, kind, None) for kind in ("model_validators", "root_validators"))
    return tuple(table for table in tables if type(table) is dict)


def is_field(value: Any) -> bool:
    return qualname_of(type(value)) in ("Field", "Attribute", "FieldInfo")


def _factory(factory: Any) -> Make | None:
    return next((make for make in CONTAINERS if make is factory), None)


def _constant(value: Any) -> Make | None:
    return (lambda: value) if is_fixed(value) else None


def is_fixed(value: Any) -> bool:
    """Can nobody change it where it is?"""
    kind = type(value)
    if kind in (tuple, frozenset):
        return all(map(is_fixed, value))
    if kind in PLAIN or issubclass(kind, enum.Enum):
        return True
    name = class_module(kind), qualname_of(kind)
    return name in FIXED and resolve(*name) is kind


_READERS: Final = {DATACLASS: _of_dataclass, ATTRS: _of_attrs, PYDANTIC: _of_pydantic}

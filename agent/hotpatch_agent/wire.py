"""Frozen values to JSON and back, driven by their annotations.

All small files of the home folder are canonical JSON: sorted keys, no spaces, UTF-8, one line.  A value's
fields are the keys.  Reading is strict about types and about what must be there, and ignores keys that it
does not know, so that an older hotpatch can read what a newer one wrote.

Known types: str, int, float, bool, None, enums (by value), tuples of one type, mappings from str, optional
values, and attrs classes of these.
"""

from __future__ import annotations

import enum
import functools
import json
import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs

Value = TypeVar("Value")
_Read = Callable[[Any, str], Any]
_Field = tuple[str, frozenset[type], _Read, bool]
"""Of an attrs class: the name; the types of which a value needs no reading; how any other is read; whether it
must be there."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


class Malformed(ValueError):
    """The data does not have the shape of the value that it should be; the text says where."""


def dump(value: Any) -> bytes:
    """One line of canonical JSON, ended by a newline: without it, the line was cut short."""
    return canonical(unstructure(value)) + b"\n"


def canonical(data: Any) -> bytes:
    """The one way to write this data: digests are taken of it."""
    return _ENCODER.encode(data).encode()


def load(kind: type[Value], line: bytes) -> Value:
    """Read what `dump` wrote; raise Malformed if it is anything else."""
    return structure(kind, parse(line))


def parse(line: bytes) -> Any:
    """The data of one line; Malformed if the line is not whole."""
    if not line.endswith(b"\n"):
        raise Malformed("the file is cut short")
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error


def unstructure(value: Any) -> Any:
    """A value as plain data."""
    kind: type = type(value)
    return value if kind in _PLAIN else _writer(kind)(value)


def structure(kind: type[Value], data: Any) -> Value:
    """Plain data as a value of this type; Malformed if it does not fit."""
    described: Any = kind
    read: Callable[[Any, str], Value] = _reader(described)
    return read(data, kind.__name__)


@functools.cache
def _writer(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if attrs.has(kind):
        return _class_writer(kind)
    if issubclass(kind, Mapping):
        return lambda value: {key: unstructure(item) for key, item in value.items()}
    if issubclass(kind, tuple | list):
        return lambda value: [unstructure(item) for item in value]
    raise TypeError(f"{kind.__name__} is nothing that can be written")


def _class_writer(kind: type) -> Callable[[Any], dict[str, Any]]:
    names = tuple(name for name, _, _, _ in _fields(kind))
    nested = tuple(name for name, plain, _, _ in _fields(kind) if plain <= {type(None)})
    get: Callable[[Any], Any] = operator.attrgetter(*names)
    values = get if len(names) > 1 else lambda value: (get(value),)

    def write(value: Any) -> dict[str, Any]:
        data = dict(zip(names, values(value), strict=True))
        for name in nested:
            if data[name] is not None:
                data[name] = unstructure(data[name])
        return data

    return write


@functools.cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (item.name, _plain(hints[item.name]), _reader(hints[item.name]), item.default is attrs.NOTHING)
        for item in attrs.fields(kind)
    )


def _plain(hint: Any) -> frozenset[type]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = typing.get_args(hint) if is_union else (hint,)
    return frozenset(kind for kind in kinds if kind in _PLAIN)


@functools.cache
def _reader(kind: Any) -> _Read:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda data, where: data
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        read = _reader(inner)
        return lambda data, where: None if data is None else read(data, where)
    if origin is tuple:
        return functools.partial(_read_tuple, _reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return functools.partial(_read_mapping, _reader(arguments[1]))
    if issubclass(kind, enum.Enum):
        return functools.partial(_read_enum, kind)
    if attrs.has(kind):
        return functools.partial(_read_class, kind)
    return functools.partial(_read_plain, kind)


def _read_plain(kind: type, data: Any, where: str) -> Any:
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        raise Malformed(f"{where} is {data!r:.60}, not {kind.__name__}")
    return data


def _read_enum(kind: type[enum.Enum], data: Any, where: str) -> Any:
    try:
        return kind(data)
    except ValueError as error:
        raise Malformed(f"{where} is {data!r:.60}, which is no {kind.__name__}") from error


def _read_tuple(item: Callable[[Any, str], Any], data: Any, where: str) -> Any:
    if type(data) is not list:
        raise Malformed(f"{where} is {data!r:.60}, not a list")
    return tuple(item(one, where) for one in data)


def _read_mapping(item: Callable[[Any, str], Any], data: Any, where: str) -> Any:
    if type(data) is not dict:
        raise Malformed(f"{where} is {data!r:.60}, not an object")
    return {key: item(one, where) for key, one in data.items()}


def _read_class(kind: type, data: Any, where: str) -> Any:
    if type(data) is not dict:
        raise Malformed(f"{where} is {data!r:.60}, not an object")
    found = {}
    for name, plain, read, required in _fields(kind):
        if name in data:
            item = data[name]
            found[name] = item if type(item) in plain else read(item, f"{where}.{name}")
        elif required:
            raise Malformed(f"{where} lacks {name}")
    return kind(**found)

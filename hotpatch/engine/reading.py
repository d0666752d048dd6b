"""How an object is read without running a line of the program's own code.

A `__getattr__`, a property or a lazy proxy must not wake because hotpatch looks at it, so nothing here calls
`getattr` on an instance or `isinstance` on a foreign object: instance dictionaries come through the getset
descriptor that C put on the type, slots through their member descriptors, attributes of classes through
`type`'s own dictionary.

This module and those that describe objects import the standard library alone: they also run in the clean
processes, which must hold nothing that the program would not have loaded by itself.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import struct
import sys
import types
import typing
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

PLAIN: Final = frozenset({int, float, complex, str, bytes, bool, type(None), type(Ellipsis)})
"""Told by their values, which `marshal` writes: `NotImplemented` it does not."""
MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda self: "MISSING"})()
"""What a look-up gives where nothing is; never a value of the program."""

LRU: Final = type(functools.lru_cache(lambda: 0))

# Py_TPFLAGS of Include/object.h: made at run time, and closed to setting attributes.
_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE_TYPE: Final = 1 << 8

PAYLOADS: Final[dict[type, Callable[[Any], Any]]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda b: bytes.__getitem__(b, slice(None)),
    complex: lambda c: complex.__add__(c, 0),
}
"""For classes that extend a plain type: how to read the plain value inside an instance."""

GIVEN: Final[dict[type, tuple[tuple[str, Callable[[Any], Any]], ...]]] = {
    types.GenericAlias: (
        ("origin", types.GenericAlias.__dict__["__origin__"].__get__),
        ("args", types.GenericAlias.__dict__["__args__"].__get__),
    ),
    weakref.ref: (
        ("target", weakref.ref.__call__),
        ("callback", weakref.ref.__dict__["__callback__"].__get__),
    ),
}
"""For classes that extend a C type whose objects are whole once made: what its `__new__` is given, and how to
read that."""

MAPPINGS: Final[tuple[type, ...]] = (dict, collections.OrderedDict, collections.defaultdict)
SEQUENCES: Final[tuple[type, ...]] = (tuple, list, collections.deque)
_CONTENTS: Final = frozenset({*PAYLOADS, *GIVEN, *MAPPINGS, *SEQUENCES, set, frozenset})
_POINTER: Final = struct.calcsize("P")

class_dict: Final[Callable[[type], types.MappingProxyType[str, Any]]] = type.__dict__["__dict__"].__get__
# Past a metaclass that has an attribute of that name or a `__getattribute__` of its own.
bases_of: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__bases__"].__get__
mro_of: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
base_of: Final[Callable[[type], type | None]] = type.__dict__["__base__"].__get__
flags_of: Final[Callable[[type], int]] = type.__dict__["__flags__"].__get__
_qualname_of: Final[Callable[[type], str]] = type.__dict__["__qualname__"].__get__
_name_of: Final[Callable[[type], str]] = type.__dict__["__name__"].__get__
_SIZES: Final = [
    type.__dict__[name].__get__
    for name in ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__")
]
_module_of: Final[Callable[[type], Any]] = type.__dict__["__module__"].__get__


def qualname_of(cls: type) -> str:
    """Plain text: a class body may give a name that is of a class derived from `str`."""
    return str.__str__(_qualname_of(cls))


def class_name(cls: type) -> str:
    return str.__str__(_name_of(cls))


def class_module(cls: type) -> str:
    """The module that a class names as its own; empty if that is no text: a C type may have a descriptor of
    this name."""
    found = _module_of(cls)
    return found if type(found) is str else ""


def is_python_class(cls: type) -> bool:
    """Was this class made by a class statement (or a call of `type`)?  C types made from a spec look alike,
    but for the module in which they live."""
    if not flags_of(cls) & _HEAP_TYPE or flags_of(cls) & _IMMUTABLE_TYPE:
        return False
    own = class_dict(cls)
    new = own.get("__new__")
    if type(new) is types.BuiltinFunctionType and new.__self__ is cls:
        return False  # C fills the type's slot, and puts this into its dictionary
    if {"__slots__", "__dict__", "__weakref__"} & own.keys():
        return True
    if any(is_python_class(base) for base in bases_of(cls)):
        return True
    home = sys.modules.get(own.get("__module__", ""))
    return str(getattr(home, "__file__", "") or "").endswith(".py")


_OF_DICTIONARIES: Final = (types.GetSetDescriptorType, types.MemberDescriptorType)
"""By the latter `types.SimpleNamespace` gives it."""


def raw_dict(obj: Any) -> dict[str, Any] | None:
    """The instance dictionary, past any property that hides it; None where there is none."""
    for cls in mro_of(type(obj)):
        getter = class_dict(cls).get("__dict__")
        if getter is not None and type(getter) in _OF_DICTIONARIES:
            try:
                found = getter.__get__(obj)
            except (AttributeError, TypeError):
                return None
            return found if type(found) is dict else None
    return None


def slots_of(cls: type) -> Iterator[tuple[type, str, types.MemberDescriptorType]]:
    """(class, name, member descriptor) of every slot, a class's `__slots__` may have been deleted since."""
    for base in mro_of(cls):
        if flags_of(base) & _HEAP_TYPE:
            for name, member in class_dict(base).items():
                if type(member) is types.MemberDescriptorType:
                    yield base, name, member


def held_by_method(held: Any) -> Any:
    """What a static or class method holds; of anything else, itself."""
    return held.__func__ if type(held) in (staticmethod, classmethod) else held


def slot_value(member: Any, obj: Any) -> Any:
    try:
        return member.__get__(obj)
    except AttributeError:
        return MISSING


def solid_base(cls: type) -> type:
    """The C type that gives instances of `cls` their layout."""
    return next(
        base
        for base in mro_of(cls)
        if not is_python_class(base) and base is not typing.Generic and base is not typing.Protocol
    )


def container_of(cls: type) -> type:
    """The C type by whose methods the contents of instances of `cls` are read and written: the one that gives
    them their layout, or the plain one that this extends."""
    solid = solid_base(cls)
    return next((base for base in mro_of(solid) if base in _CONTENTS), solid)


def hides(cls: type) -> bool:
    """Do instances of `cls` have more room in C than is told of: by the methods of `container_of`, or by a
    header, a dictionary and weak references?  Those of `datetime.tzinfo` don't."""
    solid, known = solid_base(cls), container_of(cls)
    beyond = known if known in _CONTENTS else object
    return sizes_of(solid)[1] != sizes_of(beyond)[1] or _room(solid) > _room(beyond)


def _room(cls: type) -> int:
    basic, _, dictionary, weak = sizes_of(cls)
    return int(basic - _POINTER * ((dictionary > 0) + (weak > 0)))


def laid_down(cls: type) -> type:
    """The class among this one and its bases that added something to the layout last."""
    while (base := base_of(cls)) is not None and _same_layout(cls, base):
        cls = base
    return cls


def anchor(cls: type) -> tuple[str, str, tuple[str, ...]]:
    """What has to be the same for C to let instances of one class become instances of another: the class
    on which the layout was laid down last, told by the base that it extends and the slots that it adds
    (Objects/typeobject.c,
    `compatible_for_assignment`)."""
    cls = laid_down(cls)
    base = plainest(base_of(cls) or cls)
    members = sorted(k for k, v in class_dict(cls).items() if type(v) is types.MemberDescriptorType)
    return str(class_module(base)), qualname_of(base), tuple(members)


def plainest(cls: type) -> type:
    """Exceptions of C that add nothing to the one that they extend are laid out as that is."""
    while issubclass(cls, BaseException) and (above := base_of(cls)) and sizes_of(above) == sizes_of(cls):
        cls = above
    return cls


def sizes_of(cls: type) -> tuple[int, ...]:
    """Basic and item size of its instances, and where they have their dictionary and weak references."""
    return tuple(size(cls) for size in _SIZES)


def _same_layout(a: type, b: type) -> bool:
    return sizes_of(a) == sizes_of(b) and is_python_class(b)


def class_attribute(
    cls: type, name: str, attributes: Callable[[type], Mapping[str, Any]] = class_dict
) -> Any:
    """What the class has under this name, base classes included, as it stands in the dictionaries."""
    for base in mro_of(cls):
        own = attributes(base)
        if name in own:
            return own[name]
    return MISSING


def enclosed(function: types.FunctionType) -> Iterator[Any]:
    """What the variables hold that it has from around it, without those that are empty so far."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):
            yield cell.cell_contents


def resolve(module: str, qualname: str) -> Any:
    """What `module.qualname` is in this process, MISSING if it isn't; imports nothing."""
    found: Any = sys.modules.get(module, MISSING)
    for part in qualname.split("."):
        if found is MISSING:
            return MISSING
        if issubclass(type(found), type):
            found = class_attribute(found, part)
        elif issubclass(type(found), types.ModuleType):
            found = vars(found).get(part, MISSING)
        else:
            space = raw_dict(found)
            found = MISSING if space is None else space.get(part, MISSING)
    return found


def plain_same(a: Any, b: Any) -> bool:
    """Equal and of one type; 0.0 is not -0.0, and a nan is itself."""
    if type(a) is not type(b):
        return False
    if type(a) in (float, complex):
        return repr(a) == repr(b)
    return bool(a == b)


def is_bare_folder(module: Any) -> bool:
    """A package without `__init__.py`: it has a path, and no file."""
    space = vars(module) if issubclass(type(module), types.ModuleType) else {}
    return "__path__" in space and space.get("__file__") is None

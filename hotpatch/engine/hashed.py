"""Keys and members of sets that a change of their hash would lose.

A dictionary keeps things where their hash says.  When the code of `__hash__` changes, or what it reads (a
frozen dataclass that gains a field hashes it, too), or the object gets another attribute, what stands in a
dictionary or a set is not found there any more.  Fresh starts have put nothing in yet.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import codes
from .instances import Functions, functions_in
from .living import Living
from .reading import class_attribute, class_dict, is_python_class, qualname_of

_CONTAINERS: Final = (dict, set, frozenset)
_OF_KEYS: Final = (tuple, frozenset)
_NAMED: Final = frozenset({SlotKind.GLOBAL, SlotKind.CLASS})


def lost(functions: Functions, ops: Sequence[Op], objects: Living, turn: Callable[[bool], None]) -> list[str]:
    """Sentences, one for each class of which an object is not found any more where it stands.

    Runs the program's `__hash__`, with the edit and without it: `turn(False)` takes it back, `turn(True)`
    does it again.
    """
    others = {id(f) for op in ops for f in functions_in(op.after)} | functions.keys()
    names = {op.key for op in ops if op.kind in _NAMED} | {f.__name__ for f, _, _ in functions.values()}
    owners = {id(op.owner) for op in ops if op.kind is SlotKind.CLASS and op.key == "__hash__"}
    asks = any(id(cls) in owners or _reads(cls, others, names) for cls in _classes(objects))
    if not asks and not any(op.found_anew and any(True for _ in _hashing(op.owner)) for op in ops):
        return []
    keys = {id(key): key for key in _keys(objects)}
    after = {i: _hash(key) for i, key in keys.items()}
    turn(False)
    try:
        before = {i: _hash(key) for i, key in keys.items()}
    finally:
        turn(True)
    stale = {qualname_of(type(key)) for i, key in keys.items() if before[i] != after[i]}
    return [
        f"objects of {name} are keys of dictionaries or members of sets, and get another hash"
        for name in sorted(stale)
    ]


def _classes(objects: Living) -> Iterator[type]:
    return (cls for cls in objects.below(type) if "__hash__" in class_dict(cls))


def _reads(cls: type, others: set[int], names: set[Any]) -> bool:
    """Is its own `__hash__` one of these functions, or does it read by name what is exchanged?"""
    hashing = class_dict(cls)["__hash__"]
    if type(hashing) is not types.FunctionType:
        return False
    return id(hashing) in others or bool(codes.names_in(hashing.__code__) & names)


def _keys(objects: Living) -> Iterator[Any]:
    for kind in _CONTAINERS:
        for container in objects.below(kind):
            for key in list(kind.__iter__(container)):
                if type(key) is not str:
                    yield from _hashing(key)


def _hashing(key: Any, depth: int = 3) -> Iterator[Any]:
    """What a key is found by: itself, what it is made of, or, of a weak reference, what it refers to, where
    that has a hash of its own.  The reference keeps the hash of when it was first asked for one."""
    cls = type(key)
    if is_python_class(cls) and type(class_attribute(cls, "__hash__")) in (types.FunctionType, type(None)):
        yield key
    elif depth and issubclass(cls, weakref.ref):
        yield from _hashing(weakref.ref.__call__(key), depth - 1)
    elif depth and (kind := next((kind for kind in _OF_KEYS if issubclass(cls, kind)), None)):
        for part in kind.__iter__(key):
            yield from _hashing(part, depth - 1)


def _hash(key: Any) -> Any:
    try:
        return hash(key)
    except Exception as error:  # noqa: BLE001  whatever the program's code raises: it is not found either
        return type(error).__name__

"""What a cache has answered, and whether that may hold what came since.

`@lru_cache def settings(): return Settings()` keeps what a fresh start makes again.  `@lru_cache def hub():
return Hub()` keeps the one object that everybody registers with: to forget it is to lose what is in it.  An
answer is taken for data where it is made of nothing but data and no method of its class sets or fills
anything after it was made; for state in any other case.
"""

from __future__ import annotations

import datetime
import enum
import gc
import pathlib
import re
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Any, Final

from attrs import frozen

from . import codes, instructions
from .reading import (
    LRU,
    MISSING,
    PLAIN,
    class_dict,
    held_by_method,
    is_python_class,
    mro_of,
    raw_dict,
    slot_value,
    slots_of,
)

_DEEPEST: Final = 6
_LINK: Final = "_lru_list_elem"
_MADE_BY: Final = frozenset({"__new__", "__init__", "__post_init__", "__attrs_post_init__"})
_RECORDS: Final = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__")
"""By which a class is known whose objects are made of what they are given."""
_VALUES: Final[tuple[Any, ...]] = (
    *PLAIN,
    datetime.tzinfo,
    enum.Enum,
    pathlib.PurePath,
    re.Pattern,
    type,
    types.BuiltinFunctionType,
    types.CodeType,
    types.FunctionType,
    types.GenericAlias,
    types.ModuleType,
)
"""Of these nothing comes that was not there when they were made."""
_TABLES: Final = (dict, types.MappingProxyType)
_PUT_TOGETHER: Final = (*_TABLES, list, set, deque, frozenset)
_FILLED: Final = (dict, list, set, deque, bytearray)
_MAKES_EMPTY: Final = frozenset({"dict", "list", "set", "deque"})
_EMPTY: Final = frozenset({"BUILD_LIST", "BUILD_MAP", "BUILD_SET"})
_PUTS_IN: Final = frozenset(
    {"LIST_APPEND", "SET_ADD", "MAP_ADD", "LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "STORE_SUBSCR"}
)
_SETS: Final = frozenset({"STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR"})
_FILLS: Final = frozenset({"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop"}) | {
    *("popitem", "popleft", "put", "put_nowait", "remove", "setdefault", "update")
}


def answers(cache: Any) -> list[Any]:
    """What an lru_cache keeps: in a dictionary, or, where there is a bound, in links, of which C tells key,
    answer and type, one after the other (CPython 3.11 to 3.13)."""
    held, at, found = gc.get_referents(cache), 1, list[Any]()  # its type comes first
    while at + 2 < len(held) and _is_link(held[at + 2]):
        found.append(held[at + 1])
        at += 3
    kept = list(held[at].values()) if at < len(held) and type(held[at]) is dict else []
    return found + [one for one in kept if not _is_link(type(one))]


def _is_link(thing: Any) -> bool:
    return type(thing) is type and thing.__name__ == _LINK


@frozen(slots=False)
class Written:
    """What the program's code says: whether a class or function `is_ours`, and what its functions set on
    objects of others.  `spaces` are the variables of its modules."""

    is_ours: Callable[[Any], bool]
    spaces: Sequence[Mapping[str, Any]]

    @cached_property
    def _codes(self) -> list[types.CodeType]:
        todo = [value for space in self.spaces for value in list(space.values())]
        found, seen = dict[int, types.CodeType](), set[int]()
        while todo:
            value = todo.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if issubclass(type(value), type) and self.is_ours(value):
                todo += map(_function_in, class_dict(value).values())
            elif _is_written(function := _function_in(value)):
                found |= {id(part): part for part in codes.walk(function.__code__)}
        return list(found.values())

    def sets_one_of(self, names: Set[str]) -> bool:
        """Does a function set one of these attributes on anything but the object that it is a method of?  To
        read the instructions of a whole program would take seconds: few functions have such a name."""
        parts = (part for part in self._codes if not names.isdisjoint(part.co_names))
        return any(name in names for part in parts for name in _set_on_others(part))

    def fills_answer_of(self, function: types.CodeType) -> bool:
        """Does other code put something into what this function answers, or take something out?"""
        name, own = function.co_name, set(map(id, codes.walk(function)))
        asking = (part for part in self._codes if name in part.co_names and id(part) not in own)
        return any(_fills_what_it_gets(part, name) for part in asking)


def _function_in(held: Any) -> Any:
    inner = held_by_method(held)
    return vars(inner).get("__wrapped__") if type(inner) is LRU else inner


def _set_on_others(code: types.CodeType) -> Iterator[str]:
    me = code.co_varnames[0] if code.co_argcount and "." in code.co_qualname else None
    top: Any = None
    for step in instructions.of(code):
        if step.opname == "STORE_ATTR" and (top is None or top != me):
            yield step.argval
        top = step.argval if step.opname == "LOAD_FAST" else None


def state_in(cache: Any, written: Written) -> str | None:
    """What the cache keeps that may hold what came since, by its type's name; None if it is all data, or not
    an lru_cache."""
    if type(cache) is not LRU:
        return None
    function = vars(cache).get("__wrapped__")
    made_by = function.__code__ if type(function) is types.FunctionType else None
    for answer in answers(cache):
        if may_hold_more(answer, written, made_by):
            return type(answer).__qualname__
    return None


def may_hold_more(thing: Any, written: Written, made_by: types.CodeType | None = None) -> bool:
    """Might something have come to the answer since the function made it?  A container is what that put
    together, unless it puts nothing in."""
    if made_by is not None and issubclass(type(thing), _FILLED) and _others_fill(made_by, written):
        return True
    return _grows(thing, written, _DEEPEST)


def _others_fill(function: types.CodeType, written: Written) -> bool:
    return _makes_an_empty_one(function) or written.fills_answer_of(function)


def _grows(thing: Any, written: Written, depth: int) -> bool:
    kind = type(thing)
    if issubclass(kind, _VALUES) or _is_value_of_c(thing):
        return False
    if not depth:
        return True
    if kind in _PUT_TOGETHER or issubclass(kind, tuple):
        parts = [*thing, *thing.values()] if kind in _TABLES else list(thing)
    elif all(is_python_class(cls) or cls is object for cls in mro_of(kind)):
        named = dict(_values(thing))
        parts = list(named.values())
        if written.sets_one_of(named.keys()) or any(
            _changes_itself(cls, written) for cls in filter(written.is_ours, mro_of(kind))
        ):
            return True
        if not _is_record(kind) and any(issubclass(type(part), _FILLED) for part in parts):
            return True
    else:
        return True
    return any(_grows(part, written, depth - 1) for part in parts)


def _is_value_of_c(thing: Any) -> bool:
    """Known by what it is equal to, and nothing that the collector would have to look into: a date, an
    address."""
    kind = type(thing)
    if is_python_class(kind) or gc.is_tracked(thing) or kind.__hash__ is None:
        return False
    return any("__hash__" in class_dict(cls) for cls in mro_of(kind) if cls is not object)


def _is_record(kind: type) -> bool:
    return any(name in class_dict(cls) for cls in mro_of(kind) for name in _RECORDS)


def _values(thing: Any) -> Iterator[tuple[str, Any]]:
    yield from (raw_dict(thing) or {}).items()
    for _, name, member in slots_of(type(thing)):
        value = slot_value(member, thing)
        if value is not MISSING:
            yield name, value


def _changes_itself(cls: type, written: Written) -> bool:
    """Does a method of the class set or fill something after the object was made?  Not one that a library
    has put there."""
    for name, held in class_dict(cls).items():
        function = held_by_method(held)
        is_method = _is_written(function) and name not in _MADE_BY
        if is_method and written.is_ours(function) and _fills(function.__code__):
            return True
    return False


def _fills_what_it_gets(code: types.CodeType, name: str) -> bool:
    """Into what goes by the name: in whatever is done with it up to the end of the statement, and with a
    variable that it is put into."""
    steps, variables, gets = codes.steps_of(code), set[str](), False
    for step in steps:
        gets = gets or step.argval == name or (step.opname == "LOAD_FAST" and step.argval in variables)
        if gets and (step.opname in _PUTS_ITEMS or (step.opname in _ATTRIBUTES and step.argval in _FILLS)):
            return True
        if gets and step.opname == "STORE_FAST":
            variables.add(step.argval)
        gets = gets and not step.opname.startswith(("STORE_", "POP_", "RETURN_"))
    return False


_PUTS_ITEMS: Final = frozenset({"STORE_SUBSCR", "DELETE_SUBSCR"})
_ATTRIBUTES: Final = ("LOAD_METHOD", "LOAD_ATTR")


def _is_written(function: Any) -> bool:
    """Not generated, as dataclasses and attrs do, whose code is of no file."""
    return type(function) is types.FunctionType and not function.__code__.co_filename.startswith("<")


def _fills(code: types.CodeType) -> bool:
    return any(
        step.opname in _SETS or (step.opname in ("LOAD_METHOD", "LOAD_ATTR") and step.argval in _FILLS)
        for part in codes.walk(code)
        for step in instructions.of(part)
    )


def _makes_an_empty_one(code: types.CodeType) -> bool:
    """Is this a function that puts nothing into what it makes?  Who asks for it does."""
    every = instructions.of(code)
    inside = instructions.comprehensions(every)
    steps = [step for i, step in enumerate(every) if i not in inside]
    made = any(step.opname in _EMPTY and not step.arg for step in steps) or (
        any(step.opname == "CALL" and not step.arg for step in steps)
        and not _MAKES_EMPTY.isdisjoint(code.co_names)
    )
    return made and not any(
        step.opname in _PUTS_IN or (step.opname in ("LOAD_METHOD", "LOAD_ATTR") and step.argval in _FILLS)
        for step in steps
    )

"""Attributes that old code set to one kind of thing and new code sets to another: a list that is a dictionary
from now on.

Objects that both starts made are part of the difference.  Of those that live alone a kind is held against
the new code only if its own methods no longer set it, set another instead, all as the code itself says
(`[]`, `{}`, `None`, a constant, `set()`, `threading.Lock()`), and some code that changed reads the attribute.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator, Sequence
from typing import Any, Final

from .instances import Functions, Lacking, methods_of
from .reading import is_python_class, mro_of, qualname_of, raw_dict

UNKNOWN: Final = ""
_NUMBER: Final = "number"
_BUILT: Final = {
    "BUILD_LIST": "list",
    "LIST_EXTEND": "list",
    "BUILD_MAP": "dict",
    "BUILD_CONST_KEY_MAP": "dict",
    "DICT_UPDATE": "dict",
    "MAP_ADD": "dict",
    "BUILD_SET": "set",
    "SET_UPDATE": "set",
    "BUILD_TUPLE": "tuple",
}
_GIVEN: Final = frozenset(
    {"deque", "defaultdict", "OrderedDict", "Counter"}
    | {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore", "Event"}
)
"""Whatever they are given; what copies another may be called otherwise."""
_CALLED: Final = _GIVEN | {"list", "dict", "set", "tuple", "frozenset"}
_PASSED_OVER: Final = frozenset(("CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP"))
_NAMED_AS: Final = {"lock": "Lock"}
"""Types that are called otherwise than what makes them."""
_NUMBERS: Final = frozenset(("int", "float", "bool", "complex"))


def set_on_self(code: types.CodeType) -> dict[str, set[str]]:
    """What kinds of things a method sets attributes of its first argument to; UNKNOWN where it doesn't
    say."""
    found: dict[str, set[str]] = {}
    me = code.co_varnames[:1] if code.co_argcount else ()
    steps = [s for s in dis.get_instructions(code) if s.opname not in _PASSED_OVER]
    for i, step in enumerate(steps):
        if step.opname == "STORE_ATTR" and i > 1:
            target = steps[i - 1]
            if target.opname.startswith("LOAD_FAST") and (target.argval,) == me:
                found.setdefault(step.argval, set()).add(_kind(steps[: i - 1]))
            elif target.opname.startswith("LOAD_FAST") and me and me[0] in str(target.argval):
                found.setdefault(step.argval, set()).add(UNKNOWN)
    return found


def _kind(steps: Sequence[dis.Instruction]) -> str:
    """Of what the last of these steps leaves on the stack."""
    last = steps[-1]
    if last.opname in _BUILT:
        return _BUILT[last.opname]
    if last.opname == "LOAD_CONST":
        return _name(type(last.argval))
    return _called(steps) if last.opname == "CALL" else UNKNOWN


def _called(steps: Sequence[dis.Instruction]) -> str:
    """The name of what the last step calls, by itself or as an attribute of a module, with arguments that are
    loaded in one step each."""
    number = steps[-1].arg or 0
    before = [step for step in steps[:-1] if step.opname != "KW_NAMES"]
    arguments, called = before[len(before) - number :], before[: len(before) - number]
    if not called or not all(step.opname.startswith("LOAD_") for step in arguments):
        return UNKNOWN
    by_name = called[-1].opname in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD")
    known = _GIVEN if number else _CALLED
    return str(called[-1].argval) if by_name and called[-1].argval in known else UNKNOWN


def _name(kind: type) -> str:
    name = kind.__name__
    return _NUMBER if name in _NUMBERS else _NAMED_AS.get(name, name)


def outdated(functions: Functions, asked: Lacking, objects: Sequence[Any]) -> list[str]:
    """Sentences, one for each class of which an object has an attribute of a kind that is no more."""
    known: dict[int, tuple[type, dict[str, set[str]]]] = {}
    found: dict[str, None] = {}
    for obj in objects if asked.read else ():
        cls = type(obj)
        if id(cls) not in known:
            known[id(cls)] = cls, dict(_gone(cls, functions, asked)) if is_python_class(cls) else {}
        stale = known[id(cls)][1]
        space = raw_dict(obj) if stale else None
        for name in stale.keys() & (space or {}).keys():
            kind = _name(type((space or {})[name]))
            if kind in stale[name]:
                found[
                    f"objects of {qualname_of(cls)} that live have a {kind} as {name}, which old code set; "
                    "new code reads it and sets another kind"
                ] = None
    return list(found)


def _gone(cls: type, functions: Functions, asked: Lacking) -> Iterator[tuple[str, set[str]]]:
    """Attributes, and the kinds that only old methods set them to."""
    methods = [f for base in mro_of(cls) for f in methods_of(base)]
    if not any(id(f) in functions for f in methods):
        return
    before, after = dict[str, set[str]](), dict[str, set[str]]()
    for f in methods:
        old, new = functions[id(f)][1:] if id(f) in functions else (f.__code__, f.__code__)
        for told, code in ((before, old), (after, new)):
            if told is before and id(f) in asked.added:
                continue
            for name, kinds in set_on_self(code).items():
                told.setdefault(name, set()).update(kinds)
    for name in before.keys() & after.keys() & asked.read:
        gone = before[name] - after[name] - {UNKNOWN}
        if gone and UNKNOWN not in after[name] and after[name] != {"NoneType"}:
            yield name, gone

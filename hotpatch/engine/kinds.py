"""Attributes that old code set to one kind of thing and new code sets to another: a list that is a dictionary
from now on.

Objects that both starts made are part of the difference.  Of those that live alone a kind is held against
the new code only if its own methods no longer set it, set another instead, all as the code itself says
(`[]`, `{}`, `None`, a constant, `set()`, `threading.Lock()`, `defaultdict(int)`), and some code that changed
reads the attribute.  Where it is an object of a class from now on, or a member of an enum, that code also
must not ask for the attribute's kind, test it, or make such an object of it.
"""

from __future__ import annotations

import dis
import types
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from . import codes
from .instances import Functions, Lacking, methods_of
from .living import Living
from .made_of import class_made, is_enum, takes_as_it_is
from .making import MAKERS
from .parts_used import loads
from .reading import class_module, is_python_class, mro_of, qualname_of, raw_dict

UNKNOWN: Final = ""
NOTHING: Final[Mapping[str, Any]] = types.MappingProxyType({})
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
_OBJECT: Final = "object of "
"""What precedes a class of the program: an object of it that lives may serve as that of another class, as far
as can be told here."""
_NAMED_AS: Final = {"lock": "Lock"}
"""Types that are called otherwise than what makes them."""
_NUMBERS: Final = frozenset(("int", "float", "bool", "complex"))


def set_on_self(code: types.CodeType, variables: Mapping[str, Any] = NOTHING) -> dict[str, set[str]]:
    """What kinds of things a method sets attributes of its first argument to; UNKNOWN where it doesn't
    say.  `variables` are those of its module, where classes and enums are looked up."""
    found: dict[str, set[str]] = {}
    me = code.co_varnames[0] if code.co_argcount else ""
    steps = codes.steps_of(code)
    for i, step in enumerate(steps):
        if step.opname == "STORE_ATTR" and i > 1:
            target = steps[i - 1]
            if loads(target, me):
                found.setdefault(step.argval, set()).add(kind_of(steps[: i - 1], variables))
    return found


def kind_of(steps: Sequence[dis.Instruction], variables: Mapping[str, Any] = NOTHING) -> str:
    """Of what the last of these steps leaves on the stack."""
    last = steps[-1]
    if last.opname in _BUILT:
        return _BUILT[last.opname]
    if last.opname == "LOAD_CONST":
        return kind_named(type(last.argval))
    told = _called(steps) if last.opname == "CALL" else UNKNOWN
    cls = class_made(steps, variables) if told == UNKNOWN else None
    if cls is None:
        return told
    return _of_class(cls) if is_enum(cls) or not is_python_class(cls) else f"{_OBJECT}{_of_class(cls)}"


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
    if not by_name or called[-1].argval not in known:
        return UNKNOWN
    name = str(called[-1].argval)
    return _with_factory(name, str(arguments[0].argval)) if name == "defaultdict" and number else name


def _with_factory(name: str, factory: str) -> str:
    return f"{name}({_NUMBER if factory in _NUMBERS else factory})"


def kind_named(kind: type) -> str:
    name = kind.__name__
    return _NUMBER if name in _NUMBERS else _NAMED_AS.get(name, name)


def _of_class(cls: type) -> str:
    """Told from the names above by its dot."""
    return f"{class_module(cls)}.{qualname_of(cls)}"


def _kinds_of(value: Any) -> tuple[str, str]:
    """What a value that lives is called here, by itself and as one of a class."""
    if type(value) is defaultdict and value.default_factory is not None:
        factory = getattr(value.default_factory, "__name__", "")
        return _with_factory("defaultdict", factory), ""
    return kind_named(type(value)), _of_class(type(value))


def outdated(functions: Functions, asked: Lacking, objects: Living) -> list[str]:
    """Sentences, one for each class of which an object has an attribute of a kind that is no more."""
    found: dict[str, None] = {}
    if not asked.read:
        return []
    classes = {i: cls for i, cls in objects.classes.items() if is_python_class(cls)}
    known = {i: stale for i, cls in classes.items() if (stale := dict(_gone(cls, functions, asked)))}
    for obj in objects.of(lambda cls: id(cls) in known):
        cls = type(obj)
        stale, space = known[id(cls)], raw_dict(obj) or {}
        for name in stale.keys() & space.keys():
            kind = next((kind for kind in _kinds_of(space[name]) if kind in stale[name]), None)
            if kind is not None:
                found[
                    f"objects of {qualname_of(cls)} that live have a {kind} as {name}, which old code set; "
                    "new code reads it and sets another kind"
                ] = None
    return list(found)


def _gone(cls: type, functions: Functions, asked: Lacking) -> Iterator[tuple[str, set[str]]]:
    """Attributes, and the kinds that only old methods set them to."""
    if not any(map(asked.touches, mro_of(cls))):
        return
    methods = [f for base in mro_of(cls) for f in methods_of(base)]
    before, after = dict[str, set[str]](), dict[str, set[str]]()
    for f in methods:
        old, new = functions[id(f)][1:] if id(f) in functions else (f.__code__, f.__code__)
        for told, code in ((before, old), (after, new)):
            if told is before and id(f) in asked.added:
                continue
            for name, kinds in set_on_self(code, f.__globals__).items():
                told.setdefault(name, set()).update(kinds)
    for name in before.keys() & after.keys() & asked.read:
        gone = before[name] - after[name] - {UNKNOWN}
        if not gone or UNKNOWN in after[name] or after[name] == {"NoneType"}:
            continue
        if not any("." in kind for kind in gone | after[name]) or _is_taken_as_it_is(name, functions, asked):
            yield name, gone


def _is_taken_as_it_is(name: str, functions: Functions, asked: Lacking) -> bool:
    edits = [(f, new) for f, _, new in functions.values()] + [(f, f.__code__) for f in asked.brought]
    return any(code.co_name not in MAKERS and takes_as_it_is(code, name, f.__globals__) for f, code in edits)

"""What code sets on objects that it makes, in whatever way, and of which classes these may be.

`self.x = ...` in `__init__` is the plain way, which `attribute_use` tells.  Others are an alternative
constructor that sets attributes of what it has just made, names as text in a loop of `setattr` or in an
update of the object's dictionary, and arguments that an `__init__` takes as they come.  All of it is taken
for more rather than less: whether an object lacks a name is seen on the object.
"""

from __future__ import annotations

import dis
import inspect
import types
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from . import arguments, attribute_use, calls, codes
from .reading import class_attribute, class_dict, is_python_class, mro_of

MAKERS = ("__init__", "__new__", "__post_init__", "__attrs_post_init__", "__setstate__")
SETTERS = frozenset({"setattr", "__setattr__"})


def named_as_text(code: types.CodeType) -> set[str]:
    """Attributes that code sets by their names as text: every text, where it does so at all."""
    if not sets_by_text(code):
        return set()
    return {text for text in arguments.texts(code) if text.isidentifier()}


def sets_by_text(code: types.CodeType) -> bool:
    return bool(SETTERS & {*code.co_names}) or attribute_use.may_fill_dictionary(code)


class TextsCome:
    """Texts that came to tuples: code that sets attributes by name may have the names from there."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self._of_modules: dict[str, set[str]] = {}
        self._of_classes: dict[int, dict[str, set[str]]] = {}
        for op in ops:
            named = op.kind is SlotKind.GLOBAL or op.kind is SlotKind.CLASS
            if named and type(op.key) is str and type(op.after) is type(op.before) is tuple:
                before = {text for text in op.before if type(text) is str}
                if came := {text for text in op.after if type(text) is str} - before:
                    of_class = op.kind is SlotKind.CLASS
                    found = self._of_classes.setdefault(id(op.owner), {}) if of_class else self._of_modules
                    found.setdefault(op.key, set()).update(came)

    def __bool__(self) -> bool:
        return bool(self._of_modules or self._of_classes)

    def for_class(self, cls: type) -> dict[str, set[str]]:
        """Those that makers of its objects may find, by the name of the variable or the attribute: of a
        class, if it is one of its bases."""
        found = {name: set(texts) for name, texts in self._of_modules.items()}
        for base in mro_of(cls):
            for name, texts in self._of_classes.get(id(base), {}).items():
                found.setdefault(name, set()).update(texts)
        return found


def set_on_others(code: types.CodeType) -> set[str]:
    """Attributes that code sets on something else than its own object, which it may have made."""
    me = attribute_use.stored_on_self(code) if "." in code.co_qualname else set[str]()
    return (attribute_use.given(code) - me) | named_as_text(code)


def set_on_made(code: types.CodeType) -> set[tuple[str, str | None]]:
    """The same, each with the global whose call made what it is set on; None where that may be anything."""
    names, made = set_on_others(code), calls.made_by_calls(code)
    by_text = {(name, None) for name in named_as_text(code)}
    return by_text | {(n, made.get(v) if v else None) for n, v in attribute_use.given_to(code) if n in names}


def may_give(made_by: Any, cls: type) -> bool:
    """May a call of this give an object of the class, and not of a class below?"""
    if not issubclass(type(made_by), type) or class_attribute(type(made_by), "__call__") is not _CALL:
        return True
    return made_by is cls or type(class_attribute(made_by, "__new__")) is not types.BuiltinFunctionType


_CALL: Final = type.__dict__["__call__"]


def passed(code: types.CodeType) -> set[str]:
    """Names by which the code passes arguments."""
    if not any(step.opname in ("KW_NAMES", "CALL_KW") for step in dis.get_instructions(code)):
        return set()
    tuples = [const for const in code.co_consts if type(const) is tuple]
    return {name for const in tuples for name in const if type(name) is str}


def taken_as_they_come(cls: type, names: set[str]) -> set[str]:
    """Of these arguments, those that the class's `__init__` takes by two stars: they may become attributes,
    if it or that of a base sets some by their names."""
    if cls is types.SimpleNamespace:
        return names
    init = class_attribute(cls, "__init__")
    if type(init) is not types.FunctionType or not init.__code__.co_flags & inspect.CO_VARKEYWORDS:
        return set()
    makers = (class_dict(base).get("__init__") for base in mro_of(cls))
    if not any(type(maker) is types.FunctionType and sets_by_text(maker.__code__) for maker in makers):
        return set()
    return names - set(init.__code__.co_varnames[: init.__code__.co_argcount])


def given_to_its_own(cls: type, code: types.CodeType, is_of_class: bool) -> set[str]:
    """What a method of `cls` with this code gives to objects of the class otherwise than by `self.x = ...`.
    `is_of_class` says that it is a class method, one that makes objects if it sets anything."""
    if is_of_class or code.co_name == "__new__" or _asks_for_its_class(code):
        found = set_on_others(code)
    elif code.co_name in MAKERS:
        found = named_as_text(code)
    else:
        return set()
    names = passed(code)
    return found.union(*(taken_as_they_come(base, names) for base in mro_of(cls))) if names else found


def _asks_for_its_class(code: types.CodeType) -> bool:
    return "__class__" in code.co_names or "type" in _globals_of(code, called=True)


def classes_made(code: types.CodeType, space: dict[str, Any]) -> Iterator[type]:
    """Classes of the program of which the code may make objects: those that it calls by a global name; all
    that it names, where it goes past `__init__`; and those of a module that it names, as a call of what was
    imported is compiled like any other look at it."""
    named = codes.names_in(code)
    for name in _globals_of(code, called="__new__" not in named):
        yield from _python_class(space.get(name))
    for name in _globals_of(code, called=False):
        module = space.get(name)
        if type(module) is types.ModuleType:
            for other in named:
                yield from _python_class(module.__dict__.get(other))


def names(f: types.FunctionType, helper: types.FunctionType) -> bool:
    """Does the code name this function, as a variable of its module or as one of a module that it names?"""
    name, space = helper.__name__, f.__globals__
    if name not in f.__code__.co_names:
        return False
    modules = (space.get(other) for other in f.__code__.co_names)
    spaces = (vars(module) for module in modules if type(module) is types.ModuleType)
    return any(each.get(name) is helper for each in (space, *spaces))


def _python_class(value: Any) -> Iterator[type]:
    if issubclass(type(value), type) and (is_python_class(value) or value is types.SimpleNamespace):
        yield value


def _globals_of(code: types.CodeType, called: bool) -> set[str]:
    """Globals that the code names; or only those that it calls: the low bit of LOAD_GLOBAL's argument says so
    (3.11 to 3.13)."""
    steps = [step for part in codes.walk(code) for step in dis.get_instructions(part)]
    loads = [step for step in steps if step.opname == "LOAD_GLOBAL" and step.arg is not None]
    return {step.argval for step in loads if not called or (step.arg or 0) & 1}

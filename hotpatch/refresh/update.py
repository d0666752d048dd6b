"""What a commit or an undo changes, as refresh callbacks see it: derived from the ops, nothing looked up
twice.

An `Update` holds live objects; it lives in one process and as long as the round that it is made for.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from hotpatch.engine.reading import class_module, qualname_of, raw_dict
from hotpatch.engine.view import PLAIN_VIEW, View
from hotpatch.engine.world import local_modules
from hotpatch.ops import Op, SlotKind
from hotpatch.refresh.search import instances


class Outcome(enum.Enum):
    """What came of a change, as `after` callbacks are told."""

    DONE = "done"
    REFUSED = "refused"
    """A handler refused: the change was not tried."""
    FAILED = "failed"
    """It was tried, and left no trace."""


_WRAPPING: Final[tuple[tuple[type, Any], ...]] = (
    (types.MethodType, vars(types.MethodType)["__func__"]),
    (staticmethod, vars(staticmethod)["__func__"]),
    (classmethod, vars(classmethod)["__func__"]),
    (functools.partial, vars(functools.partial)["func"]),
    (property, vars(property)["fget"]),
)
"""Python's own wrappers, and the descriptor that gives what is inside."""
_ON_FUNCTION = frozenset({SlotKind.CODE, SlotKind.FUNCTION, SlotKind.FUNCTION_DICT})
_ON_CLASS = frozenset({SlotKind.CLASS, SlotKind.BASES})


@frozen(eq=False, slots=False)
class Update:
    """One commit or undo.

    Without slots: a program may bring an attrs of its own that has no cached properties with them.
    """

    ops: tuple[Op, ...] = field(repr=False)
    undo: bool = False
    """True if the ops are taken back."""
    outcome: Outcome | None = None
    """None until it is known."""
    app: Any = field(default=None, repr=False)
    """The application object that the server calls, where there is one."""
    root: str = ""
    """The folder of the program's modules; without it, what lies outside the installed packages counts."""
    view: View = field(default=PLAIN_VIEW, repr=False)
    """What the slots of this process mean, where several versions run in it."""
    found: tuple[object, ...] | None = field(default=None, repr=False)
    """What was looked for beforehand, for all handlers at once (`Handler.looks_for`), nearest first."""

    @cached_property
    def functions(self) -> Mapping[int, types.FunctionType]:
        """id to function, for all functions whose code, defaults or other attributes change."""
        found = (op.owner for op in self.ops if op.kind in _ON_FUNCTION)
        return {id(owner): owner for owner in found if isinstance(owner, types.FunctionType)}

    @cached_property
    def classes(self) -> Mapping[int, type]:
        """id to class, for all classes that get, lose or change an attribute, a base or a method's code, and
        those that take the place of another of their name."""
        found = {id(op.owner): op.owner for op in self.ops if op.kind in _ON_CLASS}
        found |= self.successors
        for function in self.functions.values():
            owner = _class_of(function)
            if owner is not None:
                found[id(owner)] = owner
        return found

    @cached_property
    def successors(self) -> Mapping[int, type]:
        """id to class, for all classes that take the place of another of their name."""
        found = {}
        for op in self.ops:
            went, comes = (op.after, op.before) if self.undo else (op.before, op.after)
            classes = issubclass(type(comes), type) and issubclass(type(went), type)
            if classes and qualname_of(went) == qualname_of(comes):
                found[id(comes)] = comes
        return found

    @cached_property
    def owners(self) -> frozenset[int]:
        """ids of everything that the ops write on, plain lists and dicts included."""
        return frozenset(id(op.owner) for op in self.ops)

    @cached_property
    def names(self) -> frozenset[tuple[str, str]]:
        """(module, dotted name) of all that changes and has a name: `("shop.prices", "Price.total")`."""
        found: set[tuple[str, str]] = set()
        for op in self.ops:
            if op.kind is SlotKind.GLOBAL:
                found.add((op.owner.__name__, op.key))
            elif op.kind is SlotKind.CLASS:
                found.add((class_module(op.owner), f"{qualname_of(op.owner)}.{op.key}"))
            elif op.kind is SlotKind.BASES:
                found.add((class_module(op.owner), qualname_of(op.owner)))
            elif op.kind is SlotKind.MODULE:
                found.add((op.key, ""))
        found |= {(f.__module__, f.__qualname__) for f in self.functions.values()}
        return frozenset(found)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names of the modules in which something changes."""
        return frozenset(module for module, _ in self.names)

    @cached_property
    def program(self) -> Mapping[str, types.ModuleType]:
        """The program's own modules, by name."""
        if self.root:
            return local_modules(self.root)
        installed = tuple({path for path in (sys.prefix, sys.base_prefix, sys.exec_prefix) if path})
        return {
            name: module
            for name, module in sys.modules.copy().items()
            if issubclass(type(module), types.ModuleType)
            and (file := getattr(module, "__file__", None))
            and (name in self.modules or not (file.startswith(installed) or "-packages/" in file))
        }

    def is_of_the_program(self, thing: Any) -> bool:
        """Is this class or function written in the program?"""
        if type(thing) is types.FunctionType:
            return thing.__globals__.get("__name__") in self.program
        return class_module(thing) in self.program

    def concerns(self, value: object) -> bool:
        """Whether this very object changes, or is a wrapping of one that does, or an instance of a class
        that does.
        """
        return any(
            id(part) in self.functions or id(part) in self.classes or id(part) in self.owners
            for part in unwrapped(value)
        )

    def roots(self) -> Iterator[object]:
        """Where to look for what the program holds: the application and the variables of its modules."""
        if self.app is not None:
            yield self.app
        yield from self.program.values()

    def held(self, *kinds: type) -> list[Any]:
        """The instances of these classes that the program can be seen to hold, nearest first: of classes that
        the handler `looks_for`."""
        if self.found is None:
            return instances(kinds, self.roots())
        return [one for one in self.found if issubclass(type(one), kinds)]


def unwrapped(value: object) -> Iterator[object]:
    """An object, what it wraps in the ways that Python knows, and the classes of all of these.

    Runs no code of theirs.
    """
    for part in layers(value):
        yield part
        yield type(part)
        if type(part) is types.MethodType:
            yield type(part.__self__)


def layers(value: object) -> Iterator[object]:
    """An object, and what it wraps in the ways that Python knows.  As `unwrapped`, runs no code of theirs."""
    for _ in range(32):  # a wrapper that wraps itself ends here
        yield value
        inner = _inner(value)
        if inner is None:
            return
        value = inner


def _inner(value: object) -> object | None:
    kind = type(value)
    for cls, member in _WRAPPING if kind is not types.FunctionType else ():
        if issubclass(kind, cls):
            inner: object = member.__get__(value)
            return inner
    space = raw_dict(value)
    return None if space is None else space.get("__wrapped__")


def _class_of(function: types.FunctionType) -> type | None:
    """The class in whose body a method was written, if it is still to be found under its name."""
    path = function.__qualname__.split(".")[:-1]
    found: Any = sys.modules.get(function.__module__)
    for part in path:
        if not issubclass(type(found), types.ModuleType | type):
            return None
        found = vars(found).get(part)
    return found if issubclass(type(found), type) else None

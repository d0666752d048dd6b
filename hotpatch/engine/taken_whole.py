"""Which functions of the program take the dictionaries of objects whole: to dump them, to copy them, to walk
over them.

What such code reads is no name in it.  A field of a dataclass that comes with a default is an attribute of
every object, by the class, and yet not in the dictionary of one that was made before.  Code that looks a
single name up is not meant, nor is what takes the dictionary of a class or of a module.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from . import codes
from .reading import class_module, mro_of, qualname_of

ONE: Final = frozenset({"BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "CONTAINS_OP"})
BY_NAME: Final = frozenset({"get", "pop", "setdefault", "update", "clear"})
Place = tuple[str, str]
"""A module, and a class in it."""


@frozen
class Takers:
    """Who takes dictionaries whole: classes of whose methods one takes its own object's, and whether there is
    code that takes another object's, which may be of any class."""

    of_their_own: frozenset[Place]
    of_any: bool

    def take(self, cls: type) -> bool:
        return self.of_any or any((class_module(c), qualname_of(c)) in self.of_their_own for c in mro_of(cls))


NOBODY: Final = Takers(frozenset(), False)


def takers(functions: Iterable[types.FunctionType], is_ours: Callable[[types.FunctionType], bool]) -> Takers:
    own, of_any = set[Place](), False
    for f in functions:
        if is_ours(f):
            whose = set(_whose(f))
            if True in whose:  # what else it takes is compared with it, or filled from it
                own.add((f.__module__, f.__qualname__.rpartition(".")[0]))
            elif whose:
                of_any = True
    return Takers(frozenset(own), of_any)


def _whose(f: types.FunctionType) -> Iterator[bool]:
    """For each dictionary that the function takes whole: is it that of its own object?"""
    is_method = "." in f.__code__.co_qualname and f.__code__.co_argcount
    me = f.__code__.co_varnames[0] if is_method else None
    for part in codes.walk(f.__code__):
        if not {"vars", "__dict__"} & {*part.co_names}:
            continue
        steps = codes.steps_of(part)
        for at, step in enumerate(steps):
            if step.opname == "LOAD_ATTR" and step.argval == "__dict__":
                source, then = steps[:at], steps[at + 1 : at + 3]
            elif step.opname != "LOAD_GLOBAL" or step.argval != "vars":
                continue
            elif not (step.arg or 0) & 1:
                yield False  # it is handed on, to be called of whatever comes
                continue
            else:
                call = next((i for i, s in enumerate(steps) if i > at and s.opname.startswith("CALL")), at)
                source, then = steps[at + 1 : call], steps[call + 1 : call + 3]
            if source and not _of_class_or_module(source, f.__globals__) and not _by_name(then):
                yield part is f.__code__ and source[-1].opname == "LOAD_FAST" and source[-1].argval == me


def _by_name(then: Sequence[dis.Instruction]) -> bool:
    """Is a single name looked up in it, or something put into it?"""
    return then[0].argval in BY_NAME or any(step.opname in ONE for step in then)


def _of_class_or_module(source: Sequence[dis.Instruction], space: Mapping[str, Any]) -> bool:
    last = source[-1]
    if last.opname == "LOAD_GLOBAL":
        value = space.get(last.argval)
        return issubclass(type(value), (type, types.ModuleType))
    if last.opname == "CALL":
        return any(step.opname == "LOAD_GLOBAL" and step.argval == "type" for step in source[-3:-1])
    return last.argval in ("cls", "__class__")

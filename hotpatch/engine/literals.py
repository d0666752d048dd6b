"""What a method sets attributes of its own object to, where that is written in its code: a constant, a list,
a set or a dictionary of such, or one of its parameters as it came.

Told from instructions, as CPython 3.11 to 3.13 have them.
"""

from __future__ import annotations

import collections
import dis
import inspect
import itertools
from collections.abc import Callable
from types import CodeType
from typing import Any, Final

from attrs import frozen

from . import attribute_use, codes


@frozen
class Constant:
    """As a compiler makes it; it may be None."""

    value: Any

    def make(self) -> Any:
        return self.value


@frozen
class Parameter:
    """What the method was called with."""

    name: str


@frozen
class Display:
    """`[1, 2]`, `{"a": 1}`: another container each time."""

    kind: Callable[[Any], Any]
    parts: tuple[Any, ...]
    """Of a dictionary, pairs of a key and what stands there; UNKNOWN for what is no literal."""

    @property
    def is_whole(self) -> bool:
        flat = itertools.chain(*self.parts) if self.kind is dict else self.parts
        return all(
            isinstance(part, Constant) or (isinstance(part, Display) and part.is_whole) for part in flat
        )

    def make(self) -> Any:
        if self.kind is dict:
            return {key.make(): value.make() for key, value in self.parts}
        return self.kind(part.make() for part in self.parts)


UNKNOWN: Final = None
Literal = Constant | Display
Set = Constant | Display | Parameter


def set_for_sure(code: CodeType) -> dict[str, Set]:
    """Attributes that a method sets on its first argument once, to something written, whichever way it
    goes."""
    me = code.co_varnames[0] if code.co_argcount else None
    parts = [step for part in codes.walk(code) for step in attribute_use.plain_steps(part)]
    bound = {step.argval for step in parts if step.opname in _BINDS}
    if me is None or me in bound:
        return {}
    stack = _Stack(me, _parameters(code) - bound)
    count = collections.Counter(step.argval for step in parts if step.opname in ("STORE_ATTR", "DELETE_ATTR"))
    found, certain = dict[str, Set](), attribute_use.run_for_sure(code)
    for step in attribute_use.plain_steps(code):
        if step.is_jump_target:
            stack.clear()
        if step.opname == "STORE_ATTR":
            value, owner = stack.take(2)
            is_ours = owner is _ME and step.offset in certain and count[step.argval] == 1
            if is_ours and isinstance(value, Set):
                found[step.argval] = value
        else:
            stack.follow(step)
    return found


def _parameters(code: CodeType) -> set[str]:
    """But for those that take the rest."""
    return {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}


_ME: Final = object()
_BINDS: Final = ("STORE_FAST", "STORE_DEREF", "DELETE_FAST", "DELETE_DEREF")
_LOADS: Final = ("LOAD_FAST", "LOAD_DEREF")
_MAKES: Final[dict[str, Callable[[Any], Any]]] = {"BUILD_LIST": list, "BUILD_SET": set}
_ADDS: Final = frozenset({"LIST_EXTEND", "SET_UPDATE", "LIST_APPEND", "SET_ADD", "MAP_ADD", "DICT_UPDATE"})


class _Stack:
    """Of what is on top of it, the literals, the parameters, and the object itself; UNKNOWN is the rest."""

    def __init__(self, me: str, parameters: set[str]) -> None:
        self._me, self._parameters = me, parameters
        self._held = list[Any]()

    def clear(self) -> None:
        self._held.clear()

    def take(self, count: int) -> list[Any]:
        """The topmost so many, the deepest first; nothing is known of what lay below."""
        self._deepen(count)
        taken = self._held[len(self._held) - count :]
        del self._held[len(self._held) - count :]
        return taken

    def _deepen(self, count: int) -> None:
        self._held[:0] = [UNKNOWN] * (count - len(self._held))

    def follow(self, step: dis.Instruction) -> None:
        """What the step leaves there; where it does more than to move things, nothing is known any more."""
        name, count = step.opname, step.arg or 0
        if name == "LOAD_CONST":
            is_told = step.argval is not None or step.argrepr == "None"
            self._held.append(Constant(step.argval) if is_told else UNKNOWN)
        elif name in _LOADS:
            self._held.append(self._loaded(step.argval))
        elif name in ("LOAD_GLOBAL", "LOAD_CLOSURE") and not (name == "LOAD_GLOBAL" and count & 1):
            self._held.append(UNKNOWN)
        elif name == "COPY":
            self._deepen(count)
            self._held.append(self._held[-count])
        elif name == "SWAP":
            self._deepen(count)
            self._held[-1], self._held[-count] = self._held[-count], self._held[-1]
        elif name == "BUILD_TUPLE":
            self._held.append(self.take(count))
        elif name == "UNPACK_SEQUENCE":
            (value,) = self.take(1)
            if isinstance(value, Constant) and type(value.value) is tuple:
                value = list(map(Constant, value.value))
            self._held += value[::-1] if type(value) is list and len(value) == count else [UNKNOWN] * count
        elif name in ("STORE_FAST", "POP_TOP"):
            self.take(1)
        elif name.startswith("BUILD_") or name in _ADDS:
            self._build(name, count)
        elif name not in ("NOP", "CACHE", "EXTENDED_ARG"):
            self.clear()

    def _loaded(self, variable: str) -> Any:
        if variable == self._me:
            return _ME
        return Parameter(variable) if variable in self._parameters else UNKNOWN

    def _build(self, name: str, count: int) -> None:
        """A display, or something that is put into one."""
        if name in _MAKES:
            self._held.append(Display(_MAKES[name], tuple(map(_part, self.take(count)))))
        elif name == "BUILD_MAP":
            taken = list(map(_part, self.take(2 * count)))
            self._held.append(Display(dict, tuple(zip(taken[::2], taken[1::2], strict=True))))
        elif name == "BUILD_CONST_KEY_MAP":
            *values, keys = self.take(count + 1)
            names = map(Constant, keys.value)
            self._held.append(Display(dict, tuple(zip(names, map(_part, values), strict=True))))
        elif name in ("LIST_APPEND", "SET_ADD", "MAP_ADD") and count == 1:
            parts = tuple(map(_part, self.take(2 if name == "MAP_ADD" else 1)))
            self._add((parts,) if name == "MAP_ADD" else parts)
        elif name in _ADDS and count == 1:
            (more,) = self.take(1)
            if isinstance(more, Display) and more.kind is dict and name == "DICT_UPDATE":
                self._add(more.parts)
            elif isinstance(more, Constant) and name != "DICT_UPDATE":
                self._add(tuple(map(Constant, more.value)))
            else:
                self.clear()
        else:
            self.clear()

    def _add(self, parts: tuple[Any, ...]) -> None:
        (held,) = self.take(1)
        self._held.append(Display(held.kind, held.parts + parts) if isinstance(held, Display) else UNKNOWN)


def _part(value: Any) -> Any:
    return value if isinstance(value, Literal) else UNKNOWN


def parameters_of(code: CodeType) -> tuple[tuple[str, ...], frozenset[str], bool]:
    """Those that are taken by their place, without the object itself; those taken by name alone; and whether
    more are taken as they come."""
    end = code.co_argcount + code.co_kwonlyargcount
    takes_more = bool(code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))
    return (
        code.co_varnames[1 : code.co_argcount],
        frozenset(code.co_varnames[code.co_argcount : end]),
        takes_more,
    )

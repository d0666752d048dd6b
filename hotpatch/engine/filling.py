"""Code that fills an attribute, or a variable, when it is first asked: `if self._x is None: self._x = f()`.

Told from instructions, as CPython 3.11 to 3.13 have them: a question whether it is filled, a branch, and on
that branch one value that is made and stored.  Where more than that is done, the value is not all that came
of it, and nothing is said.
"""

from __future__ import annotations

import dis
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any, Final

from attrs import frozen

from . import codes, instructions
from .parts_used import loads
from .reach import Chain, chains

Target = tuple[str, str]
"""("attr", name) of the first argument, or ("name", name) of the module."""

_NOISE: Final = frozenset({"PRECALL", "TO_BOOL", "NOP", "RESUME", "EXTENDED_ARG", "CACHE", "PUSH_NULL"})
_STORES: Final = ("STORE_ATTR", "STORE_GLOBAL")
_DOES_MORE: Final = frozenset({"POP_TOP", "STORE_SUBSCR", "DELETE_SUBSCR", "DELETE_ATTR", "DELETE_GLOBAL"})
ASKED_IN: Final = 4
"""Instructions of a question, at most: `hasattr(self, name)`."""
_FILLED: Final = ("IF_NOT_NONE", "IF_TRUE")
_EMPTY: Final = ("IF_NONE", "IF_FALSE")


@frozen
class Filling:
    """What a value is made of."""

    said: tuple[Any, ...]
    """The instructions, comparable with those of another code object."""
    chains: frozenset[Chain]
    """What is read for it."""


def fillings(code: CodeType) -> Mapping[Target, Filling]:
    steps = [step for step in instructions.of(code) if step.opname not in _NOISE]
    inside = instructions.comprehensions(steps)
    offsets = [step.offset for step in steps]
    found: dict[Target, Filling] = {}
    for i, step in enumerate(steps):
        if not step.opname.startswith("POP_JUMP"):
            continue
        asked = _asks(code, steps[max(0, i - ASKED_IN) : i])
        if asked is None:
            continue
        if step.opname.endswith(_FILLED):
            start, end = i + 1, bisect_left(offsets, step.argval)
        elif step.opname.endswith(_EMPTY):
            start, end = bisect_left(offsets, step.argval), len(steps)
        else:
            continue
        does_more = (k for k in range(start, end) if steps[k].opname in _DOES_MORE and k not in inside)
        made = _made(code, steps[start : next(does_more, end)], asked)
        if made is not None:
            found.setdefault(asked, _filling(code, made))
    return found


def _asks(code: CodeType, before: Sequence[dis.Instruction]) -> Target | None:
    """What the instructions just before a branch ask about."""
    if not before:
        return None
    last = before[-1]
    if last.opname == "LOAD_GLOBAL":
        return "name", str(last.argval)
    if last.opname == "LOAD_ATTR" and len(before) > 1 and _is_self(code, before[-2]):
        return "attr", str(last.argval)
    has = last.opname == "CALL" and len(before) > 3 and before[-4].argval == "hasattr"
    if has and _is_self(code, before[-3]) and before[-2].opname == "LOAD_CONST":
        return "attr", str(before[-2].argval)
    return None


def _is_self(code: CodeType, step: dis.Instruction) -> bool:
    return bool(code.co_argcount) and loads(step, code.co_varnames[0])


def _made(
    code: CodeType, steps: Sequence[dis.Instruction], target: Target
) -> Sequence[dis.Instruction] | None:
    """The instructions up to the one that fills it, if they do no more than make the value."""
    for i, step in enumerate(steps):
        if step.opname in _STORES:
            kind = "name" if step.opname == "STORE_GLOBAL" else "attr"
            whose = kind == "name" or (i > 0 and _is_self(code, steps[i - 1]))
            return steps[: i + 1] if whose and target == (kind, step.argval) else None
        if step.opname.startswith("RETURN"):
            return None
    return None


def _filling(code: CodeType, steps: Sequence[dis.Instruction]) -> Filling:
    said = []
    for step in steps:
        value: Any = None if step.opcode in codes.JUMPS else step.argval
        if isinstance(value, CodeType):
            value = codes.key_of(value).body
        said.append((step.opname, repr(value)))
    return Filling(tuple(said), chains(code, steps))
